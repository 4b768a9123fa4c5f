#include "runtime/io/stream_out.h"

#include <string.h>
#include <xxhash.h>

#include "runtime/module/draw.h"
#include "runtime/module/module.h"
#include "runtime/tensor/array.h"

/* What is drawn in one launch: large enough to hide the launch, small enough for a processor's cache. */
#define BUFFER_BYTES ((size_t)4 << 20)
enum { MAX_SEGMENTS = 1024 };

/* ---- what the files are ---- */

static lazy_status make_segments(lazyi_stream_out *out) {
  const lazy_state *state = out->state;
  out->segments = lazyi_memory_calloc(state->entries.count + 1, sizeof *out->segments);
  LAZYI_TRY_ALLOC(out->segments);
  for (size_t i = 0; i < state->entries.count; i++) {
    const lazyi_state_entry *entry = &state->entries.at[i];
    if (entry->param->state != LAZY_PARAM_STATE_SHAPED) continue;
    lazy_status status = lazyi_draw_segment(entry->param, &out->segments[i]);
    if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "'%s'", entry->key);
  }
  return LAZY_STATUS_OK;
}

static lazy_status make_files(lazyi_stream_out *out) {
  out->files = lazyi_memory_calloc(out->layout.shards.count, sizeof *out->files);
  LAZYI_TRY_ALLOC(out->files);
  XXH3_state_t digest;
  XXH3_64bits_reset(&digest);
  for (size_t i = 0; i < out->layout.shards.count; i++) {
    lazyi_stream_file *file = &out->files[i];
    LAZY_TRY(
        lazyi_safetensors_write_header(&out->layout.shards.at[i].header, &file->head, &file->head_bytes));
    file->bytes = file->head_bytes + out->layout.shards.at[i].data_bytes;
    XXH3_64bits_update(&digest, file->head, file->head_bytes);
  }
  XXH3_64bits_update(&digest, out->segments, out->state->entries.count * sizeof *out->segments);
  XXH3_64bits_update(&digest, &out->context->seed, sizeof out->context->seed);
  out->digest = XXH3_64bits_digest(&digest);
  return LAZY_STATUS_OK;
}

static lazy_status lay_out(lazyi_stream_out *out, const lazy_stream_out_options *options) {
  uint64_t shard_bytes = options->shard_bytes != 0 ? options->shard_bytes : LAZY_SHARD_BYTES;
  if (options->one_file) shard_bytes = UINT64_MAX;
  LAZY_TRY(lazyi_shards_lay_out(out->state, shard_bytes, options->metadata_keys, options->metadata_values,
                                options->metadata_count, &out->layout));
  LAZY_TRY(make_segments(out));
  if (options->fingerprint) {
    out->sums = lazyi_memory_calloc(out->state->entries.count + 1, sizeof *out->sums);
    LAZYI_TRY_ALLOC(out->sums);
  }
  return make_files(out);
}

lazy_status lazyi_stream_out_open(lazy_module *module, const lazy_stream_out_options *options,
                                  lazyi_stream_out *out_stream) {
  lazyi_stream_out out = {.context = lazyi_context_retain(module->context)};
  lazyi_module_lock(module);
  lazy_status status = lazy_module_state(module, &out.state);
  if (status == LAZY_STATUS_OK) status = lay_out(&out, options);
  lazyi_module_unlock(module);
  if (status == LAZY_STATUS_OK) *out_stream = out;
  else lazyi_stream_out_close(&out);
  return status;
}

void lazyi_stream_out_close(lazyi_stream_out *out) {
  lazyi_memory_free(out->sums);
  for (size_t i = 0; out->files != NULL && i < out->layout.shards.count; i++)
    lazyi_memory_free(out->files[i].head);
  lazyi_memory_free(out->files);
  lazyi_memory_free(out->segments);
  lazyi_shards_deinit(&out->layout);
  lazy_state_release(out->state);
  lazyi_context_release(out->context);
}

/* ---- a thread's means ---- */

lazy_status lazyi_stream_drawer_open(const lazyi_stream_out *out, lazyi_stream_drawer *out_drawer) {
  lazyi_core *core = out->context->core;
  lazyi_stream_drawer drawer = {.out = out};
  lazy_status status =
      LAZYI_DRIVER(&core->device, stream_create, &drawer.stream, LAZY_DRIVER_STREAM_NON_BLOCKING);
  if (status == LAZY_STATUS_OK)
    status = lazyi_arena_alloc(&core->arena, BUFFER_BYTES, drawer.stream, NULL, &drawer.buffer);
  if (status == LAZY_STATUS_OK && out->sums != NULL)
    status = lazyi_summer_open(core, drawer.stream, out->sums, &drawer.summer);
  if (status == LAZY_STATUS_OK) *out_drawer = drawer;
  else lazyi_stream_drawer_close(&drawer);
  return status;
}

