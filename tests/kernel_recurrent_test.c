/* lstm_cell and gru_cell against float64 with derived bounds: the same bits every way. */
#include "tests/kernel_run.h"
#include "tests/number_reference.h"
#include "tests/recurrent_reference.h"

enum { ROWS = 13, HIDDEN = 37, MORE = 5 }; /* rows lie MORE elements further apart than they are long */

static double put(uint8_t dtype, void *to, size_t i, double v) {
  const int exponent = dtype == LAZY_DTYPE_F16 ? 5 : 8, fraction = dtype == LAZY_DTYPE_F16 ? 10 : 7;
  const float f = (float)v;
  const uint16_t h = reference_round(v, exponent, fraction);
  if (dtype == LAZY_DTYPE_F64) return ((double *)to)[i] = v;
  if (dtype == LAZY_DTYPE_F32) return ((float *)to)[i] = f;
  ((uint16_t *)to)[i] = h;
  return reference_value(h, exponent, fraction);
}
static double get(uint8_t dtype, const void *from, size_t i) {
  if (dtype == LAZY_DTYPE_F64) return ((const double *)from)[i];
  if (dtype == LAZY_DTYPE_F32) return ((const float *)from)[i];
  return reference_value(((const uint16_t *)from)[i], dtype == LAZY_DTYPE_F16 ? 5 : 8,
                         dtype == LAZY_DTYPE_F16 ? 10 : 7);
}

typedef struct cells {
  uint8_t dtype;
  bool has_state;
  size_t gates, gates_row;
  char *input_gates, *hidden_gates, *before, *c,
      *h; /* device; `before` is c_in or h_in, which has h's rows */
  bounded *x, *y, *state;
} cells;

static void draw(check_env *env, cells *k) {
  const size_t each = 8;
  k->gates_row = k->gates * HIDDEN + MORE;
  k->input_gates = kernel_alloc(ROWS * k->gates_row * each);
  k->hidden_gates = kernel_alloc(ROWS * k->gates * HIDDEN * each);
  k->before = kernel_alloc(ROWS * (HIDDEN + MORE) * each);
  k->c = kernel_alloc(ROWS * HIDDEN * each);
  k->h = kernel_alloc(ROWS * (HIDDEN + MORE) * each);
  k->x = calloc(ROWS * k->gates * HIDDEN, sizeof *k->x);
  k->y = calloc(ROWS * k->gates * HIDDEN, sizeof *k->y);
  k->state = calloc(ROWS * HIDDEN, sizeof *k->state);
  for (size_t row = 0; row < ROWS; row++) {
    for (size_t j = 0; j < k->gates * HIDDEN; j++) {
      const size_t at = row * k->gates * HIDDEN + j;
      const double wide = j % 11 == 0 ? 40 : 4; /* some far into saturation */
      k->x[at].value =
          put(k->dtype, k->input_gates, row * k->gates_row + j, (check_random_unit(env) * 2 - 1) * wide);
      k->y[at].value = put(k->dtype, k->hidden_gates, at, check_random_unit(env) * 2 - 1);
    }
    for (size_t j = 0; j < HIDDEN && k->has_state; j++)
      k->state[row * HIDDEN + j].value =
          put(k->dtype, k->before, k->gates == 4 ? row * HIDDEN + j : row * (HIDDEN + MORE) + j,
              check_random_unit(env) * 2 - 1);
  }
}

