/* What an instrument is told. The product has none. */
#include "runtime/driver/host_state.h"
#include "runtime/driver/host_tag.h"

void lazyi_host_set_instrument(const lazyi_host_instrument *instrument) {
  lazyi_host.instrument = instrument;
}

void lazyi_host_instrument_submitted(lazyi_host_command *command) {
  lazyi_host.instrument->order(&lazyi_host.past, &command->past);
  lazyi_host.instrument->order(&command->stream->waited, &command->past);
  lazyi_host.instrument->forget(&command->stream->waited);
}

/* It left its stream, which knows what it knew; already, but for waits and replays. */
void lazyi_host_instrument_left(lazyi_host_command *command) {
  lazyi_host.instrument->order(&command->past, &command->stream->past);
  lazyi_host.instrument->forget(&command->past);
}

const char *lazyi_host_command_name(const lazyi_host_command *command) {
  switch (command->kind) {
    case LAZYI_HOST_COPY: return "copy";
    case LAZYI_HOST_FILL: return "fill";
    case LAZYI_HOST_KERNEL: return command->as.kernel.kernel->name;
    default: return "host function";
  }
}

static uint64_t spelled(const void *memory, bool is_device) {
  uint64_t address = (uintptr_t)memory;
  return is_device && lazyi_host.strict ? address | LAZYI_HOST_TAG : address;
}

static lazyi_host_work work_of(lazyi_host_command *command) {
  lazyi_host_work work = {
      .name = lazyi_host_command_name(command), .past = &command->stream->past, .state = &command->state};
  switch (command->kind) {
    case LAZYI_HOST_COPY:
      work.to_device = command->as.copy.to_device;
      work.from_device = command->as.copy.from_device;
      work.to = spelled(command->as.copy.to, work.to_device);
      work.from = spelled(command->as.copy.from, work.from_device);
      work.bytes = command->as.copy.bytes;
      break;
    case LAZYI_HOST_FILL:
      work.to_device = true;
      work.to = spelled(command->as.fill.to, true);
      work.bytes = command->as.fill.bytes;
      break;
    case LAZYI_HOST_KERNEL:
      work.kernel = command->as.kernel.kernel;
      work.params = command->as.kernel.params;
      work.shape = &command->shape;
      work.order = command->as.kernel.order;
      work.seed = command->as.kernel.seed;
      break;
    default: break;
  }
  return work;
}

static bool survives(int result) {
  if (result == LAZY_DRIVER_SUCCESS) return true;
  if (lazyi_host.lost == LAZY_DRIVER_SUCCESS) lazyi_host.lost = result;
  return false;
}

bool lazyi_host_instrument_begin(lazyi_host_command *command) {
  const lazyi_host_work work = work_of(command);
  lazyi_host.instrument->order(&command->past, work.past);
  return survives(lazyi_host.instrument->begin(&work));
}

/* A host function may tell the program by itself that it has run. */
void lazyi_host_instrument_end(lazyi_host_command *command) {
  const lazyi_host_work work = work_of(command);
  (void)survives(lazyi_host.instrument->end(&work));
  if (command->kind == LAZYI_HOST_CALL) lazyi_host.instrument->order(work.past, &lazyi_host.past);
}
