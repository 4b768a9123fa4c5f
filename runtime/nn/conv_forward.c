/* A convolution's launches: the direct kernel where groups are thin, else products: with the image itself for
   kernels of one element, with columns of bounded size for others. */
#include "runtime/nn/conv.h"
#include "runtime/tensor/core.h"

enum {
  THIN_CHANNELS = 4, /* of a group, at most: a product would have too short sums to pay for its columns */
  PER_BLOCK = 1024,  /* elements a block takes before a further one pays */
};

static bool is_direct(const lazyi_conv *conv) {
  return conv->groups > 1 && conv->in_channels / conv->groups <= THIN_CHANNELS;
}

/* Every output position reads just the input's same position: the image is its columns. */
static bool is_pointwise(const lazyi_conv *conv) {
  bool holds = conv->taps == 1;
  for (int d = 0; d < 3; d++)
    holds =
        holds && conv->walk.stride[d] == 1 && conv->walk.low[d] == 0 && conv->walk.in[d] == conv->walk.out[d];
  return holds;
}

/* How columns are cut: `images` at once, or one image in pieces of `positions`. */
typedef struct pieces {
  int64_t rows, images, positions;
} pieces;

static pieces pieces_of(const lazyi_conv *conv) {
  pieces cut = {conv->in_channels * conv->taps, 1, conv->out_size};
  const int64_t most = LAZYI_CONV_COLUMN_BYTES / (int64_t)conv->element;
  const int64_t rows = cut.rows > 0 ? cut.rows : 1;
  if (rows * conv->out_size <= most) {
    cut.images = most / (rows * conv->out_size);
    if (cut.images > conv->images) cut.images = conv->images;
  } else {
    cut.positions = most / rows > 0 ? most / rows : 1;
  }
  return cut;
}

static uint64_t column_bytes(const lazyi_conv *conv) {
  const pieces cut = pieces_of(conv);
  if (is_direct(conv) || is_pointwise(conv)) return 0;
  const uint64_t bytes = (uint64_t)(cut.rows * cut.images * cut.positions) * conv->element;
  return (bytes + LAZY_PARAM_ALIGNMENT - 1) / LAZY_PARAM_ALIGNMENT * LAZY_PARAM_ALIGNMENT;
}

/* Products of a piece: of one group with all images, or of one image with all groups, whichever are fewer
   calls. `columns` of group 0 and image 0 are at the address. */
typedef struct products {
  uint64_t columns, y;
  int64_t images, positions;
  int64_t group_columns, image_columns; /* elements from one to the next */
  int64_t columns_row;
} products;

static lazyi_gemm product_of(const lazyi_conv *conv, const products *of, bool by_group) {
  const int64_t out = conv->out_channels / conv->groups, in = conv->in_channels / conv->groups;
  return (lazyi_gemm){.a = conv->weight,
                      .b = of->columns,
                      .c = of->y,
                      .m = out,
                      .n = of->positions,
                      .k = in * conv->taps,
                      .a_row = in * conv->taps,
                      .b_row = of->columns_row,
                      .c_row = conv->out_size,
                      .batch = by_group ? of->images : conv->groups,
                      .a_batch = by_group ? 0 : out * in * conv->taps,
                      .b_batch = by_group ? of->image_columns : of->group_columns,
                      .c_batch = by_group ? conv->out_channels * conv->out_size : out * conv->out_size,
                      .alpha = 1,
                      .beta = conv->bias != 0 ? 1 : 0,
                      .dtype = conv->dtype};
}

static lazy_status multiply(const lazyi_conv *conv, const products *of, uint64_t blas_workspace) {
  const bool by_group = conv->groups <= of->images;
  const int64_t out = conv->out_channels / conv->groups, in = conv->in_channels / conv->groups;
  for (int64_t i = 0; i < (by_group ? conv->groups : of->images); i++) {
    lazyi_gemm product = product_of(conv, of, by_group);
    if (by_group) {
      product.a += (uint64_t)(i * out * in * conv->taps) * conv->element;
      product.b += (uint64_t)(i * of->group_columns) * conv->element;
      product.c += (uint64_t)(i * out * conv->out_size) * conv->element;
    } else {
      product.b += (uint64_t)(i * of->image_columns) * conv->element;
      product.c += (uint64_t)(i * conv->out_channels * conv->out_size) * conv->element;
    }
    LAZY_TRY(lazyi_conv_multiply(conv, product, blas_workspace));
  }
  return LAZY_STATUS_OK;
}

