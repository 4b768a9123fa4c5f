/* What PyTorch would have changed in place: found where somebody still reads it. */
#include <stdio.h>

#include "runtime/base/memory.h"
#include "runtime/graph/record.h"
#include "runtime/module/module.h"

void lazyi_recording_overwrite(lazy_recorder *recorder, lazy_tensor tensor) {
  lazyi_recording *recording = lazyi_recording_of(recorder);
  int32_t slot;
  if (recorder->status != LAZY_STATUS_OK || recorder->context->warn == NULL) return;
  lazy_status status = lazyi_recording_slot(recording, tensor, &slot);
  if (status == LAZY_STATUS_OK)
    status = lazyi_vector_push(
        &recording->overwrites,
        (lazyi_recorded_overwrite){slot, (int32_t)recording->ops.count - 1, recording->call});
  if (status != LAZY_STATUS_OK) lazyi_recording_poison(recording, status);
}

/* The tensor whose memory this one is a view of. */
static int32_t root_of(const lazyi_recording *recording, int32_t slot) {
  for (;;) {
    const lazyi_recorded_tensor *tensor = recording->tensors.at + slot;
    if (tensor->kind != LAZYI_TENSOR_RESULT || !recording->ops.at[tensor->source]->is_view) return slot;
    slot = recording->table.operands.at[recording->table.nodes.at[tensor->source].operands];
  }
}

/* The first node after the overwrite that reads its tensor; -1 if none does. */
static int32_t find_reader(const lazyi_recording *recording, const lazyi_recorded_overwrite *overwrite) {
  const int32_t root = root_of(recording, overwrite->slot);
  for (size_t i = (size_t)overwrite->node + 1; i < recording->ops.count; i++) {
    const struct lazy_shape_node *node = recording->table.nodes.at + i;
    const int32_t *operands = recording->table.operands.at + node->operands;
    if (recording->ops.at[i]->is_view) continue; /* who reads the view is the reader */
    for (int k = 0; k < node->input_count + node->param_count; k++)
      if (root_of(recording, operands[k]) == root) return (int32_t)i;
  }
  return -1;
}

static bool is_output(const lazyi_recording *recording, const lazyi_recorded_overwrite *overwrite) {
  const int32_t root = root_of(recording, overwrite->slot);
  for (size_t i = 0; i < recording->tensors.count; i++)
    if (recording->tensors.at[i].is_kept && root_of(recording, (int32_t)i) == root) return true;
  return false;
}

static void tell(const lazyi_recording *recording, const lazyi_recorded_overwrite *overwrite) {
  char text[1024], path[LAZYI_PATH_BYTES], reader_path[LAZYI_PATH_BYTES] = "";
  const lazy_context *context = recording->base.context;
  const lazy_module *module = recording->calls.at[overwrite->call].module;
  const int32_t reader = find_reader(recording, overwrite);
  if (reader < 0 && !is_output(recording, overwrite)) return;
  if (reader >= 0)
    lazyi_module_path(recording->calls.at[recording->node_calls.at[reader]].module, reader_path,
                      sizeof reader_path);
  lazyi_module_path(module, path, sizeof path);
  (void)snprintf(text, sizeof text,
                 "%s '%s': inplace=True, and its input is %s%s%s%s afterwards: unchanged here, changed in "
                 "PyTorch",
                 lazyi_module_class_name(module), path, reader >= 0 ? "read by " : "wanted as an output",
                 reader >= 0 ? recording->ops.at[reader]->name : "", reader_path[0] != '\0' ? " in " : "",
                 reader_path);
  context->warn(context->warn_user, text);
}

void lazyi_recording_tell_overwrites(const lazyi_recording *recording) {
  for (size_t i = 0; i < recording->overwrites.count; i++) tell(recording, recording->overwrites.at + i);
}
