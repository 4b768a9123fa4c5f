/* LSTM and GRU in float64, every number with a bound on what a dtype may be off by: sums in that order of
   terms, every store rounded, functions of four units in the last place, errors of states carried on through
   the derivatives. */
#ifndef LAZYRT_TESTS_RECURRENT_REFERENCE_H
#define LAZYRT_TESTS_RECURRENT_REFERENCE_H

#include <lazyrt/types.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct bounded {
  double value, bound;
} bounded;

typedef struct recurrent_config {
  int gates; /* 4: LSTM, 3: GRU */
  int64_t steps, batch, features, hidden, out, layers, directions;
  bool has_bias, batch_first;
  lazy_dtype dtype;
} recurrent_config;

/* Weights of a layer and direction: weight_ih, weight_hh, bias_ih, bias_hh, weight_hr. */
typedef struct recurrent_weights {
  const double *ih, *hh, *bias_ih, *bias_hh, *hr;
} recurrent_weights;

static inline double unit_of_sums(lazy_dtype dtype) { return dtype == LAZY_DTYPE_F64 ? 0x1p-53 : 0x1p-24; }
static inline bounded stored(bounded x, lazy_dtype dtype) {
  const double unit = dtype == LAZY_DTYPE_F64   ? 0x1p-53
                      : dtype == LAZY_DTYPE_F32 ? 0x1p-24
                      : dtype == LAZY_DTYPE_F16 ? 0x1p-11
                                                : 0x1p-8;
  const double least = dtype == LAZY_DTYPE_F16 ? 0x1p-25 : 0x1p-134;
  return (bounded){x.value, x.bound + unit * (fabs(x.value) + x.bound) + least};
}
static inline bounded sum_of_products(const double *w, const bounded *x, int64_t n, double bias,
                                      lazy_dtype dtype) {
  bounded sum = {bias, 0};
  double size = fabs(bias);
  for (int64_t i = 0; i < n; i++) {
    sum.value += w[i] * x[i].value;
    sum.bound += fabs(w[i]) * x[i].bound;
    size += fabs(w[i]) * (fabs(x[i].value) + x[i].bound);
  }
  sum.bound += unit_of_sums(dtype) * (double)(n + 2) * size;
  return stored(sum, dtype);
}
static inline bounded plus(bounded a, bounded b, lazy_dtype dtype) {
  const double value = a.value + b.value;
  return (bounded){value, a.bound + b.bound + unit_of_sums(dtype) * (fabs(value) + a.bound + b.bound)};
}
static inline bounded times(bounded a, bounded b, lazy_dtype dtype) {
  const double value = a.value * b.value;
  const double bound = fabs(a.value) * b.bound + fabs(b.value) * a.bound + a.bound * b.bound;
  return (bounded){value, bound + unit_of_sums(dtype) * (fabs(value) + bound)};
}
static inline bounded sigmoid(bounded x, lazy_dtype dtype) {
  const double value = 1 / (1 + exp(-x.value));
  return (bounded){value, 0.25 * x.bound + 4 * unit_of_sums(dtype) * value};
}
static inline bounded hyperbolic(bounded x, lazy_dtype dtype) {
  const double value = tanh(x.value);
  return (bounded){value, x.bound + 4 * unit_of_sums(dtype) * fabs(value)};
}

/* A cell: gates of input and state, before sigmoid and tanh. */
static inline void lstm_cell(const bounded *x, const bounded *y, int64_t hidden, lazy_dtype dtype, bounded *c,
                             bounded *h) {
  for (int64_t j = 0; j < hidden; j++) {
    const bounded i = sigmoid(plus(x[j], y[j], dtype), dtype);
    const bounded f = sigmoid(plus(x[hidden + j], y[hidden + j], dtype), dtype);
    const bounded g = hyperbolic(plus(x[2 * hidden + j], y[2 * hidden + j], dtype), dtype);
    const bounded o = sigmoid(plus(x[3 * hidden + j], y[3 * hidden + j], dtype), dtype);
    c[j] = stored(plus(times(f, c[j], dtype), times(i, g, dtype), dtype), dtype);
    h[j] = stored(times(o, hyperbolic(c[j], dtype), dtype), dtype);
  }
}
static inline void gru_cell(const bounded *x, const bounded *y, const bounded *before, int64_t hidden,
                            lazy_dtype dtype, bounded *h) {
  for (int64_t j = 0; j < hidden; j++) {
    const bounded r = sigmoid(plus(x[j], y[j], dtype), dtype);
    const bounded z = sigmoid(plus(x[hidden + j], y[hidden + j], dtype), dtype);
    const bounded n = hyperbolic(plus(x[2 * hidden + j], times(r, y[2 * hidden + j], dtype), dtype), dtype);
    const bounded rest = plus((bounded){1, 0}, (bounded){-z.value, z.bound}, dtype);
    h[j] = stored(plus(times(rest, n, dtype), times(z, before[j], dtype), dtype), dtype);
  }
}

/* x is steps x batch x features. Yields the output, steps x batch x (directions out); h and c hold h_0 and
   c_0 (layers directions, batch, ...) and become h_n and c_n. To be freed. */
static inline bounded *recurrent_reference(const recurrent_config *at, const recurrent_weights *weights,
                                           const bounded *x, bounded *h, bounded *c) {
  const int64_t rows = at->gates * at->hidden, width = at->out * at->directions;
  bounded *in = malloc((size_t)(at->steps * at->batch * at->features) * sizeof *in);
  bounded *gates = malloc(2 * (size_t)rows * sizeof *gates),
          *full = malloc((size_t)at->hidden * sizeof *full);
  memcpy(in, x, (size_t)(at->steps * at->batch * at->features) * sizeof *in);
  int64_t features = at->features;
  for (int64_t layer = 0; layer < at->layers; layer++) {
    bounded *out = malloc((size_t)(at->steps * at->batch * width) * sizeof *out);
    for (int64_t d = 0; d < at->directions; d++) {
      const int64_t stack = layer * at->directions + d;
      const recurrent_weights *w = weights + stack;
      for (int64_t n = 0; n < at->batch; n++)
        for (int64_t i = 0; i < at->steps; i++) {
          const int64_t t = d == 1 ? at->steps - 1 - i : i;
          bounded *state = h + (stack * at->batch + n) * at->out;
          const bounded *from = in + (t * at->batch + n) * features;
          for (int64_t g = 0; g < rows; g++) {
            gates[g] = sum_of_products(w->ih + g * features, from, features,
                                       w->bias_ih != NULL ? w->bias_ih[g] : 0, at->dtype);
            gates[rows + g] = sum_of_products(w->hh + g * at->out, state, at->out,
                                              w->bias_hh != NULL ? w->bias_hh[g] : 0, at->dtype);
          }
          if (at->gates == 4)
            lstm_cell(gates, gates + rows, at->hidden, at->dtype, c + (stack * at->batch + n) * at->hidden,
                      full);
          else gru_cell(gates, gates + rows, state, at->hidden, at->dtype, full);
          for (int64_t j = 0; j < at->out; j++)
            state[j] = w->hr != NULL ? sum_of_products(w->hr + j * at->hidden, full, at->hidden, 0, at->dtype)
                                     : full[j];
          memcpy(out + (t * at->batch + n) * width + d * at->out, state, (size_t)at->out * sizeof *out);
        }
    }
    free(in);
    in = out;
    features = width;
  }
  free(gates);
  free(full);
  return in;
}

#endif
