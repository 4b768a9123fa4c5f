/* Random recordings, and the shape rules told a second time: plain shapes, wide integers, no rows. */
#ifndef LAZYRT_TESTS_SHAPE_MODEL_H
#define LAZYRT_TESTS_SHAPE_MODEL_H

#include <math.h>
#include <string.h>

#include "runtime/shape/table.h"
#include "tests/check.h"

enum { MODEL_SLOTS = 256 };

/* ---- the rules again ---- */

static inline lazy_shape shape_of(int32_t rank, const int64_t *dims) {
  lazy_shape shape = {.rank = rank};
  for (int32_t i = 0; i < rank; i++) shape.dims[i] = dims[i];
  return shape;
}

/* Elements, or -1 for too many. */
static inline int64_t reference_count(const lazy_shape *shape) {
  long double count = 1;
  for (int32_t i = 0; i < shape->rank; i++)
    if (shape->dims[i] == 0) return 0;
  for (int32_t i = 0; i < shape->rank; i++) count *= (long double)shape->dims[i];
  return count >= 0x1p48L ? -1 : (int64_t)count;
}

static inline struct lazy_shape_error reference_error(int code, int operand, int dim, int64_t found,
                                                      int64_t wanted) {
  return (struct lazy_shape_error){
      .code = code, .operand = operand, .dim = dim, .found = found, .wanted = wanted};
}
static inline struct lazy_shape_error too_large(int operand) {
  return reference_error(LAZY_SHAPE_OVERFLOW, operand, -1, LAZY_DIM_LIMIT, LAZY_DIM_LIMIT - 1);
}

static inline struct lazy_shape_error reference_linear(const lazy_shape *x, lazy_shape *weight,
                                                       lazy_shape *bias, int64_t out, lazy_shape *y) {
  if (x->rank == 0) return reference_error(LAZY_SHAPE_RANK_TOO_LOW, 0, -1, 0, 1);
  int64_t in = x->dims[x->rank - 1];
  if (weight->rank >= 0) {
    if (weight->rank != 2) return reference_error(LAZY_SHAPE_PARAM_RANK, 1, -1, weight->rank, 2);
    if (out == -1) out = weight->dims[0];
    if (weight->dims[0] != out) return reference_error(LAZY_SHAPE_PARAM_MISMATCH, 1, 0, weight->dims[0], out);
    if (weight->dims[1] != in)
      return reference_error(LAZY_SHAPE_DIM_MISMATCH, 0, x->rank - 1, in, weight->dims[1]);
  } else {
    if (out == -1) return reference_error(LAZY_SHAPE_UNSHAPED, 1, -1, -1, 2);
    if (out < 0) return reference_error(LAZY_SHAPE_NEGATIVE, 1, 0, out, 0);
    lazy_shape found = shape_of(2, (int64_t[]){out, in});
    if (out >= LAZY_DIM_LIMIT || reference_count(&found) < 0) return too_large(1);
    *weight = found;
  }
  if (bias != NULL && bias->rank < 0) *bias = shape_of(1, &out);
  else if (bias != NULL && bias->rank != 1)
    return reference_error(LAZY_SHAPE_PARAM_RANK, 2, -1, bias->rank, 1);
  else if (bias != NULL && bias->dims[0] != out)
    return reference_error(LAZY_SHAPE_PARAM_MISMATCH, 2, 0, bias->dims[0], out);
  *y = *x;
  y->dims[y->rank - 1] = out;
  return reference_count(y) < 0 ? too_large(0) : (struct lazy_shape_error){0};
}

static inline struct lazy_shape_error reference_flatten(const lazy_shape *x, int64_t start, int64_t end,
                                                        lazy_shape *y) {
  lazy_shape from = x->rank == 0 ? shape_of(1, (int64_t[]){1}) : *x;
  int64_t rank = from.rank;
  if (start < -rank || start >= rank) return reference_error(LAZY_SHAPE_NO_SUCH_DIM, 0, 0, start, rank);
  if (end < -rank || end >= rank) return reference_error(LAZY_SHAPE_NO_SUCH_DIM, 0, 1, end, rank);
  start = (start + rank) % rank;
  end = (end + rank) % rank;
  if (start > end) return reference_error(LAZY_SHAPE_DIM_ORDER, 0, -1, start, end);
  lazy_shape middle = {.rank = (int32_t)(end - start + 1)};
  memcpy(middle.dims, from.dims + start, (size_t)middle.rank * sizeof(int64_t));
  int64_t merged = reference_count(&middle);
  if (merged < 0) return too_large(0);
  *y = (lazy_shape){0};
  for (int64_t i = 0; i < start; i++) y->dims[y->rank++] = from.dims[i];
  y->dims[y->rank++] = merged;
  for (int64_t i = end + 1; i < rank; i++) y->dims[y->rank++] = from.dims[i];
  return (struct lazy_shape_error){0};
}

