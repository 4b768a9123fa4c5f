#include "runtime/launch/norm.h"

#include <math.h>

#include "runtime/launch/ops.h"

/* Elements a block takes before a further one pays. */
enum { NORMALIZE_PER_BLOCK = 4096, MERGE_PER_BLOCK = 64 };

static uint64_t align(uint64_t bytes) {
  return (bytes + LAZY_PARAM_ALIGNMENT - 1) / LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT;
}

static lazy_dtype computed(const lazyi_norm *norm) {
  return norm->dtype == LAZY_DTYPE_F64 ? LAZY_DTYPE_F64 : LAZY_DTYPE_F32;
}

/* Of the input's own statistics. */
static uint64_t group_count(const lazyi_norm *norm) {
  return norm->groups == 0 ? norm->channels : norm->images * norm->groups;
}
static uint64_t group_elements(const lazyi_norm *norm) {
  return norm->groups == 0 ? norm->images * norm->inner : norm->channels / norm->groups * norm->inner;
}
static uint64_t tile_count(const lazyi_norm *norm) {
  return (group_elements(norm) + LAZY_MOMENTS_TILE - 1) / LAZY_MOMENTS_TILE;
}
static uint64_t affine_count(const lazyi_norm *norm) {
  return norm->by_element ? norm->inner : norm->channels;
}

/* Where things lie behind the workspace's address. */
typedef struct layout {
  uint64_t mean, rstd, weight, bias, partials, end;
} layout;

static layout layout_of(const lazyi_norm *norm) {
  const uint64_t bytes = lazy_dtype_bytes(computed(norm));
  const bool running = norm->statistics == LAZYI_NORM_RUNNING, converts = norm->param_dtype != computed(norm);
  const uint64_t statistics = align((running ? norm->channels : group_count(norm)) * bytes);
  const uint64_t affine = converts ? align(affine_count(norm) * bytes) : 0;
  layout at = {.rstd = statistics, .weight = 2 * statistics};
  at.bias = at.weight + (norm->affine > 0 ? affine : 0);
  at.partials = at.bias + (norm->affine > 1 ? affine : 0);
  at.end = at.partials + (running ? 0 : align(2 * tile_count(norm) * group_count(norm) * bytes));
  return at;
}

size_t lazyi_norm_workspace_bytes(const lazyi_norm *norm) { return (size_t)layout_of(norm).end; }

/* Weight and bias in the type that is computed in. */
static lazy_status convert_affine(const lazyi_launcher *launcher, const lazyi_norm *norm, uint64_t from,
                                  uint64_t to, uint64_t *out_address, lazy_driver_stream stream) {
  const lazy_shape shape = {.rank = 1, .dims = {(int64_t)affine_count(norm)}};
  *out_address = from;
  if (norm->param_dtype == computed(norm)) return LAZY_STATUS_OK;
  *out_address = to;
  return lazyi_launch_convert(launcher, &shape, (lazyi_strided){.address = to}, computed(norm),
                              (lazyi_strided){.address = from}, norm->param_dtype, stream);
}

static lazy_status launch_moments(const lazyi_launcher *launcher, const lazyi_norm *norm, uint64_t partials,
                                  lazy_driver_stream stream) {
  const bool whole = norm->groups == 0;
  const bool empty = norm->images * norm->channels * norm->inner == 0;
  const struct lazy_k_moments_params params = {
      .x = norm->x,
      .partials = partials,
      .counter = norm->counter,
      .groups = empty ? 0 : group_count(norm),
      .runs = whole ? norm->images : 1,
      .run = whole ? norm->inner : group_elements(norm),
      .stride = whole ? norm->channels * norm->inner : group_elements(norm),
      .dtype = (uint8_t)norm->dtype,
      .about_zero = norm->about_zero};
  if (empty && norm->counter == 0) return LAZY_STATUS_OK;
  return lazyi_launch(launcher, LAZYI_KERNEL_MOMENTS,
                      lazyi_launch_grid(launcher, tile_count(norm) * params.groups, 1), LAZYI_LAUNCH_BLOCK,
                      &params, stream);
}

