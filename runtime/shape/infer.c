#include <string.h>

#include "runtime/shape/scratch.h"

lazy_status lazyi_shape_infer_create(struct lazyi_launcher *launcher, lazyi_shape_infer **out_infer) {
  lazyi_shape_infer *infer = lazyi_memory_calloc(1, sizeof *infer);
  LAZYI_TRY_ALLOC(infer);
  infer->launcher = launcher;
  *out_infer = infer;
  return LAZY_STATUS_OK;
}

/* A device that refuses to take its memory back is lost; there is nobody left to tell. */
static void free_memory(lazyi_shape_infer *infer) {
  if (infer->memory != 0) (void)infer->launcher->device->driver->mem_free(infer->memory);
  infer->memory = 0;
  infer->memory_bytes = 0;
}

static void free_staging(lazyi_shape_infer *infer) {
  if (infer->staging != NULL) (void)infer->launcher->device->driver->host_free(infer->staging);
  infer->staging = NULL;
  infer->staging_bytes = 0;
}

void lazyi_shape_infer_destroy(lazyi_shape_infer *infer) {
  if (infer == NULL) return;
  free_memory(infer);
  free_staging(infer);
  lazyi_shape_program_deinit(&infer->program);
  lazyi_memory_free(infer);
}

size_t lazyi_shape_layout_place(size_t *end, size_t count, size_t element_bytes) {
  size_t bytes, offset = SIZE_MAX, after = SIZE_MAX;
  if (!lazyi_align_size(*end, 64, &offset) || !lazyi_mul_size(count, element_bytes, &bytes) ||
      !lazyi_add_size(offset, bytes, &after))
    offset = after = SIZE_MAX;
  *end = after;
  return offset;
}

/* Half as much again as asked for, so that a model that grows node by node does not allocate at every step.
 */
static size_t with_headroom(size_t bytes) {
  size_t roomy;
  return lazyi_add_size(bytes, bytes / 2, &roomy) && lazyi_align_size(roomy, 4096, &roomy) ? roomy : bytes;
}

size_t lazyi_shape_infer_bytes(const lazyi_shape_infer *infer) { return infer->memory_bytes; }

lazy_status lazyi_shape_scratch_reserve(lazyi_shape_infer *infer, const lazyi_shape_layout *layout,
                                        lazy_driver_stream stream) {
  const lazyi_device *device = infer->launcher->device;
  size_t staging_bytes;
  if (layout->memory_bytes == SIZE_MAX ||
      !lazyi_add_size(layout->upload_bytes, layout->read_bytes, &staging_bytes))
    return lazy_status_fail(LAZY_STATUS_LIMIT, "shape inference: the table's size overflows");
  if (layout->memory_bytes > infer->memory_bytes) {
    size_t bytes = with_headroom(layout->memory_bytes);
    if (infer->memory != 0) {
      LAZY_TRY(LAZYI_DRIVER(device, stream_synchronize, stream));
      free_memory(infer);
    }
    LAZY_TRY(lazyi_device_alloc(device, bytes, &infer->memory));
    infer->memory_bytes = bytes;
  }
  if (staging_bytes > infer->staging_bytes) {
    size_t bytes = with_headroom(staging_bytes);
    void *staging = NULL;
    free_staging(infer);
    LAZY_TRY(lazyi_device_alloc_pinned(device, bytes, &staging));
    infer->staging = staging;
    infer->staging_bytes = bytes;
  }
  return LAZY_STATUS_OK;
}

static lazy_status launch(lazyi_shape_infer *infer, const lazyi_shape_layout *layout, size_t upload_from,
                          const struct lazy_k_infer_shapes_params *params, lazy_driver_stream stream) {
  const lazyi_device *device = infer->launcher->device;
  uint32_t grid = (uint32_t)((params->set_count + LAZYI_LAUNCH_BLOCK - 1) / LAZYI_LAUNCH_BLOCK);
  LAZY_TRY(LAZYI_DRIVER(device, memcpy_htod_async, infer->memory + upload_from, infer->staging + upload_from,
                        layout->upload_bytes - upload_from, stream));
  LAZY_TRY(
      lazyi_launch(infer->launcher, LAZYI_KERNEL_INFER_SHAPES, grid, LAZYI_LAUNCH_BLOCK, params, stream));
  LAZY_TRY(LAZYI_DRIVER(device, memcpy_dtoh_async, infer->staging + layout->upload_bytes,
                        infer->memory + layout->read_offset, layout->read_bytes, stream));
  return LAZYI_DRIVER(device, stream_synchronize, stream);
}