static void release_arrays(lazyi_stream_drawer *drawer) {
  for (size_t i = 0; i < drawer->arrays.count; i++) lazy_array_release(drawer->arrays.at[i]);
  drawer->arrays.count = 0;
}

lazy_status lazyi_stream_drawer_rest(lazyi_stream_drawer *drawer) {
  lazy_status status = drawer->out->sums != NULL ? lazyi_summer_settle(&drawer->summer) : LAZY_STATUS_OK;
  release_arrays(drawer);
  return status;
}

void lazyi_stream_drawer_close(lazyi_stream_drawer *drawer) {
  lazyi_core *core = drawer->out->context->core;
  if (drawer->stream != NULL) (void)core->device.driver->stream_synchronize(drawer->stream);
  release_arrays(drawer);
  if (drawer->summer.core != NULL) lazyi_summer_close(&drawer->summer);
  if (drawer->buffer.bytes != 0) lazyi_arena_free(&core->arena, drawer->buffer, drawer->stream);
  if (drawer->stream != NULL) (void)core->device.driver->stream_destroy(drawer->stream);
  lazyi_vector_deinit(&drawer->segments);
  lazyi_vector_deinit(&drawer->wanted);
  lazyi_vector_deinit(&drawer->arrays);
}

/* ---- bytes ---- */

