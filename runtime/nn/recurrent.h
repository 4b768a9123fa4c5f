/* LSTM and GRU: the op that runs all layers, and the classes around it. */
#ifndef LAZYI_NN_RECURRENT_H
#define LAZYI_NN_RECURRENT_H

#include "runtime/nn/nn.h"

enum { LAZYI_RECURRENT_LAYERS = 8 }; /* at most */

/* Records the layers. `hx` are h_0 and, of an LSTM, c_0, or none at all; `params` as the class registers
   them. Outputs: the sequence, h_n, of an LSTM c_n. */
lazy_tensor lazyi_lstm_emit(lazy_recorder *recorder, const lazy_tensor *input_and_hx, int input_count,
                            const lazy_tensor *params, int param_count,
                            const int64_t attributes[LAZY_RECURRENT_ATTRIBUTES]);
lazy_tensor lazyi_gru_emit(lazy_recorder *recorder, const lazy_tensor *input_and_hx, int input_count,
                           const lazy_tensor *params, int param_count,
                           const int64_t attributes[LAZY_RECURRENT_ATTRIBUTES]);

/* Parameters of a layer and direction. */
static inline int lazyi_recurrent_params(const int64_t attributes[LAZY_RECURRENT_ATTRIBUTES]) {
  const bool projects = attributes[LAZY_RECURRENT_OUT] != attributes[LAZY_RECURRENT_HIDDEN];
  return 2 + (attributes[LAZY_RECURRENT_BIAS] != 0 ? 2 : 0) + projects;
}

#endif