/* The scratch serves every stream of the context: after a failure too nothing may be using it still. */
lazy_status lazyi_shape_scratch_launch(lazyi_shape_infer *infer, const lazyi_shape_layout *layout,
                                       size_t upload_from, const struct lazy_k_infer_shapes_params *params,
                                       lazy_driver_stream stream) {
  lazy_status status = launch(infer, layout, upload_from, params, stream);
  if (status != LAZY_STATUS_OK) (void)infer->launcher->device->driver->stream_synchronize(stream);
  return status;
}

static void stage(lazyi_shape_infer *infer, size_t offset, const void *from, size_t bytes) {
  if (bytes != 0) memcpy(infer->staging + offset, from, bytes);
}

lazy_status lazyi_shape_infer_run(lazyi_shape_infer *infer, lazyi_shape_table *table,
                                  lazy_driver_stream stream, lazyi_shape_answer *out_answer) {
  size_t ticket_count = table->tickets.count, row_bytes = table->rows.count * sizeof(int64_t), end = 0;
  size_t nodes = lazyi_shape_layout_place(&end, table->nodes.count, sizeof(struct lazy_shape_node));
  size_t operands = lazyi_shape_layout_place(&end, table->operands.count, sizeof(int32_t));
  size_t attributes = lazyi_shape_layout_place(&end, table->attributes.count, sizeof(int64_t));
  size_t tickets = lazyi_shape_layout_place(&end, ticket_count, sizeof(struct lazy_init_ticket));
  size_t rows = lazyi_shape_layout_place(&end, table->rows.count, sizeof(int64_t));
  lazyi_shape_layout layout = {.upload_bytes = end, .read_offset = rows};
  size_t error = lazyi_shape_layout_place(&end, 1, sizeof(struct lazy_shape_error));
  size_t summary = lazyi_shape_layout_place(&end, 1, sizeof(struct lazy_infer_summary));
  size_t segments = lazyi_shape_layout_place(&end, ticket_count, sizeof(struct lazy_init_segment));
  layout.read_bytes = end - rows;
  layout.memory_bytes = end;
  LAZY_TRY(lazyi_shape_scratch_reserve(infer, &layout, stream));

  stage(infer, nodes, table->nodes.at, table->nodes.count * sizeof *table->nodes.at);
  stage(infer, operands, table->operands.at, table->operands.count * sizeof *table->operands.at);
  stage(infer, attributes, table->attributes.at, table->attributes.count * sizeof *table->attributes.at);
  stage(infer, tickets, table->tickets.at, ticket_count * sizeof *table->tickets.at);
  stage(infer, rows, table->rows.at, row_bytes);
  const struct lazy_k_infer_shapes_params params = {
      .nodes = infer->memory + nodes,
      .operands = infer->memory + operands,
      .attributes = infer->memory + attributes,
      .rows = infer->memory + rows,
      .errors = infer->memory + error,
      .tickets = infer->memory + tickets,
      .segments = infer->memory + segments,
      .summary = infer->memory + summary,
      .stride = 1,
      .node_count = (int32_t)table->nodes.count,
      .set_count = 1,
      .ticket_count = (int32_t)ticket_count,
  };
  LAZY_TRY(lazyi_shape_scratch_launch(infer, &layout, 0, &params, stream));

  const unsigned char *read = infer->staging + layout.upload_bytes - rows; /* offsets of the memory apply */
  lazyi_shape_answer answer = {0};
  memcpy(&answer.error, read + error, sizeof answer.error);
  if (answer.error.code == LAZY_SHAPE_OK) {
    memcpy(&answer.summary, read + summary, sizeof answer.summary);
    answer.segments = (const struct lazy_init_segment *)(const void *)(read + segments);
    answer.device_segments = infer->memory + segments;
    if (row_bytes != 0) memcpy(table->rows.at, read + rows, row_bytes);
    table->evaluated = (int32_t)table->nodes.count;
  }
  *out_answer = answer;
  return LAZY_STATUS_OK;
}
