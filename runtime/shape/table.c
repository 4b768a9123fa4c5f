#include "runtime/shape/table.h"

#include <string.h>

#include "kernels/segment_rules.h"

void lazyi_shape_table_clear(lazyi_shape_table *table) {
  table->rows.count = table->known.count = table->nodes.count = 0;
  table->operands.count = table->attributes.count = table->tickets.count = 0;
  table->evaluated = 0;
}

void lazyi_shape_table_deinit(lazyi_shape_table *table) {
  lazyi_vector_deinit(&table->rows);
  lazyi_vector_deinit(&table->known);
  lazyi_vector_deinit(&table->nodes);
  lazyi_vector_deinit(&table->operands);
  lazyi_vector_deinit(&table->attributes);
  lazyi_vector_deinit(&table->tickets);
  table->evaluated = 0;
}

void lazyi_shape_write_row(int64_t *row, const lazy_shape *shape) {
  int32_t lead = LAZY_ROW_DIMS - shape->rank;
  for (int32_t i = 0; i < lead; i++) row[i] = 1;
  for (int32_t i = lead; i < LAZY_ROW_DIMS; i++) row[i] = shape->dims[i - lead];
  row[LAZY_ROW_RANK] = shape->rank;
}

static lazy_status check_shape(const lazy_shape *shape) {
  if (shape->rank < 0 || shape->rank > LAZY_MAX_RANK)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "a tensor of rank %d; wanted 0 to %d", (int)shape->rank,
                            LAZY_MAX_RANK);
  for (int32_t i = 0; i < shape->rank; i++) {
    if (shape->dims[i] < 0)
      return lazy_status_fail(LAZY_STATUS_SHAPE, "size %lld of dimension %d is negative",
                              (long long)shape->dims[i], (int)i);
    if (shape->dims[i] >= LAZY_DIM_LIMIT)
      return lazy_status_fail(LAZY_STATUS_LIMIT, "size %lld of dimension %d is over the limit of %lld",
                              (long long)shape->dims[i], (int)i, (long long)LAZY_DIM_LIMIT - 1);
  }
  return LAZY_STATUS_OK;
}

/* Room in both vectors of a slot. Most calls only compare. */
static lazy_status reserve_slot(lazyi_shape_table *table) {
  if (table->rows.capacity - table->rows.count < LAZY_ROW)
    LAZY_TRY(lazyi_vector_reserve(&table->rows, LAZY_ROW));
  if (table->known.capacity == table->known.count) LAZY_TRY(lazyi_vector_reserve(&table->known, 1));
  return LAZY_STATUS_OK;
}

lazy_status lazyi_shape_table_add_row(lazyi_shape_table *table, const lazy_shape *known, int32_t *out_slot) {
  if (known != NULL) LAZY_TRY(check_shape(known));
  LAZY_TRY(reserve_slot(table));
  int64_t *row = table->rows.at + table->rows.count;
  if (known != NULL) {
    lazyi_shape_write_row(row, known);
  } else {
    for (int32_t i = 0; i < LAZY_ROW_DIMS; i++) row[i] = 1;
    row[LAZY_ROW_RANK] = LAZY_RANK_UNSHAPED;
  }
  table->rows.count += LAZY_ROW;
  *out_slot = (int32_t)table->known.count;
  table->known.at[table->known.count++] = known != NULL;
  return LAZY_STATUS_OK;
}

void lazyi_shape_table_set_row(lazyi_shape_table *table, int32_t slot, const lazy_shape *shape) {
  lazyi_shape_write_row(table->rows.at + (size_t)slot * LAZY_ROW, shape);
  table->known.at[slot] = 1;
}

bool lazyi_shape_table_get_row(const lazyi_shape_table *table, int32_t slot, lazy_shape *out_shape) {
  const int64_t *row = table->rows.at + (size_t)slot * LAZY_ROW;
  int32_t rank = (int32_t)row[LAZY_ROW_RANK];
  if (rank < 0) return false;
  out_shape->rank = rank;
  for (int32_t i = 0; i < LAZY_MAX_RANK; i++)
    out_shape->dims[i] = i < rank ? row[LAZY_ROW_DIMS - rank + i] : 0;
  return true;
}

/* What each rule takes. A call that has something else is a fault of the caller, found when it is recorded.
 */
static const struct {
  uint8_t inputs_min, inputs_max, params_min, params_max, outputs, attributes;
} signatures[LAZY_RULE_COUNT] = {
    [LAZY_RULE_SAME] = {1, 1, 0, 0, 1, 0},
    [LAZY_RULE_BROADCAST] = {1, 255, 0, 0, 1, 0},
    [LAZY_RULE_LINEAR] = {1, 1, 1, 2, 1, 1},
    [LAZY_RULE_FLATTEN] = {1, 1, 0, 0, 1, 2},
    [LAZY_RULE_TALLY] = {0, 0, 1, 1, 1, 1},
    [LAZY_RULE_NORM] = {1, 1, 0, 5, 1, LAZY_NORM_ATTRIBUTES},
    [LAZY_RULE_POOL] = {1, 1, 0, 0, 1, LAZY_POOL_ATTRIBUTES},
    [LAZY_RULE_ADAPTIVE_POOL] = {1, 1, 0, 0, 1, LAZY_ADAPTIVE_ATTRIBUTES},
    [LAZY_RULE_CONV] = {1, 1, 1, 2, 1, LAZY_CONV_ATTRIBUTES},
    [LAZY_RULE_CONV_TRANSPOSE] = {1, 1, 1, 2, 1, LAZY_CONV_ATTRIBUTES},
    [LAZY_RULE_LSTM] = {1, 3, 2, 255, 3, LAZY_RECURRENT_ATTRIBUTES},
    [LAZY_RULE_GRU] = {1, 2, 2, 255, 2, LAZY_RECURRENT_ATTRIBUTES},
    [LAZY_RULE_NORM_LAST] = {1, 1, 0, 2, 1, LAZY_NORM_ATTRIBUTES},
    [LAZY_RULE_SOFTMAX] = {1, 1, 0, 0, 1, LAZY_SOFTMAX_ATTRIBUTES},
};