static lazy_status launch_merge(const lazyi_launcher *launcher, const lazyi_norm *norm, uint64_t partials,
                                uint64_t mean, uint64_t rstd, lazy_driver_stream stream) {
  const bool running = norm->statistics == LAZYI_NORM_RUNNING;
  const bool of_channels = running || norm->statistics == LAZYI_NORM_UPDATE;
  struct lazy_k_moments_merge_params params = {.partials = running ? 0 : partials,
                                               .mean = mean,
                                               .rstd = rstd,
                                               .running_mean = of_channels ? norm->running_mean : 0,
                                               .running_var = of_channels ? norm->running_var : 0,
                                               .counter = isnan(norm->momentum) ? norm->counter : 0,
                                               .channels = of_channels ? norm->channels : group_count(norm),
                                               .repeats = 1,
                                               .elements = group_elements(norm),
                                               .eps = norm->eps,
                                               .momentum = norm->momentum,
                                               .dtype = (uint8_t)computed(norm),
                                               .running_dtype = (uint8_t)norm->param_dtype};
  if (!running) params.repeats = group_count(norm) / params.channels;
  return lazyi_launch(launcher, LAZYI_KERNEL_MOMENTS_MERGE,
                      lazyi_launch_grid(launcher, params.channels, MERGE_PER_BLOCK), LAZYI_LAUNCH_BLOCK,
                      &params, stream);
}

static lazy_status launch_normalize(const lazyi_launcher *launcher, const lazyi_norm *norm, uint64_t mean,
                                    uint64_t rstd, uint64_t weight, uint64_t bias,
                                    lazy_driver_stream stream) {
  const bool of_channel = norm->groups == 0 || norm->statistics == LAZYI_NORM_RUNNING;
  struct lazy_k_normalize_params params = {
      .x = norm->x,
      .y = norm->y,
      .mean = mean,
      .rstd = rstd,
      .weight = weight,
      .bias = bias,
      .count = norm->images * norm->channels * norm->inner,
      .inner = norm->inner,
      .divide = of_channel || norm->by_element ? 1 : norm->channels / norm->groups,
      .modulo = of_channel ? norm->channels : group_count(norm),
      .affine_modulo = norm->channels,
      .dtype = (uint8_t)norm->dtype,
      .by_element = norm->by_element ? LAZY_NORM_AFFINE_BY_ELEMENT : LAZY_NORM_BY_ROW};
  if (of_channel && norm->inner == 1) {
    params.inner = norm->channels; /* a row of single elements becomes one of channels */
    params.by_element = LAZY_NORM_ALL_BY_ELEMENT;
  }
  return lazyi_launch(launcher, LAZYI_KERNEL_NORMALIZE,
                      lazyi_launch_grid(launcher, params.count, NORMALIZE_PER_BLOCK), LAZYI_LAUNCH_BLOCK,
                      &params, stream);
}

lazy_status lazyi_launch_norm(const lazyi_launcher *launcher, const lazyi_norm *norm, uint64_t workspace,
                              lazy_driver_stream stream) {
  const layout at = layout_of(norm);
  uint64_t weight = 0, bias = 0;
  if (norm->statistics != LAZYI_NORM_RUNNING)
    LAZY_TRY(launch_moments(launcher, norm, workspace + at.partials, stream));
  if (norm->images * norm->channels * norm->inner == 0) return LAZY_STATUS_OK;
  LAZY_TRY(launch_merge(launcher, norm, workspace + at.partials, workspace, workspace + at.rstd, stream));
  if (norm->affine > 0)
    LAZY_TRY(convert_affine(launcher, norm, norm->weight, workspace + at.weight, &weight, stream));
  if (norm->affine > 1)
    LAZY_TRY(convert_affine(launcher, norm, norm->bias, workspace + at.bias, &bias, stream));
  return launch_normalize(launcher, norm, workspace, workspace + at.rstd, weight, bias, stream);
}
