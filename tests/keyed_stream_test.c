/* The stream keyed/1 is what its description says, whoever compiled the kernels and however they are
 * launched. */
#include <lazyrt/lazyrt.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "tests/golden/keyed.h"

static const struct {
  lazy_dtype dtype;
  const void *bits;
  size_t bytes;
} golden[] = {
    {LAZY_DTYPE_F32, golden_keyed_f32, sizeof golden_keyed_f32},
    {LAZY_DTYPE_F16, golden_keyed_f16, sizeof golden_keyed_f16},
    {LAZY_DTYPE_BF16, golden_keyed_bf16, sizeof golden_keyed_bf16},
    {LAZY_DTYPE_F64, golden_keyed_f64, sizeof golden_keyed_f64},
};

static lazy_status build(lazy_context *context, lazy_module **out_model) {
  LAZY_TRY(
      lazy_module_parse(context, "Sequential(\n  (0): LazyLinear(5)\n  (1): LazyLinear(3)\n)", out_model));
  return lazy_module_set_name(*out_model, "net");
}

/* Everything in the state dict, one entry after the other. */
static size_t read_all(lazy_module *model, unsigned char *out, size_t room) {
  lazy_state *state;
  size_t filled = 0;
  if (!EXPECT_OK(lazy_module_state(model, &state))) return 0;
  for (size_t i = 0; i < lazy_state_count(state); i++) {
    lazy_spec spec;
    size_t bytes = EXPECT_TRUE(lazy_state_spec(state, i, &spec)) ? lazy_dtype_bytes(spec.dtype) : 0;
    for (int d = 0; d < spec.shape.rank; d++) bytes *= (size_t)spec.shape.dims[d];
    if (!EXPECT_LE(filled + bytes, room) || !EXPECT_OK(lazy_state_read(state, i, out + filled, bytes))) break;
    filled += bytes;
  }
  lazy_state_release(state);
  return filled;
}

TEST_ON_DRIVERS(keyed_stream, golden) {
  for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
    CHECK_CASE("%s", lazy_dtype_name(golden[i].dtype));
    lazy_context_options options = {
        .struct_size = sizeof options, .default_dtype = golden[i].dtype, .seed = GOLDEN_KEYED_SEED};
    lazy_context *context;
    lazy_module *model;
    unsigned char found[512];
    memset(found, 0xcd, sizeof found);
    ASSERT_OK(lazy_context_open(env->device, &options, &context));
    ASSERT_OK(build(context, &model));
    ASSERT_OK(lazy_module_dry_run(model, LAZY_ARGS(LAZY_INPUT(2, 7)), NULL));
    EXPECT_EQ(read_all(model, found, sizeof found), golden[i].bytes);
    EXPECT_BYTES_EQ(found, golden[i].bits, golden[i].bytes);
    lazy_module_release(model);
    lazy_context_close(context);
  }
}

/* Converting first and drawing then, or drawing f32 and converting: the same values. */
TEST_ON_DRIVERS(keyed_stream, conversion_commutes_with_drawing) {
  for (size_t i = 1; i < 3; i++) {
    for (int convert_first = 0; convert_first < 2; convert_first++) {
      CHECK_CASE("%s, %s", lazy_dtype_name(golden[i].dtype),
                 convert_first ? "converted, drawn" : "drawn, converted");
      lazy_context_options options = {.struct_size = sizeof options, .seed = GOLDEN_KEYED_SEED};
      lazy_context *context;
      lazy_module *model;
      unsigned char found[512] = {0};
      ASSERT_OK(lazy_context_open(env->device, &options, &context));
      ASSERT_OK(build(context, &model));
      if (convert_first) ASSERT_OK(lazy_module_convert(model, golden[i].dtype));
      ASSERT_OK(lazy_module_dry_run(
          model, LAZY_ARGS(LAZY_INPUT_OF(convert_first ? golden[i].dtype : LAZY_DTYPE_F32, 2, 7)), NULL));
      if (!convert_first) ASSERT_OK(lazy_module_convert(model, golden[i].dtype));
      EXPECT_EQ(read_all(model, found, sizeof found), golden[i].bytes);
      EXPECT_BYTES_EQ(found, golden[i].bits, golden[i].bytes);
      lazy_module_release(model);
      lazy_context_close(context);
    }
  }
}

/* A layer's values do not depend on what else the model holds or which layer was called first. */
TEST_ON_DRIVERS(keyed_stream, order_of_first_calls_does_not_matter) {
  lazy_context_options options = {.struct_size = sizeof options, .seed = GOLDEN_KEYED_SEED};
  lazy_context *context;
  lazy_module *model, *second;
  unsigned char found[512] = {0};
  ASSERT_OK(lazy_context_open(env->device, &options, &context));
  ASSERT_OK(build(context, &model));
  ASSERT_OK(lazy_module_find(model, "1", &second));
  ASSERT_OK(lazy_module_dry_run(second, LAZY_ARGS(LAZY_INPUT(2, 5)), NULL));
  ASSERT_OK(lazy_module_dry_run(model, LAZY_ARGS(LAZY_INPUT(2, 7)), NULL));
  EXPECT_EQ(read_all(model, found, sizeof found), golden[0].bytes);
  EXPECT_BYTES_EQ(found, golden[0].bits, golden[0].bytes);
  lazy_module_release(model);
  lazy_context_close(context);
}
