/* Elementwise arithmetic with broadcasting: add, mul and the class Add. */
#include "runtime/launch/ops.h"
#include "runtime/nn/nn.h"
#include "runtime/tensor/core.h"

static const char *const operand_names[] = {"input", "other"};

/* Strides that spread a contiguous operand over the result: dims aligned on the right, 0 where it has one
 * element. */
static void broadcast(const lazy_shape *from, const lazy_shape *to, int64_t *out_strides) {
  int64_t stride = 1;
  int32_t lead = to->rank - from->rank;
  for (int32_t i = to->rank; i-- > 0;) {
    int64_t size = i < lead ? 1 : from->dims[i - lead];
    out_strides[i] = size == 1 ? 0 : stride;
    stride *= size;
  }
}

static lazy_status launch(const lazyi_op_call *call, enum lazy_binary operation) {
  const lazyi_operand *a = call->inputs, *b = a + 1, *out = call->outputs;
  int64_t a_strides[LAZY_MAX_RANK], b_strides[LAZY_MAX_RANK];
  broadcast(&a->shape, &out->shape, a_strides);
  broadcast(&b->shape, &out->shape, b_strides);
  return lazyi_launch_binary(&call->core->launcher, operation, out->dtype, &out->shape, out->address,
                             (lazyi_strided){a->address, a_strides}, (lazyi_strided){b->address, b_strides},
                             call->stream);
}
static lazy_status add_launch(const lazyi_op_call *call) { return launch(call, LAZY_BINARY_ADD); }
static lazy_status mul_launch(const lazyi_op_call *call) { return launch(call, LAZY_BINARY_MUL); }

/* One dtype, which the kernel computes in: all but u8. */
static lazy_status binary_dtype(const char *op, const lazy_dtype *operands, lazy_dtype *out_dtype) {
  if (operands[0] == LAZY_DTYPE_U8)
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: input is u8; wanted a floating dtype or i64", op);
  if (operands[1] != operands[0])
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%s: other is %s; wanted %s, as input", op,
                            lazy_dtype_name(operands[1]), lazy_dtype_name(operands[0]));
  *out_dtype = operands[0];
  return LAZY_STATUS_OK;
}
static lazy_status add_dtype(const lazy_dtype *operands, int input_count, int param_count,
                             lazy_dtype *out_dtype) {
  (void)input_count, (void)param_count;
  return binary_dtype("add", operands, out_dtype);
}
static lazy_status mul_dtype(const lazy_dtype *operands, int input_count, int param_count,
                             lazy_dtype *out_dtype) {
  (void)input_count, (void)param_count;
  return binary_dtype("mul", operands, out_dtype);
}

static const lazyi_op add_op = {.name = "add",
                                .rule = LAZY_RULE_BROADCAST,
                                .operand_names = operand_names,
                                .dtype = add_dtype,
                                .launch = add_launch};
static const lazyi_op mul_op = {.name = "mul",
                                .rule = LAZY_RULE_BROADCAST,
                                .operand_names = operand_names,
                                .dtype = mul_dtype,
                                .launch = mul_launch};

static lazy_tensor emit(lazy_recorder *recorder, const lazyi_op *op, lazy_tensor a, lazy_tensor b) {
  const lazy_tensor inputs[] = {a, b};
  return recorder->methods->emit(recorder, op, inputs, 2, NULL, 0, NULL, 0);
}

lazy_tensor lazy_add(lazy_recorder *recorder, lazy_tensor a, lazy_tensor b) {
  return emit(recorder, &add_op, a, b);
}
lazy_tensor lazy_mul(lazy_recorder *recorder, lazy_tensor a, lazy_tensor b) {
  return emit(recorder, &mul_op, a, b);
}

static lazy_tensor add_forward(lazy_recorder *recorder, lazy_module *self, const lazy_args *args) {
  (void)self;
  return lazy_add(recorder, lazy_arg(recorder, args, 0), lazy_arg(recorder, args, 1));
}

static const char *const add_arguments[] = {"input", "other", NULL};
const lazy_class lazy_class_add = {LAZY_CLASS("Add"), .arguments = add_arguments, .forward = add_forward};
