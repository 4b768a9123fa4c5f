/* From init tickets to segments: element counts, fans, bounds, places. Plain C for host and device. */
#ifndef LAZYRT_KERNELS_SEGMENT_RULES_H
#define LAZYRT_KERNELS_SEGMENT_RULES_H

#include <stddef.h>
#ifndef __CUDACC__
#include <math.h>
#endif

#include "kernels/shape_rules.h"

/* `error` may be NULL: a first pass only asks whether. */
LAZY_RULE_INLINE int32_t segment_fail(struct lazy_shape_error *error, int32_t ticket, int32_t code,
                                      int64_t found, int64_t wanted) {
  if (error == NULL) return code;
  error->node = -1;
  error->operand = ticket;
  error->dim = -1;
  error->found = found;
  error->wanted = wanted;
  error->code = code;
  return code;
}

/* Half the width of a scaled uniform, or the deviation of a scaled normal. The order of operations is that
   of torch.nn.init and of Linear.reset_parameters, in double, so that float64 parameters get the same bounds
   to the last bit. */
LAZY_RULE_INLINE double segment_spread(uint32_t rule, uint32_t scale, lazy_dim fan_in, lazy_dim fan_out,
                                       double gain) {
  double fan = (double)(scale == LAZY_SCALE_KAIMING_FAN_OUT ? fan_out : fan_in);
  if (scale == LAZY_SCALE_XAVIER) fan += (double)fan_out;
  if (!(fan > 0.0)) return 0.0;
  /* Two roundings in PyTorch's order; one division and one root serve all, for the GPU's sake. */
  const int32_t xavier = scale == LAZY_SCALE_XAVIER;
  const double above = xavier ? 2.0 : scale == LAZY_SCALE_RSQRT_FAN_IN ? 1.0 : gain;
  const double below = xavier ? fan : sqrt(fan), ratio = above / below;
  if (scale == LAZY_SCALE_RSQRT_FAN_IN) return ratio;
  const double deviation = xavier ? gain * sqrt(ratio) : ratio;
  return rule == LAZY_INIT_UNIFORM ? sqrt(3.0) * deviation : deviation;
}

/* Product of the sizes of a row from dim `first` of `rank` on, saturated. Rows have stride 1. */
LAZY_RULE_INLINE lazy_dim segment_product(const int64_t *row, int32_t first, int32_t rank) {
  lazy_dim product = 1;
  for (int32_t i = LAZY_ROW_DIMS - rank + first; i < LAZY_ROW_DIMS; i++) product = dim_mul(product, row[i]);
  return product;
}

/* What ticket number `index` takes of memory; its place depends on those before it. */
LAZY_RULE_INLINE int32_t lazy_segment_size(const struct lazy_init_ticket *ticket, int32_t index,
                                           const int64_t *rows, struct lazy_init_segment *segment,
                                           struct lazy_shape_error *error) {
  const int64_t *row = rows + (int64_t)ticket->slot * LAZY_ROW,
                *fan_row = rows + (int64_t)ticket->fan_slot * LAZY_ROW;
  int32_t rank = (int32_t)row[LAZY_ROW_RANK], fan_rank = (int32_t)fan_row[LAZY_ROW_RANK];
  if (rank < 0) return segment_fail(error, index, LAZY_SHAPE_UNSHAPED, LAZY_RANK_UNSHAPED, 0);
  if (ticket->scale != LAZY_SCALE_GIVEN && fan_rank < 2)
    return segment_fail(error, index, LAZY_SHAPE_RANK_TOO_LOW, fan_rank, 2);
  lazy_dim count = segment_product(row, 0, rank);
  if (!dim_fits(count))
    return segment_fail(error, index, LAZY_SHAPE_OVERFLOW, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
  segment->count = (uint64_t)count;
  segment->from = 0;
  segment->dtype = ticket->dtype;
  segment->rule = ticket->rule;
  segment->host = ticket->host;
  segment->reserved = 0;
  if (!ticket->has_zero_row) return LAZY_SHAPE_OK;
  const lazy_dim height = rank > 0 ? row[LAZY_ROW_DIMS - rank] : 0;
  if (ticket->zero_row >= height || ticket->zero_row < -height)
    return segment_fail(error, index, LAZY_SHAPE_NO_SUCH_ROW, ticket->zero_row, height);
  return LAZY_SHAPE_OK;
}

/* What is drawn into it. Of the fan's row: fan_in = size(1) times all after it, fan_out the same with size(0)
   in size(1)'s place. */
LAZY_RULE_INLINE void lazy_segment_scale(const struct lazy_init_ticket *ticket, const int64_t *rows,
                                         struct lazy_init_segment *segment) {
  double a = ticket->a, b = ticket->b;
  if (ticket->scale != LAZY_SCALE_GIVEN) {
    const int64_t *fan_row = rows + (int64_t)ticket->fan_slot * LAZY_ROW;
    const int32_t rank = (int32_t)fan_row[LAZY_ROW_RANK];
    const lazy_dim fan_out = dim_mul(fan_row[LAZY_ROW_DIMS - rank], segment_product(fan_row, 2, rank));
    b = segment_spread(ticket->rule, ticket->scale, segment_product(fan_row, 1, rank), fan_out, b);
    if (ticket->host && ticket->rule == LAZY_INIT_UNIFORM) a = -b;
  }
  segment->path_hash = ticket->path_hash;
  segment->a = a;
  segment->b = b;
  segment->cut = ticket->cut;
  segment->zero_first = segment->zero_count = 0;
  if (ticket->has_zero_row) {
    const int64_t *row = rows + (int64_t)ticket->slot * LAZY_ROW;
    const int32_t rank = (int32_t)row[LAZY_ROW_RANK];
    const int64_t at = ticket->zero_row < 0 ? ticket->zero_row + row[LAZY_ROW_DIMS - rank] : ticket->zero_row;
    segment->zero_count = (uint64_t)segment_product(row, 1, rank);
    segment->zero_first = (uint64_t)at * segment->zero_count;
  }
}

/* Bytes of a segment, aligned, and its tiles. Both stay below 2^52. */
LAZY_RULE_INLINE uint64_t segment_extent(const struct lazy_init_segment *segment) {
  uint64_t bytes = segment->count * LAZY_ELEMENT_BYTES(segment->dtype);
  return (bytes + LAZY_PARAM_ALIGNMENT - 1) & ~(uint64_t)(LAZY_PARAM_ALIGNMENT - 1);
}
LAZY_RULE_INLINE uint64_t segment_tiles(const struct lazy_init_segment *segment) {
  if (segment->host || segment->rule == LAZY_INIT_NONE) return 0;
  return (segment->count + LAZY_INIT_TILE - 1) / LAZY_INIT_TILE;
}

/* Gives a sized segment its offset and first tile, after all that `summary` has summed up so far. */
LAZY_RULE_INLINE int32_t lazy_segment_place(struct lazy_init_segment *segment, int32_t index,
                                            struct lazy_infer_summary *summary,
                                            struct lazy_shape_error *error) {
  uint64_t extent = summary->extent_bytes + segment_extent(segment);
  uint64_t tiles = summary->tile_count + segment_tiles(segment);
  if (extent >= (uint64_t)LAZY_DIM_LIMIT || tiles > UINT32_MAX)
    return segment_fail(error, index, LAZY_SHAPE_OVERFLOW, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
  segment->offset = summary->extent_bytes;
  segment->first_tile = summary->tile_count;
  summary->extent_bytes = extent;
  summary->element_count += segment->count;
  summary->tile_count = (uint32_t)tiles;
  summary->segment_count++;
  return LAZY_SHAPE_OK;
}

#endif
