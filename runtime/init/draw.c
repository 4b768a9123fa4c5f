#include <string.h>

#include "runtime/init/init.h"

/* Small segments that lie close together share an upload. */
enum { GAP_BYTES = 4096 };

typedef struct drawing {
  const lazyi_launcher *launcher;
  lazyi_staging *staging;
  const lazyi_init_job *job;
  lazy_driver_stream stream;
  lazyi_staging_room room; /* memory NULL: no chunk is open */
  uint64_t begin;          /* the open chunk is [begin, begin + fill) of the extent */
  size_t fill;
} drawing;

static lazy_status open_chunk(drawing *d, uint64_t begin) {
  uint64_t left = d->job->answer->summary.extent_bytes - begin;
  size_t bytes = left < LAZYI_STAGING_CHUNK_BYTES ? (size_t)left : LAZYI_STAGING_CHUNK_BYTES;
  d->begin = begin;
  d->fill = 0;
  return lazyi_staging_acquire(d->staging, bytes, d->stream, &d->room);
}

/* Queues the open chunk's upload, or with `drop` gives its memory back alone. */
static lazy_status close_chunk(drawing *d, bool drop) {
  if (d->room.memory == NULL) return LAZY_STATUS_OK;
  lazy_status status = LAZY_STATUS_OK;
  if (!drop)
    status = LAZYI_DRIVER(d->launcher->device, memcpy_htod_async, d->job->base + d->begin, d->room.memory,
                          d->fill, d->stream);
  lazyi_staging_release(d->staging, d->room, d->stream);
  d->room.memory = NULL;
  return status;
}

/* The next elements of a segment, as many as `room` takes and the rule allows. */
static size_t draw_piece(drawing *d, const struct lazy_init_segment *segment, uint64_t done, size_t room,
                         void *out) {
  const uint64_t left = segment->count - done;
  const bool fma = d->job->stream == LAZY_STREAM_TORCH_CPU_FMA;
  if (segment->rule == LAZY_INIT_NORMAL) {
    const lazyi_torch_normal_options options = {
        .dtype = (lazy_dtype)segment->dtype, .fma = fma, .mean = segment->a, .std = segment->b};
    const size_t now = lazyi_torch_normal_piece(left, room);
    lazyi_torch_normal(d->job->generator, &options, segment->count, done, now, out);
    return now;
  }
  if (segment->rule == LAZY_INIT_TRUNCATED) {
    const lazyi_torch_truncated_options options = {.dtype = (lazy_dtype)segment->dtype,
                                                   .fma = fma,
                                                   .mean = segment->a,
                                                   .std = segment->b,
                                                   .low = segment->cut.low,
                                                   .high = segment->cut.high};
    const size_t now = left < room ? (size_t)left : room;
    lazyi_torch_truncated(d->job->generator, &options, now, out);
    return now;
  }
  const lazyi_torch_uniform_options options = {
      .dtype = (lazy_dtype)segment->dtype, .fma = fma, .from = segment->a, .to = segment->b};
  const size_t now = left < room ? (size_t)left : room;
  lazyi_torch_uniform(d->job->generator, &options, now, out);
  return now;
}

/* Zeros where the segment wants them, among elements done .. done + now - 1 at `out`. */
static void clear_zeros(const struct lazy_init_segment *segment, uint64_t done, size_t now, void *out) {
  const size_t each = lazy_dtype_bytes((lazy_dtype)segment->dtype);
  const uint64_t end = segment->zero_first + segment->zero_count;
  const uint64_t from = segment->zero_first > done ? segment->zero_first : done,
                 to = end < done + now ? end : done + now;
  if (from < to) memset((unsigned char *)out + (from - done) * each, 0, (to - from) * each);
}

/* Draws one segment, in as many chunks as it takes. */
static lazy_status draw_segment(drawing *d, const struct lazy_init_segment *segment) {
  const size_t element_bytes = lazy_dtype_bytes((lazy_dtype)segment->dtype);
  const size_t least = segment->rule == LAZY_INIT_NORMAL ? 2 * LAZYI_TORCH_GROUP : 1;
  for (uint64_t done = 0; done < segment->count;) {
    const uint64_t place = segment->offset + done * element_bytes, left = segment->count - done;
    const size_t needed = (left < least ? (size_t)left : least) * element_bytes;
    bool reaches = d->room.memory != NULL && place - d->begin <= d->fill + GAP_BYTES &&
                   place - d->begin + needed <= d->room.bytes;
    if (!reaches) {
      LAZY_TRY(close_chunk(d, false));
      LAZY_TRY(open_chunk(d, place));
    }
    const size_t at = (size_t)(place - d->begin);
    unsigned char *out = (unsigned char *)d->room.memory + at;
    const size_t now = draw_piece(d, segment, done, (d->room.bytes - at) / element_bytes, out);
    clear_zeros(segment, done, now, out);
    d->fill = at + now * element_bytes;
    done += now;
  }
  return LAZY_STATUS_OK;
}

static lazy_status draw_on_host(drawing *d) {
  for (uint32_t i = 0; i < d->job->answer->summary.segment_count; i++) {
    const struct lazy_init_segment *segment = d->job->answer->segments + i;
    if (segment->count == 0) continue;
    if (segment->host) LAZY_TRY(draw_segment(d, segment));
    else if (segment->rule == LAZY_INIT_NONE) /* not to be written over by a chunk that spans it */
      LAZY_TRY(close_chunk(d, false));
  }
  return close_chunk(d, false);
}

lazy_status lazyi_init_draw(const lazyi_launcher *launcher, lazyi_staging *staging, const lazyi_init_job *job,
                            lazy_driver_stream stream) {
  const struct lazy_infer_summary *summary = &job->answer->summary;
  if (job->stream != LAZY_STREAM_KEYED) {
    drawing d = {.launcher = launcher, .staging = staging, .job = job, .stream = stream};
    lazy_status status = draw_on_host(&d);
    if (status != LAZY_STATUS_OK) {
      (void)close_chunk(&d, true);
      return status;
    }
  }
  if (summary->tile_count == 0) return LAZY_STATUS_OK;
  /* After the uploads: they may have crossed segments that the device fills. */
  const struct lazy_k_init_params_params params = {.segments = job->answer->device_segments,
                                                   .base = job->base,
                                                   .seed = job->seed,
                                                   .segment_count = summary->segment_count,
                                                   .tile_count = summary->tile_count,
                                                   .sums = job->sums};
  return lazyi_launch(launcher, LAZYI_KERNEL_INIT_PARAMS, lazyi_launch_grid(launcher, summary->tile_count, 1),
                      LAZYI_LAUNCH_BLOCK, &params, stream);
}
