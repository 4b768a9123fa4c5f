#include <string.h>

#include "runtime/nn/nn.h"

static const lazy_class *const classes[] = {
    &lazy_class_linear,
    &lazy_class_lazy_linear,
    &lazy_class_identity,
    &lazy_class_flatten,
    &lazy_class_relu,
    &lazy_class_gelu,
    &lazy_class_sigmoid,
    &lazy_class_tanh,
    &lazy_class_relu6,
    &lazy_class_leaky_relu,
    &lazy_class_elu,
    &lazy_class_selu,
    &lazy_class_silu,
    &lazy_class_mish,
    &lazy_class_hardsigmoid,
    &lazy_class_hardswish,
    &lazy_class_hardtanh,
    &lazy_class_softplus,
    &lazy_class_log_sigmoid,
    &lazy_class_softmax,
    &lazy_class_log_softmax,
    &lazy_class_add,
    &lazy_class_sequential,
    &lazy_class_batch_norm1d,
    &lazy_class_batch_norm2d,
    &lazy_class_batch_norm3d,
    &lazy_class_lazy_batch_norm1d,
    &lazy_class_lazy_batch_norm2d,
    &lazy_class_lazy_batch_norm3d,
    &lazy_class_instance_norm1d,
    &lazy_class_instance_norm2d,
    &lazy_class_instance_norm3d,
    &lazy_class_lazy_instance_norm1d,
    &lazy_class_lazy_instance_norm2d,
    &lazy_class_lazy_instance_norm3d,
    &lazy_class_max_pool1d,
    &lazy_class_max_pool2d,
    &lazy_class_max_pool3d,
    &lazy_class_avg_pool1d,
    &lazy_class_avg_pool2d,
    &lazy_class_avg_pool3d,
    &lazy_class_adaptive_avg_pool1d,
    &lazy_class_adaptive_avg_pool2d,
    &lazy_class_adaptive_avg_pool3d,
    &lazy_class_adaptive_max_pool1d,
    &lazy_class_adaptive_max_pool2d,
    &lazy_class_adaptive_max_pool3d,
    &lazy_class_conv1d,
    &lazy_class_conv2d,
    &lazy_class_conv3d,
    &lazy_class_lazy_conv1d,
    &lazy_class_lazy_conv2d,
    &lazy_class_lazy_conv3d,
    &lazy_class_conv_transpose1d,
    &lazy_class_conv_transpose2d,
    &lazy_class_conv_transpose3d,
    &lazy_class_lazy_conv_transpose1d,
    &lazy_class_lazy_conv_transpose2d,
    &lazy_class_lazy_conv_transpose3d,
    &lazy_class_lstm,
    &lazy_class_lazy_lstm,
    &lazy_class_gru,
    &lazy_class_lazy_gru,
    &lazy_class_layer_norm,
    &lazy_class_lazy_layer_norm,
    &lazy_class_rms_norm,
    &lazy_class_group_norm,
    &lazy_class_lazy_group_norm,
};

const lazy_class *lazyi_nn_at(size_t index) {
  return index < sizeof classes / sizeof *classes ? classes[index] : NULL;
}

const lazy_class *lazyi_nn_find(const char *name) {
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
    if (strcmp(classes[i]->name, name) == 0) return classes[i];
  return NULL;
}

lazy_status lazyi_nn_float_dtype(const char *op, const char *const *names, const lazy_dtype *operands,
                                 int count, lazy_dtype *out_dtype) {
  /* what is wanted is what the last operand has: a parameter's dtype was chosen, an input's just came */
  lazy_dtype wanted = operands[count - 1];
  for (int i = count; i-- > 0;) {
    if (!lazy_dtype_is_float(operands[i]))
      return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: %s is %s; wanted a floating dtype", op, names[i],
                              lazy_dtype_name(operands[i]));
    if (operands[i] != wanted)
      return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: %s is %s; wanted %s, as %s", op, names[i],
                              lazy_dtype_name(operands[i]), lazy_dtype_name(wanted), names[count - 1]);
  }
  *out_dtype = wanted;
  return LAZY_STATUS_OK;
}
