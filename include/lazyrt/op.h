/* Recording: what a class's forward calls. Each returns a tensor handle by value; the first error sticks to
   the recorder, everything after it returns a poisoned handle, and the outermost call reports it with its
   module path. */
#ifndef LAZYRT_OP_H
#define LAZYRT_OP_H

#include <lazyrt/class.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls a child: hooks, inference, its forward. */
LAZY_API lazy_tensor lazy_call(lazy_recorder *recorder, lazy_module *module, lazy_tensor input);
/* The same with any arguments and any result. The tuple in a result lives as long as the recording. */
LAZY_API lazy_value lazy_call_args(lazy_recorder *recorder, lazy_module *module, const lazy_args *args);

/* A tensor argument by position (after binding, keywords stand in their position too). Missing or of another
   kind: INVALID_TYPE. */
LAZY_API lazy_tensor lazy_arg(lazy_recorder *recorder, const lazy_args *args, size_t index);
/* The module's parameter or buffer as a tensor. Registered as none: a poisoned-free handle with index 0 that
   ops take as "absent" where their docs say so. NOT_FOUND sticks otherwise. */
LAZY_API lazy_tensor lazy_param_tensor(lazy_recorder *recorder, lazy_module *module, const char *name);
/* Says that `tensor` is wanted after the run: it is planned as an output, readable through the graph. */
LAZY_API void lazy_tensor_retain(lazy_recorder *recorder, lazy_tensor tensor);

/* Shape and dtype of a tensor while recording, answered on the host. Plans whose recording asked are bound to
   the sizes it saw. */
LAZY_CHECKED lazy_status lazy_tensor_shape(lazy_recorder *recorder, lazy_tensor tensor,
                                           lazy_shape *out_shape);
LAZY_CHECKED lazy_status lazy_tensor_dtype(lazy_recorder *recorder, lazy_tensor tensor,
                                           lazy_dtype *out_dtype);

/* Fails the recording from a forward: returns a poisoned handle. */
LAZY_API lazy_tensor lazy_recorder_fail(lazy_recorder *recorder, lazy_status status, const char *format, ...)
    LAZY_PRINTF(3, 4);
/* The status that stuck, or OK. */
LAZY_API lazy_status lazy_recorder_status(const lazy_recorder *recorder);

/* y = x weight^T + bias over the last dim. weight (out, in), bias (out) or absent; unshaped ones are settled
 * here. */
LAZY_API lazy_tensor lazy_linear(lazy_recorder *recorder, lazy_tensor input, lazy_tensor weight,
                                 lazy_tensor bias);
LAZY_API lazy_tensor lazy_relu(lazy_recorder *recorder, lazy_tensor input);
/* approximate_tanh: PyTorch's approximate='tanh'; else with erf. */
LAZY_API lazy_tensor lazy_gelu(lazy_recorder *recorder, lazy_tensor input, bool approximate_tanh);
LAZY_API lazy_tensor lazy_sigmoid(lazy_recorder *recorder, lazy_tensor input);
LAZY_API lazy_tensor lazy_tanh(lazy_recorder *recorder, lazy_tensor input);
/* As torch.nn.functional has them (nn_activation.h). ReLU6 is hardtanh from 0 to 6. */
LAZY_API lazy_tensor lazy_leaky_relu(lazy_recorder *recorder, lazy_tensor input, double negative_slope);
LAZY_API lazy_tensor lazy_hardtanh(lazy_recorder *recorder, lazy_tensor input, double min_val,
                                   double max_val);
LAZY_API lazy_tensor lazy_elu(lazy_recorder *recorder, lazy_tensor input, double alpha);
LAZY_API lazy_tensor lazy_selu(lazy_recorder *recorder, lazy_tensor input);
LAZY_API lazy_tensor lazy_silu(lazy_recorder *recorder, lazy_tensor input);
LAZY_API lazy_tensor lazy_mish(lazy_recorder *recorder, lazy_tensor input);
LAZY_API lazy_tensor lazy_hardsigmoid(lazy_recorder *recorder, lazy_tensor input);
LAZY_API lazy_tensor lazy_hardswish(lazy_recorder *recorder, lazy_tensor input);
LAZY_API lazy_tensor lazy_softplus(lazy_recorder *recorder, lazy_tensor input, double beta, double threshold);
LAZY_API lazy_tensor lazy_log_sigmoid(lazy_recorder *recorder, lazy_tensor input);
/* Along a dim, negative from the end. */
LAZY_API lazy_tensor lazy_softmax(lazy_recorder *recorder, lazy_tensor input, int dim);
LAZY_API lazy_tensor lazy_log_softmax(lazy_recorder *recorder, lazy_tensor input, int dim);
/* Elementwise with broadcasting; both of one dtype. */
LAZY_API lazy_tensor lazy_add(lazy_recorder *recorder, lazy_tensor a, lazy_tensor b);
LAZY_API lazy_tensor lazy_mul(lazy_recorder *recorder, lazy_tensor a, lazy_tensor b);
/* A view: dims start..end become one. */
LAZY_API lazy_tensor lazy_flatten(lazy_recorder *recorder, lazy_tensor input, int start_dim, int end_dim);

#ifdef __cplusplus
}
#endif
#endif