static bool fits_signature(const lazyi_shape_call *call) {
  if (call->input_count < 0 || call->param_count < 0 || call->output_count < 0) return false;
  if (call->rule == LAZY_RULE_GIVEN)
    return call->input_count <= 255 && call->param_count <= 255 && call->output_count <= 255 &&
           (call->attribute_count == 0 || call->attribute_count == call->output_count * LAZY_ROW);
  if ((unsigned)call->rule >= LAZY_RULE_COUNT) return false;
  return call->input_count >= signatures[call->rule].inputs_min &&
         call->input_count <= signatures[call->rule].inputs_max &&
         call->param_count >= signatures[call->rule].params_min &&
         call->param_count <= signatures[call->rule].params_max &&
         call->output_count == signatures[call->rule].outputs &&
         (call->attribute_count == signatures[call->rule].attributes || call->rule == LAZY_RULE_SAME);
}

static bool has_slots(const lazyi_shape_table *table, const int32_t *slots, int count) {
  for (int i = 0; i < count; i++)
    if (slots[i] < 0 || (size_t)slots[i] >= table->known.count) return false;
  return true;
}

lazy_status lazyi_shape_table_add_node(lazyi_shape_table *table, const lazyi_shape_call *call,
                                       int32_t *out_node) {
  if (!fits_signature(call))
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "shape rule %d does not take %d inputs, %d parameters, %d outputs, %d attributes",
                            (int)call->rule, call->input_count, call->param_count, call->output_count,
                            call->attribute_count);
  if (!has_slots(table, call->inputs, call->input_count) ||
      !has_slots(table, call->params, call->param_count) ||
      !has_slots(table, call->outputs, call->output_count))
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "a call names a shape slot that the table does not have");
  size_t operands = (size_t)call->input_count + (size_t)call->param_count + (size_t)call->output_count;
  size_t attributes = (size_t)call->attribute_count;
  if (table->operands.capacity - table->operands.count < operands)
    LAZY_TRY(lazyi_vector_reserve(&table->operands, operands));
  if (table->attributes.capacity - table->attributes.count < attributes)
    LAZY_TRY(lazyi_vector_reserve(&table->attributes, attributes));
  if (table->nodes.capacity == table->nodes.count) LAZY_TRY(lazyi_vector_reserve(&table->nodes, 1));
  struct lazy_shape_node *node = table->nodes.at + table->nodes.count;
  *node = (struct lazy_shape_node){
      .rule = (uint16_t)call->rule,
      .input_count = (uint8_t)call->input_count,
      .param_count = (uint8_t)call->param_count,
      .output_count = (uint8_t)call->output_count,
      .training = call->training,
      .attribute_count = (uint16_t)call->attribute_count,
      .operands = (int32_t)table->operands.count,
      .attributes = (int32_t)table->attributes.count,
  };
  int32_t *operand = table->operands.at + table->operands.count;
  for (int i = 0; i < call->input_count; i++) *operand++ = call->inputs[i];
  for (int i = 0; i < call->param_count; i++) *operand++ = call->params[i];
  for (int i = 0; i < call->output_count; i++) *operand++ = call->outputs[i];
  for (int i = 0; i < call->attribute_count; i++)
    table->attributes.at[table->attributes.count + (size_t)i] = call->attributes[i];
  table->operands.count += operands;
  table->attributes.count += attributes;
  *out_node = (int32_t)table->nodes.count++;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_shape_table_add_ticket(lazyi_shape_table *table, const struct lazy_init_ticket *ticket) {
  if (!has_slots(table, &ticket->slot, 1) || !has_slots(table, &ticket->fan_slot, 1) ||
      lazy_dtype_bytes((lazy_dtype)ticket->dtype) == 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "an init ticket without a shape slot or dtype");
  return lazyi_vector_push(&table->tickets, *ticket);
}

struct lazy_shape_error lazyi_shape_table_evaluate(lazyi_shape_table *table, int32_t node) {
  struct lazy_shape_error error = {0};
  for (; table->evaluated <= node; table->evaluated++) {
    const struct lazy_shape_node *next = table->nodes.at + table->evaluated;
    const struct lazy_rule_call call = {
        .node = next,
        .operands = table->operands.at + next->operands,
        .attributes = next->attribute_count == 0 ? NULL : table->attributes.at + next->attributes,
        .rows = table->rows.at,
        .stride = 1,
        .error = &error};
    if (lazy_shape_rule_run(&call) != LAZY_SHAPE_OK) {
      error.node = table->evaluated;
      break;
    }
  }
  return error;
}

lazy_status lazyi_shape_table_segments(const lazyi_shape_table *table, struct lazy_init_segment *out_segments,
                                       struct lazy_infer_summary *out_summary) {
  struct lazy_infer_summary summary = {0};
  struct lazy_shape_error error = {0};
  for (size_t i = 0; i < table->tickets.count; i++) {
    if (lazy_segment_size(table->tickets.at + i, (int32_t)i, table->rows.at, out_segments + i, &error) !=
            LAZY_SHAPE_OK ||
        lazy_segment_place(out_segments + i, (int32_t)i, &summary, &error) != LAZY_SHAPE_OK)
      return lazyi_shape_error_fail(&error, NULL);
    lazy_segment_scale(table->tickets.at + i, table->rows.at, out_segments + i);
  }
  *out_summary = summary;
  return LAZY_STATUS_OK;
}
