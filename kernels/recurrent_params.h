/* Parameter blocks and attributes of recurrent layers. */
#ifndef LAZYRT_KERNELS_RECURRENT_PARAMS_H
#define LAZYRT_KERNELS_RECURRENT_PARAMS_H

#include <stdint.h>

/* Attributes of LAZY_RULE_LSTM and LAZY_RULE_GRU. */
enum lazy_recurrent_attribute {
  LAZY_RECURRENT_HIDDEN = 0,
  LAZY_RECURRENT_OUT =
      1, /* size of the state that goes out and comes back: less than HIDDEN with a projection */
  LAZY_RECURRENT_LAYERS = 2,
  LAZY_RECURRENT_DIRECTIONS = 3, /* 1 or 2 */
  LAZY_RECURRENT_BIAS = 4,       /* 0 or 1 */
  LAZY_RECURRENT_BATCH_FIRST = 5,
  LAZY_RECURRENT_ATTRIBUTES = 6,
};

/* One step of an LSTM for `rows` sequences. Gates are four vectors of `hidden` elements in a row: input,
   forget, cell, output. c = sigmoid(forget) c + sigmoid(input) tanh(cell), h = sigmoid(output) tanh(c). */
struct lazy_k_lstm_cell_params {
  uint64_t input_gates, hidden_gates; /* summed here; hidden_gates has rows of 4 hidden */
  uint64_t c_in;                      /* rows x hidden; 0: zeros; may be c_out */
  uint64_t c_out, h_out;              /* c_out rows x hidden */
  uint64_t rows, hidden;
  uint64_t gates_row, h_row; /* elements from one row of input_gates, of h_out, to the next */
  uint8_t dtype;
  uint8_t reserved[7];
};

/* One step of a GRU. Gates are reset, update, new; h = (1 - z) n + z h with r and z the sigmoids of the first
   two and n = tanh(input's new + r hidden's new). */
struct lazy_k_gru_cell_params {
  uint64_t input_gates, hidden_gates; /* hidden_gates has rows of 3 hidden */
  uint64_t h_in;                      /* 0: zeros */
  uint64_t h_out;
  uint64_t rows, hidden;
  uint64_t gates_row, h_in_row, h_row;
  uint8_t dtype;
  uint8_t reserved[7];
};

#endif