static void run(const cells *k, kernel_way way, uint64_t seed) {
  if (k->gates == 4) {
    const struct lazy_k_lstm_cell_params params = {.input_gates = kernel_address(k->input_gates),
                                                   .hidden_gates = kernel_address(k->hidden_gates),
                                                   .c_in = k->has_state ? kernel_address(k->before) : 0,
                                                   .c_out = kernel_address(k->c),
                                                   .h_out = kernel_address(k->h),
                                                   .rows = ROWS,
                                                   .hidden = HIDDEN,
                                                   .gates_row = k->gates_row,
                                                   .h_row = HIDDEN + MORE,
                                                   .dtype = k->dtype};
    kernel_run(way, "lazy_k_lstm_cell", &params, seed);
  } else {
    const struct lazy_k_gru_cell_params params = {.input_gates = kernel_address(k->input_gates),
                                                  .hidden_gates = kernel_address(k->hidden_gates),
                                                  .h_in = k->has_state ? kernel_address(k->before) : 0,
                                                  .h_out = kernel_address(k->h),
                                                  .rows = ROWS,
                                                  .hidden = HIDDEN,
                                                  .gates_row = k->gates_row,
                                                  .h_in_row = HIDDEN + MORE,
                                                  .h_row = HIDDEN + MORE,
                                                  .dtype = k->dtype};
    kernel_run(way, "lazy_k_gru_cell", &params, seed);
  }
}

static void check_values(const cells *k) {
  const lazy_dtype dtype = (lazy_dtype)k->dtype;
  for (size_t row = 0; row < ROWS; row++) {
    bounded c[HIDDEN], h[HIDDEN];
    const bounded *x = k->x + row * k->gates * HIDDEN, *y = k->y + row * k->gates * HIDDEN;
    memcpy(c, k->state + row * HIDDEN, sizeof c);
    if (k->gates == 4) lstm_cell(x, y, HIDDEN, dtype, c, h);
    else gru_cell(x, y, c, HIDDEN, dtype, h);
    for (size_t j = 0; j < HIDDEN; j++) {
      CHECK_CASE("row %zu, element %zu", row, j);
      if (!EXPECT_NEAR(get(k->dtype, k->h, row * (HIDDEN + MORE) + j), h[j].value, h[j].bound)) return;
      if (k->gates == 4 && !EXPECT_NEAR(get(k->dtype, k->c, row * HIDDEN + j), c[j].value, c[j].bound))
        return;
    }
  }
}

static void check_cells(check_env *env, uint8_t dtype, size_t gates, bool has_state) {
  enum { BYTES = ROWS * (HIDDEN + MORE) * 8 };
  cells k = {.dtype = dtype, .has_state = has_state, .gates = gates};
  char *first = malloc(2 * BYTES);
  draw(env, &k);
  for (int w = 0; w < kernel_way_count(env); w++) {
    CHECK_CASE("%s, %zu gates, state %d, %s", lazy_dtype_name((lazy_dtype)dtype), gates, has_state,
               kernel_way_name(kernel_way_at(env, w)));
    memset(k.c, 0xa5, ROWS * HIDDEN * 8);
    memset(k.h, 0xa5, BYTES);
    run(&k, kernel_way_at(env, w), env->seed);
    if (w == 0) memcpy(first, k.h, BYTES), memcpy(first + BYTES, k.c, ROWS * HIDDEN * 8);
    /* f64 has the functions of a C library, which are not the same bits in NVIDIA's. */
    const bool others = dtype == LAZY_DTYPE_F64 && env->is_ptx && w > 0;
    if (others || w == 0) check_values(&k);
    if (!others &&
        !(EXPECT_BYTES_EQ(k.h, first, BYTES) && EXPECT_BYTES_EQ(k.c, first + BYTES, ROWS * HIDDEN * 8)))
      break;
  }
  kernel_free(k.input_gates);
  kernel_free(k.hidden_gates);
  kernel_free(k.before);
  kernel_free(k.c);
  kernel_free(k.h);
  free(k.x);
  free(k.y);
  free(k.state);
  free(first);
}

TEST_ON_IMAGES(kernel_recurrent, cells_within_bounds_and_equal_bits) {
  for (uint8_t dtype = LAZY_DTYPE_F64; dtype <= LAZY_DTYPE_BF16; dtype++)
    for (size_t gates = 3; gates <= 4; gates++)
      for (int has_state = 0; has_state < 2; has_state++) check_cells(env, dtype, gates, has_state);
}