static inline struct lazy_shape_error reference_broadcast(const lazy_shape *shapes, const int32_t *slots,
                                                          int count, lazy_shape *y) {
  int32_t rank = 0;
  for (int k = 0; k < count; k++)
    if (shapes[slots[k]].rank > rank) rank = shapes[slots[k]].rank;
  *y = (lazy_shape){.rank = rank};
  for (int32_t i = 0; i < rank; i++) {
    int64_t size = 1;
    for (int k = 0; k < count; k++) {
      const lazy_shape *x = shapes + slots[k];
      int32_t dim = i - (rank - x->rank);
      if (dim < 0 || x->dims[dim] == 1 || x->dims[dim] == size) continue;
      if (size != 1) return reference_error(LAZY_SHAPE_BROADCAST, k, dim, x->dims[dim], size);
      size = x->dims[dim];
    }
    y->dims[i] = size;
  }
  return reference_count(y) < 0 ? too_large(0) : (struct lazy_shape_error){0};
}

/* Walks the table's nodes over `shapes` (rank -1: unshaped), one per slot. */
static inline struct lazy_shape_error reference_walk(const lazyi_shape_table *table, lazy_shape *shapes) {
  for (size_t n = 0; n < table->nodes.count; n++) {
    const struct lazy_shape_node *node = table->nodes.at + n;
    const int32_t *slots = table->operands.at + node->operands;
    const int64_t *attributes = table->attributes.at + node->attributes;
    const int32_t *params = slots + node->input_count, *outputs = params + node->param_count;
    struct lazy_shape_error error = {0};
    for (int i = 0; i < node->input_count && error.code == 0; i++)
      if (shapes[slots[i]].rank < 0) error = reference_error(LAZY_SHAPE_UNSHAPED, i, -1, -1, 0);
    if (error.code == 0) switch ((enum lazy_shape_rule)node->rule) {
        case LAZY_RULE_SAME: shapes[outputs[0]] = shapes[slots[0]]; break;
        case LAZY_RULE_BROADCAST:
          error = reference_broadcast(shapes, slots, node->input_count, shapes + outputs[0]);
          break;
        case LAZY_RULE_LINEAR:
          error = reference_linear(shapes + slots[0], shapes + params[0],
                                   node->param_count > 1 ? shapes + params[1] : NULL, attributes[0],
                                   shapes + outputs[0]);
          break;
        case LAZY_RULE_FLATTEN:
          error = reference_flatten(shapes + slots[0], attributes[0], attributes[1], shapes + outputs[0]);
          break;
        default: break;
      }
    if (error.code != 0) {
      error.node = (int32_t)n;
      return error;
    }
  }
  return (struct lazy_shape_error){0};
}

/* ---- random recordings ---- */

typedef struct model {
  lazyi_shape_table table;
  lazy_shape shapes[MODEL_SLOTS]; /* as they were added; rank -1: for a rule to find */
  int32_t tensors[MODEL_SLOTS];   /* slots that may be inputs of a next node */
  int tensor_count;
  int32_t weights[MODEL_SLOTS]; /* unshaped ones, to be tied */
  int weight_count;
  int faults; /* of 1000 choices, how many are bad */
} model;

static inline lazy_shape random_shape(check_env *env, int32_t max_rank) {
  static const int64_t sizes[] = {
      0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 13, 64, 1000, (int64_t)1 << 20, (int64_t)1 << 44};
  lazy_shape shape = {.rank = (int32_t)check_random_between(env, 0, max_rank)};
  for (int32_t i = 0; i < shape.rank; i++)
    shape.dims[i] = sizes[check_random_below(env, check_random_below(env, 40) == 0 ? 16 : 12)];
  return shape;
}

static inline bool rarely(check_env *env, const model *m) {
  return check_random_below(env, 1000) < (uint64_t)m->faults;
}

static inline int32_t model_row(model *m, const lazy_shape *known) {
  int32_t slot = -1;
  if (EXPECT_OK(lazyi_shape_table_add_row(&m->table, known, &slot)))
    m->shapes[slot] = known != NULL ? *known : (lazy_shape){.rank = -1};
  return slot;
}