static uint32_t tiles_of(const struct lazy_init_segment *segment) {
  if (segment->rule == LAZY_INIT_NONE) return 0;
  return (uint32_t)((segment->count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE);
}

/* Tiles are summed by the launch that draws them; what nothing draws, by one more. */
static lazy_status draw_gathered(lazyi_stream_drawer *drawer) {
  const size_t count = drawer->segments.count;
  const lazy_driver_address base = drawer->buffer.address;
  uint64_t sums = 0;
  uint32_t tiles = 0;
  if (drawer->out->sums != NULL) {
    for (size_t i = 0; i < count; i++) tiles += tiles_of(&drawer->segments.at[i]);
    LAZY_TRY(lazyi_summer_reserve(&drawer->summer, tiles, &sums));
  }
  LAZY_TRY(lazyi_draw_segments(drawer->out->context, drawer->segments.at, count, base, sums, drawer->stream));
  if (drawer->out->sums == NULL) return LAZY_STATUS_OK;
  for (size_t i = 0; i < count; i++)
    LAZY_TRY(lazyi_summer_claim(&drawer->summer, drawer->wanted.at[i].entry,
                                drawer->segments.at[i].first_tile, tiles_of(&drawer->segments.at[i])));
  lazyi_summer_advance(&drawer->summer, tiles);
  for (size_t i = 0; i < count; i++) {
    const struct lazy_init_segment *segment = &drawer->segments.at[i];
    if (segment->rule == LAZY_INIT_NONE)
      LAZY_TRY(lazyi_summer_add(&drawer->summer, drawer->wanted.at[i].entry, (lazy_dtype)segment->dtype,
                                base + segment->offset, segment->from, segment->count));
  }
  return LAZY_STATUS_OK;
}

/* Draws what was gathered, and passes it on. Values that nothing draws are zero: files have no leftovers. */
static lazy_status flush(lazyi_stream_drawer *drawer, lazyi_stream_sink *sink) {
  lazyi_core *core = drawer->out->context->core;
  const size_t count = drawer->segments.count;
  bool empty = false;
  if (count == 0) return LAZY_STATUS_OK;
  for (size_t i = 0; i < count; i++) empty = empty || drawer->segments.at[i].rule == LAZY_INIT_NONE;
  if (empty)
    LAZY_TRY(LAZYI_DRIVER(&core->device, memset_d8_async, drawer->buffer.address, 0, drawer->used,
                          drawer->stream));
  LAZY_TRY(draw_gathered(drawer));
  for (size_t i = 0; i < count; i++)
    LAZY_TRY(sink->put_device(
        sink, drawer->buffer.address + drawer->segments.at[i].offset + drawer->wanted.at[i].skip,
        drawer->wanted.at[i].take));
  drawer->segments.count = drawer->wanted.count = drawer->used = 0;
  return LAZY_STATUS_OK;
}

/* Bytes [begin, end) of a tensor that is drawn: whole elements around them, in as many pieces as it takes. */
static lazy_status draw_tensor(lazyi_stream_drawer *drawer, size_t entry, uint64_t begin, uint64_t end,
                               lazyi_stream_sink *sink) {
  const struct lazy_init_segment *whole = &drawer->out->segments[entry];
  const size_t each = lazy_dtype_bytes((lazy_dtype)whole->dtype);
  const uint64_t last = (end - 1) / each + 1;
  for (uint64_t from = begin / each / 4 * 4; from < last;) {
    const uint64_t room = (BUFFER_BYTES - drawer->used) / each;
    uint64_t count = last - from;
    if (count > room) count = room / LAZY_INIT_TILE * LAZY_INIT_TILE;
    if (count == 0 || drawer->segments.count == MAX_SEGMENTS) {
      LAZY_TRY(flush(drawer, sink));
      continue;
    }
    struct lazy_init_segment segment = *whole;
    segment.from = from;
    segment.count = count;
    const uint64_t at = from * each, stop = at + count * each;
    const size_t skip = begin > at ? (size_t)(begin - at) : 0;
    LAZY_TRY(lazyi_vector_push(&drawer->segments, segment));
    lazyi_stream_wanted wanted = {
        .entry = entry, .skip = skip, .take = (size_t)((end < stop ? end : stop) - at) - skip};
    LAZY_TRY(lazyi_vector_push(&drawer->wanted, wanted));
    drawer->used += (count * each + LAZY_PARAM_ALIGNMENT - 1) / LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT;
    from += count;
  }
  return LAZY_STATUS_OK;
}

/* Bytes [begin, end) of a parameter that has values. */
static lazy_status copy_tensor(lazyi_stream_drawer *drawer, size_t entry, uint64_t begin, uint64_t end,
                               lazyi_stream_sink *sink) {
  lazyi_core *core = drawer->out->context->core;
  lazy_param *param = drawer->out->state->entries.at[entry].param;
  lazy_array *array, *contiguous;
  LAZY_TRY(flush(drawer, sink));
  LAZY_TRY(lazyi_vector_reserve(&drawer->arrays, 1));
  LAZY_TRY(lazy_param_array(param, &array));
  lazy_status status = lazy_array_contiguous(array, &contiguous);
  lazy_array_release(array);
  LAZY_TRY(status);
  drawer->arrays.at[drawer->arrays.count++] = contiguous;
  LAZY_TRY(lazyi_core_order(core, core->stream, drawer->stream));
  if (drawer->out->sums != NULL) {
    int64_t count;
    size_t bytes;
    LAZY_TRY(lazyi_array_measure(&contiguous->shape, contiguous->dtype, &count, &bytes));
    LAZY_TRY(
        lazyi_summer_add(&drawer->summer, entry, contiguous->dtype, contiguous->address, 0, (uint64_t)count));
  }
  return sink->put_device(sink, contiguous->address + begin, (size_t)(end - begin));
}

lazy_status lazyi_stream_draw(lazyi_stream_drawer *drawer, size_t shard, uint64_t begin, uint64_t end,
                              lazyi_stream_sink *sink) {
  const lazyi_stream_out *out = drawer->out;
  const lazyi_stream_file *file = &out->files[shard];
  const lazyi_shard *layout = &out->layout.shards.at[shard];
  if (begin < file->head_bytes)
    LAZY_TRY(sink->put(sink, file->head + begin,
                       (size_t)((end < file->head_bytes ? end : file->head_bytes) - begin)));
  for (size_t i = 0; i < layout->entries.count; i++) {
    const lazyi_safetensors_tensor *tensor = &layout->header.tensors.at[i];
    const uint64_t first = file->head_bytes + tensor->begin, last = file->head_bytes + tensor->end;
    const uint64_t from = begin > first ? begin : first, to = end < last ? end : last;
    if (from >= to) continue;
    const size_t entry = layout->entries.at[i];
    lazy_status status = out->segments[entry].dtype != 0
                             ? draw_tensor(drawer, entry, from - first, to - first, sink)
                             : copy_tensor(drawer, entry, from - first, to - first, sink);
    if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "'%s'", tensor->key);
  }
  return flush(drawer, sink);
}

typedef struct memory_sink {
  lazyi_stream_sink base;
  lazyi_core *core;
  lazy_driver_stream stream;
  unsigned char *at;
} memory_sink;

static lazy_status put_memory(lazyi_stream_sink *sink, const void *bytes, size_t count) {
  memory_sink *memory = (memory_sink *)sink;
  memcpy(memory->at, bytes, count);
  memory->at += count;
  return LAZY_STATUS_OK;
}

static lazy_status put_memory_device(lazyi_stream_sink *sink, lazy_driver_address address, size_t count) {
  memory_sink *memory = (memory_sink *)sink;
  LAZY_TRY(lazyi_staging_download(&memory->core->staging, memory->at, address, count, memory->stream));
  memory->at += count;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_stream_read(lazyi_stream_drawer *drawer, size_t shard, uint64_t begin, size_t bytes,
                              void *out_bytes) {
  memory_sink memory = {
      {put_memory, put_memory_device}, drawer->out->context->core, drawer->stream, out_bytes};
  lazy_status status = lazyi_stream_draw(drawer, shard, begin, begin + bytes, &memory.base);
  lazy_status rested = lazyi_stream_drawer_rest(drawer);
  return status == LAZY_STATUS_OK ? rested : status;
}