static products pointwise(const lazyi_conv *conv) {
  return (products){.columns = conv->x,
                    .y = conv->y,
                    .images = conv->images,
                    .positions = conv->out_size,
                    .group_columns = conv->in_channels / conv->groups * conv->in_size,
                    .image_columns = conv->in_channels * conv->in_size,
                    .columns_row = conv->in_size};
}
static products with_columns(const lazyi_conv *conv, const pieces *cut, uint64_t columns) {
  return (products){.columns = columns,
                    .y = conv->y,
                    .images = cut->images,
                    .positions = cut->positions,
                    .group_columns = conv->in_channels / conv->groups * conv->taps * cut->positions,
                    .image_columns = cut->rows * cut->positions,
                    .columns_row = cut->positions};
}

size_t lazyi_conv_workspace(const lazyi_op_call *call) {
  const lazyi_conv conv = lazyi_conv_of(call);
  if (is_direct(&conv)) return 0;
  const pieces cut = pieces_of(&conv);
  const products of = is_pointwise(&conv) ? pointwise(&conv) : with_columns(&conv, &cut, 0);
  const lazyi_gemm product = product_of(&conv, &of, conv.groups <= of.images);
  return (size_t)column_bytes(&conv) + lazyi_blas_workspace_bytes(call->core->blas, &product);
}

static lazy_status unfold(const lazyi_conv *conv, const pieces *cut, int64_t image, int64_t first,
                          uint64_t columns) {
  const lazyi_launcher *launcher = &conv->call->core->launcher;
  const int64_t image_elements = conv->in_channels * conv->in_size;
  const struct lazy_k_unfold_params params = {
      .from = conv->x + (uint64_t)(image * image_elements) * conv->element,
      .to = columns,
      .rows = cut->rows,
      .first = first,
      .positions = cut->positions,
      .images = cut->images,
      .from_image = image_elements,
      .to_image = cut->rows * cut->positions,
      .walk = conv->walk,
      .mode = conv->mode,
      .element_bytes = (uint32_t)conv->element};
  const uint64_t count = (uint64_t)(cut->images * cut->rows * cut->positions);
  if (count == 0) return LAZY_STATUS_OK;
  return lazyi_launch(launcher, LAZYI_KERNEL_UNFOLD, lazyi_launch_grid(launcher, count, PER_BLOCK),
                      LAZYI_LAUNCH_BLOCK, &params, conv->call->stream);
}

static lazy_status launch_direct(const lazyi_conv *conv) {
  const lazyi_launcher *launcher = &conv->call->core->launcher;
  const struct lazy_k_conv_params params = {.x = conv->x,
                                            .weight = conv->weight,
                                            .bias = conv->bias,
                                            .y = conv->y,
                                            .images = conv->images,
                                            .in_channels = conv->in_channels,
                                            .out_channels = conv->out_channels,
                                            .group_inputs = conv->in_channels / conv->groups,
                                            .group_outputs = conv->out_channels / conv->groups,
                                            .walk = conv->walk,
                                            .mode = conv->mode,
                                            .dtype = (uint32_t)conv->dtype};
  const uint64_t count = (uint64_t)(conv->images * conv->out_channels * conv->out_size);
  return lazyi_launch(launcher, LAZYI_KERNEL_CONV, lazyi_launch_grid(launcher, count, PER_BLOCK),
                      LAZYI_LAUNCH_BLOCK, &params, conv->call->stream);
}

lazy_status lazyi_conv_launch(const lazyi_op_call *call) {
  const lazyi_conv conv = lazyi_conv_of(call);
  if (is_direct(&conv)) return launch_direct(&conv);
  if (conv.bias != 0) LAZY_TRY(lazyi_conv_spread_bias(&conv));
  const uint64_t columns = call->workspace, blas_workspace = columns + column_bytes(&conv);
  if (is_pointwise(&conv)) {
    const products of = pointwise(&conv);
    return multiply(&conv, &of, blas_workspace);
  }
  const pieces whole = pieces_of(&conv);
  for (int64_t image = 0; image < conv.images; image += whole.images)
    for (int64_t first = 0; first < conv.out_size; first += whole.positions) {
      pieces cut = whole;
      if (cut.images > conv.images - image) cut.images = conv.images - image;
      if (cut.positions > conv.out_size - first) cut.positions = conv.out_size - first;
      LAZY_TRY(unfold(&conv, &cut, image, first, columns));
      products of = with_columns(&conv, &cut, columns);
      of.y += (uint64_t)(image * conv.out_channels * conv.out_size + first) * conv.element;
      LAZY_TRY(multiply(&conv, &of, blas_workspace));
    }
  return LAZY_STATUS_OK;
}