static inline void model_ticket(check_env *env, model *m, int32_t slot, int32_t fan_slot, bool scaled) {
  static const uint8_t dtypes[] = {LAZY_DTYPE_F64,  LAZY_DTYPE_F32, LAZY_DTYPE_F16,
                                   LAZY_DTYPE_BF16, LAZY_DTYPE_I64, LAZY_DTYPE_U8};
  struct lazy_init_ticket ticket = {
      .slot = slot,
      .fan_slot = fan_slot,
      .dtype = dtypes[check_random_below(env, 6)],
      .rule = (uint8_t)check_random_below(env, 4),
      .scale = scaled ? (uint8_t)check_random_below(env, LAZY_SCALE_COUNT) : LAZY_SCALE_GIVEN,
      .host = check_random_below(env, 4) == 0,
      .path_hash = check_random(env),
      .a = check_random_unit(env),
      .b = check_random_unit(env),
  };
  if (check_random_below(env, 6) == 0) {
    ticket.has_zero_row = 1;
    ticket.zero_row = check_random_between(env, -2, 1);
    if (rarely(env, m)) ticket.zero_row = check_random_between(env, -40, 40);
  }
  if (check_random_below(env, 4) == 0)
    ticket.cut = (struct lazy_init_cut){-1, check_random_unit(env), 0.25, 0.5, 0.25};
  (void)EXPECT_OK(lazyi_shape_table_add_ticket(&m->table, &ticket));
}

static inline void model_node(check_env *env, model *m) {
  int32_t inputs[3], params[2], output, node;
  int64_t attributes[2];
  lazyi_shape_call call = {.inputs = inputs, .params = params, .outputs = &output, .attributes = attributes};
  call.rule = (enum lazy_shape_rule)(1 + check_random_below(env, 4));
  if (check_random_below(env, 12) == 0) call.rule = LAZY_RULE_GIVEN;
  /* Mostly the newest tensors, so that shapes travel far. */
  for (int i = 0; i < 3; i++) {
    int reach = m->tensor_count < 3 ? m->tensor_count : 3;
    inputs[i] = m->tensors[m->tensor_count - 1 - (int)check_random_below(env, (uint64_t)reach)];
  }
  lazy_shape given = random_shape(env, 4);
  output = model_row(m, call.rule == LAZY_RULE_GIVEN ? &given : NULL);
  call.output_count = 1;
  call.input_count = call.rule == LAZY_RULE_GIVEN ? 0 : 1;
  if (call.rule == LAZY_RULE_BROADCAST) {
    call.input_count = (int)check_random_between(env, 1, 3);
    if (!rarely(env, m)) inputs[1] = inputs[2] = inputs[0];
  } else if (call.rule == LAZY_RULE_FLATTEN) {
    call.attribute_count = 2;
    attributes[0] = check_random_between(env, -1, 0);
    attributes[1] = check_random_between(env, -1, 0);
    if (attributes[0] == -1 || check_random_below(env, 2) == 0) attributes[1] = -1;
    if (rarely(env, m)) attributes[0] = check_random_between(env, -5, 5);
    if (rarely(env, m)) attributes[1] = check_random_between(env, -5, 5);
  } else if (call.rule == LAZY_RULE_LINEAR) {
    call.attribute_count = 1;
    call.param_count = (int)check_random_between(env, 1, 2);
    attributes[0] = check_random_between(env, 0, 9);
    if (rarely(env, m)) attributes[0] = check_random_between(env, -3, 3);
    if (rarely(env, m)) attributes[0] = (int64_t)1 << check_random_between(env, 20, 62);
    lazy_shape weight = random_shape(env, 3), bias = shape_of(1, attributes);
    if (m->weight_count > 0 && check_random_below(env, 8) == 0 && rarely(env, m)) {
      params[0] = m->weights[check_random_below(env, (uint64_t)m->weight_count)];
      attributes[0] = -1;
    } else {
      params[0] = m->weights[m->weight_count++] = model_row(m, rarely(env, m) ? &weight : NULL);
      model_ticket(env, m, params[0], params[0], m->shapes[params[0]].rank < 0);
    }
    if (call.param_count == 2) {
      bool known = bias.dims[0] >= 0 && bias.dims[0] < LAZY_DIM_LIMIT && check_random_below(env, 3) == 0;
      params[1] = model_row(m, rarely(env, m) ? &weight : known ? &bias : NULL);
      model_ticket(env, m, params[1], params[0], m->shapes[params[0]].rank < 0);
    }
  }
  (void)EXPECT_OK(lazyi_shape_table_add_node(&m->table, &call, &node));
  m->tensors[m->tensor_count++] = output;
}

/* `input_count` inputs first, then `node_count` nodes. */
static inline void model_make(check_env *env, model *m, int input_count, int node_count, int faults) {
  lazyi_shape_table_clear(&m->table);
  m->tensor_count = m->weight_count = 0;
  m->faults = faults;
  for (int i = 0; i < input_count; i++) {
    lazy_shape shape = random_shape(env, 4);
    m->tensors[m->tensor_count++] = model_row(m, &shape);
  }
  for (int i = 0; i < node_count; i++) model_node(env, m);
}

static inline bool same_shape(const lazy_shape *a, const lazy_shape *b) {
  return a->rank == b->rank &&
         (a->rank <= 0 || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0);
}

static inline bool same_error(const struct lazy_shape_error *a, const struct lazy_shape_error *b) {
  return a->code == b->code &&
         (a->code == 0 || (a->node == b->node && a->operand == b->operand && a->dim == b->dim &&
                           a->found == b->found && a->wanted == b->wanted));
}

#define EXPECT_SAME_ERROR(found_, wanted_)                                                                \
  (same_error(&(found_), &(wanted_)) ||                                                                   \
   (FAIL("error %d node %d operand %d dim %d found %lld wanted %lld; wanted error %d node %d operand %d " \
         "dim %d "                                                                                        \
         "found %lld wanted %lld",                                                                        \
         (found_).code, (found_).node, (found_).operand, (found_).dim, (long long)(found_).found,         \
         (long long)(found_).wanted, (wanted_).code, (wanted_).node, (wanted_).operand, (wanted_).dim,    \
         (long long)(wanted_).found, (long long)(wanted_).wanted),                                        \
    false))

/* The segments told again, for shapes that are all found. False if one is too large or has no fan. */
static inline bool reference_segments(const lazyi_shape_table *table, const lazy_shape *shapes,
                                      struct lazy_init_segment *segments,
                                      struct lazy_infer_summary *summary) {
  static const int bytes[LAZY_DTYPE_COUNT] = {0, 8, 4, 2, 2, 8, 1};
  *summary = (struct lazy_infer_summary){0};
  for (size_t i = 0; i < table->tickets.count; i++) {
    const struct lazy_init_ticket *t = table->tickets.at + i;
    const lazy_shape *fan = shapes + t->fan_slot;
    int64_t count = reference_count(shapes + t->slot);
    double fan_in = 1, fan_out = 1;
    if (shapes[t->slot].rank < 0 || count < 0 || (t->scale != LAZY_SCALE_GIVEN && fan->rank < 2))
      return false;
    for (int32_t d = 0; d < fan->rank; d++) {
      if (d != 0) fan_in *= (double)fan->dims[d];
      if (d != 1) fan_out *= (double)fan->dims[d];
    }
    struct lazy_init_segment s = {.offset = summary->extent_bytes,
                                  .count = (uint64_t)count,
                                  .path_hash = t->path_hash,
                                  .a = t->a,
                                  .b = t->b,
                                  .first_tile = summary->tile_count,
                                  .dtype = t->dtype,
                                  .rule = t->rule,
                                  .host = t->host,
                                  .cut = t->cut};
    if (t->has_zero_row) {
      const lazy_shape *own = shapes + t->slot;
      const int64_t height = own->rank == 0 ? 0 : own->dims[0];
      const int64_t row = t->zero_row < 0 ? height + t->zero_row : t->zero_row;
      if (row < 0 || row >= height) return false;
      s.zero_count = (uint64_t)(count / height);
      s.zero_first = (uint64_t)row * s.zero_count;
    }
    const double fan_of_mode = t->scale == LAZY_SCALE_KAIMING_FAN_OUT ? fan_out : fan_in;
    double deviation = 0;
    if (t->scale == LAZY_SCALE_XAVIER)
      deviation = fan_in + fan_out > 0 ? t->b * sqrt(2 / (fan_in + fan_out)) : 0;
    else if (t->scale != LAZY_SCALE_GIVEN) deviation = fan_of_mode > 0 ? t->b / sqrt(fan_of_mode) : 0;
    if (t->scale == LAZY_SCALE_RSQRT_FAN_IN) s.b = fan_in > 0 ? 1 / sqrt(fan_in) : 0;
    else if (t->scale != LAZY_SCALE_GIVEN)
      s.b = t->rule == LAZY_INIT_UNIFORM ? sqrt(3.0) * deviation : deviation;
    if (t->host && t->scale != LAZY_SCALE_GIVEN && t->rule == LAZY_INIT_UNIFORM) s.a = -s.b;
    segments[i] = s;
    summary->element_count += s.count;
    summary->extent_bytes += (s.count * (uint64_t)bytes[t->dtype] + 255) / 256 * 256;
    if (!t->host && t->rule != LAZY_INIT_NONE) {
      uint64_t tiles = summary->tile_count + (s.count + 4095) / 4096;
      if (tiles > UINT32_MAX) return false;
      summary->tile_count = (uint32_t)tiles;
    }
    summary->segment_count++;
    if (summary->extent_bytes >= (uint64_t)LAZY_DIM_LIMIT) return false;
  }
  return true;
}

#endif
