/* Many shape sets of one table. The table is compiled into a program over few rows: a slot gets a row when it
   is first touched and gives it back after its last use, so that a set costs its live shapes only. */
#include <string.h>

#include "runtime/shape/scratch.h"

enum { NO_ROW = INT32_MIN };
/* Scratch memory of a chunk of sets. */
static const size_t chunk_bytes = (size_t)64 << 20;

void lazyi_shape_program_deinit(lazyi_shape_program *program) {
  lazyi_vector_deinit(&program->nodes);
  lazyi_vector_deinit(&program->operands);
  lazyi_vector_deinit(&program->attributes);
  lazyi_vector_deinit(&program->origins);
  lazyi_vector_deinit(&program->places);
  lazyi_vector_deinit(&program->free_rows);
}

/* ---- compiling ---- */

typedef struct compiler {
  lazyi_shape_program *program;
  const lazyi_shape_table *table;
  const lazyi_shape_batch *batch;
  int32_t live_rows; /* inputs and temporaries handed out so far */
  int32_t tally_row; /* 0: no totals are asked for */
} compiler;

/* Rows that are read back lie behind all others; until those are counted, the i-th has this stand-in. */
static int32_t read_back(int32_t i) { return -1 - i; }

/* Appends a node; its operands and attributes are pushed after it. */
static lazy_status emit(compiler *c, struct lazy_shape_node node, int32_t origin) {
  node.operands = (int32_t)c->program->operands.count;
  node.attributes = (int32_t)c->program->attributes.count;
  LAZY_TRY(lazyi_vector_push(&c->program->nodes, node));
  return lazyi_vector_push(&c->program->origins, origin);
}

static lazy_status emit_operand(compiler *c, int32_t row) {
  return lazyi_vector_push(&c->program->operands, row);
}

static lazy_status emit_attributes(compiler *c, const int64_t *values, size_t count) {
  if (count == 0) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_vector_reserve(&c->program->attributes, count));
  memcpy(c->program->attributes.at + c->program->attributes.count, values, count * sizeof *values);
  c->program->attributes.count += count;
  return LAZY_STATUS_OK;
}

/* Fills a row with LAZY_ROW values. */
static lazy_status emit_given(compiler *c, int32_t row, const int64_t *values) {
  const struct lazy_shape_node node = {
      .rule = LAZY_RULE_GIVEN, .output_count = 1, .attribute_count = LAZY_ROW};
  LAZY_TRY(emit(c, node, 0));
  LAZY_TRY(emit_operand(c, row));
  return emit_attributes(c, values, LAZY_ROW);
}

/* A row for a slot that has none yet. There is room for all in free_rows. */
static void take_row(compiler *c, lazyi_shape_place *place) {
  if (place->row != NO_ROW) return;
  place->row = c->program->free_rows.count != 0 ? c->program->free_rows.at[--c->program->free_rows.count]
                                                : c->live_rows++;
}

/* Fills a slot's row with what the table was given for it: its shape, or that it has none. */
static lazy_status define(compiler *c, int32_t slot) {
  static const int64_t unshaped[LAZY_ROW] = {1, 1, 1, 1, 1, 1, 1, 1, LAZY_RANK_UNSHAPED};
  lazyi_shape_place *place = c->program->places.at + slot;
  if (place->defined) return LAZY_STATUS_OK;
  take_row(c, place);
  place->defined = true;
  const int64_t *known = c->table->rows.at + (size_t)slot * LAZY_ROW;
  return emit_given(c, place->row, c->table->known.at[slot] ? known : unshaped);
}

static lazy_status tally(compiler *c, int32_t slot) {
  lazyi_shape_place *place = c->program->places.at + slot;
  if (place->ticket < 0) return LAZY_STATUS_OK;
  int64_t bytes = (int64_t)lazy_dtype_bytes((lazy_dtype)c->table->tickets.at[place->ticket].dtype);
  const struct lazy_shape_node node = {
      .rule = LAZY_RULE_TALLY, .param_count = 1, .output_count = 1, .attribute_count = 1};
  LAZY_TRY(emit(c, node, -1 - place->ticket));
  place->ticket = -1;
  LAZY_TRY(emit_operand(c, place->row));
  LAZY_TRY(emit_operand(c, c->tally_row));
  return emit_attributes(c, &bytes, 1);
}

/* Every slot's last use and ticket; rows for the inputs and for what is wanted. */
static lazy_status lay_out(compiler *c) {
  lazyi_shape_program *program = c->program;
  const lazyi_shape_table *table = c->table;
  size_t slots = table->known.count;
  program->nodes.count = program->operands.count = program->attributes.count = program->origins.count = 0;
  program->places.count = program->free_rows.count = 0;
  LAZY_TRY(lazyi_vector_reserve(&program->places, slots));
  LAZY_TRY(lazyi_vector_reserve(&program->free_rows, slots));
  lazyi_shape_place *places = program->places.at;
  for (size_t slot = 0; slot < slots; slot++) places[slot] = (lazyi_shape_place){NO_ROW, -1, -1, false};
  for (size_t n = 0; n < table->nodes.count; n++) {
    const struct lazy_shape_node *node = table->nodes.at + n;
    int32_t operands = node->input_count + node->param_count + node->output_count;
    for (int32_t i = 0; i < operands; i++)
      places[table->operands.at[node->operands + i]].last_use = (int32_t)n;
  }
  for (int32_t i = 0; i < c->batch->input_count; i++) {
    places[c->batch->input_slots[i]].row = i;
    places[c->batch->input_slots[i]].defined = true;
  }
  c->live_rows = c->batch->input_count;
  for (size_t t = 0; c->tally_row != 0 && t < table->tickets.count; t++) {
    lazyi_shape_place *place = places + table->tickets.at[t].slot;
    if (place->ticket >= 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a slot with two init tickets");
    place->ticket = (int32_t)t;
  }
  for (int32_t i = 0; i < c->batch->wanted_count; i++) {
    lazyi_shape_place *place = places + c->batch->wanted_slots[i];
    if (place->row < 0 && place->row != NO_ROW)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a slot that is wanted twice");
    if (place->row == NO_ROW) place->row = read_back(i);
  }
  return LAZY_STATUS_OK;
}

static lazy_status compile_node(compiler *c, int32_t n) {
  const struct lazy_shape_node *node = c->table->nodes.at + n;
  const int32_t *slots = c->table->operands.at + node->operands;
  int32_t reads = node->input_count + node->param_count, all = reads + node->output_count;
  lazyi_shape_place *places = c->program->places.at;
  bool host_filled = node->rule == LAZY_RULE_GIVEN && node->attribute_count == 0;
  for (int32_t i = 0; i < (host_filled ? all : reads); i++) LAZY_TRY(define(c, slots[i]));
  /* Outputs get their rows while the inputs still hold theirs: no rule reads what it has written. */
  for (int32_t i = reads; i < all; i++) {
    take_row(c, places + slots[i]);
    places[slots[i]].defined = true;
  }
  LAZY_TRY(emit(c, *node, n));
  for (int32_t i = 0; i < all; i++) LAZY_TRY(emit_operand(c, places[slots[i]].row));
  LAZY_TRY(emit_attributes(c, c->table->attributes.at + node->attributes, node->attribute_count));
  for (int32_t i = 0; i < all; i++) {
    lazyi_shape_place *place = places + slots[i];
    if (place->last_use != n) continue;
    LAZY_TRY(tally(c, slots[i]));
    if (place->row < c->batch->input_count) continue; /* an input, read back, or freed already */
    LAZY_TRY(lazyi_vector_push(&c->program->free_rows, place->row));
    place->row = NO_ROW;
  }
  return LAZY_STATUS_OK;
}

static lazy_status compile(compiler *c) {
  static const int64_t zeros[LAZY_ROW] = {0};
  lazyi_shape_program *program = c->program;
  int32_t wanted_count = c->batch->wanted_count;
  LAZY_TRY(lay_out(c));
  if (c->tally_row != 0) LAZY_TRY(emit_given(c, c->tally_row, zeros));
  for (int32_t n = 0; n < (int32_t)c->table->nodes.count; n++) LAZY_TRY(compile_node(c, n));
  for (size_t t = 0; c->tally_row != 0 && t < c->table->tickets.count; t++) {
    int32_t slot = c->table->tickets.at[t].slot; /* of a parameter that no node uses, or an input */
    if (program->places.at[slot].ticket < 0) continue;
    LAZY_TRY(define(c, slot));
    LAZY_TRY(tally(c, slot));
  }
  for (int32_t i = 0; i < wanted_count; i++) {
    int32_t slot = c->batch->wanted_slots[i], row = program->places.at[slot].row;
    if (row == read_back(i)) {
      LAZY_TRY(define(c, slot));
      continue;
    }
    const struct lazy_shape_node copy = {.rule = LAZY_RULE_SAME, .input_count = 1, .output_count = 1};
    LAZY_TRY(emit(c, copy, -1)); /* of an input */
    LAZY_TRY(emit_operand(c, row));
    LAZY_TRY(emit_operand(c, read_back(i)));
  }
  program->read_row = c->live_rows;
  program->row_count = c->live_rows + wanted_count + (c->tally_row != 0);
  for (size_t i = 0; i < program->operands.count; i++) {
    int32_t row = program->operands.at[i];
    if (row < 0) program->operands.at[i] = c->live_rows + (-1 - row);
  }
  return LAZY_STATUS_OK;
}

/* ---- running ---- */

typedef struct batch_run {
  lazyi_shape_infer *infer;
  const lazyi_shape_batch *batch;
  lazyi_shape_layout layout;
  size_t input_rows, wanted_rows, tally_row, errors; /* offsets of the memory */
  int64_t sets, stride;                              /* of a chunk */
} batch_run;

/* The code of what makes a shape no shape, or LAZY_SHAPE_OK. */
static int32_t shape_code(const lazy_shape *shape, int32_t input, struct lazy_shape_error *out_error) {
  struct lazy_shape_error error = {.node = -1, .operand = input, .dim = -1};
  if (shape->rank < 0 || shape->rank > LAZY_MAX_RANK) {
    error.code = LAZY_SHAPE_RANK_TOO_HIGH;
    error.found = shape->rank;
    error.wanted = LAZY_MAX_RANK;
  }
  for (int32_t i = 0; error.code == LAZY_SHAPE_OK && i < shape->rank; i++) {
    if (shape->dims[i] >= 0 && shape->dims[i] < LAZY_DIM_LIMIT) continue;
    error.code = shape->dims[i] < 0 ? LAZY_SHAPE_NEGATIVE : LAZY_SHAPE_OVERFLOW;
    error.dim = i;
    error.found = shape->dims[i];
    error.wanted = shape->dims[i] < 0 ? 0 : LAZY_DIM_LIMIT - 1;
  }
  if (error.code != LAZY_SHAPE_OK) *out_error = error;
  return error.code;
}

static void pack_inputs(const batch_run *run, int64_t first, int64_t count) {
  for (int32_t i = 0; i < run->batch->input_count; i++) {
    int64_t *row =
        (int64_t *)(void *)(run->infer->staging + run->input_rows) + (int64_t)i * LAZY_ROW * run->stride;
    const lazy_shape *shape = run->batch->inputs + first * run->batch->input_count + i;
    for (int64_t set = 0; set < count; set++, shape += run->batch->input_count) {
      struct lazy_shape_error ignored;
      int32_t rank = shape_code(shape, i, &ignored) == LAZY_SHAPE_OK ? shape->rank : LAZY_RANK_UNSHAPED;
      for (int32_t j = 0; j < LAZY_ROW_DIMS; j++) {
        int32_t dim = j - LAZY_ROW_DIMS + rank;
        row[j * run->stride + set] = dim >= 0 && rank >= 0 ? shape->dims[dim] : 1;
      }
      row[LAZY_ROW_RANK * run->stride + set] = rank;
    }
  }
}

static const int64_t *read_row(const batch_run *run, size_t offset, int32_t i) {
  const unsigned char *base =
      run->infer->staging + run->layout.upload_bytes - run->layout.read_offset + offset;
  return (const int64_t *)(const void *)base + (int64_t)i * LAZY_ROW * run->stride;
}

/* The error of one set in the table's own terms. */
static struct lazy_shape_error translate(const batch_run *run, struct lazy_shape_error error, int64_t set) {
  if (error.code == LAZY_SHAPE_OK) return (struct lazy_shape_error){0};
  for (int32_t i = 0; i < run->batch->input_count; i++)
    if (shape_code(run->batch->inputs + set * run->batch->input_count + i, i, &error) != LAZY_SHAPE_OK)
      return error;
  int32_t origin = run->infer->program.origins.at[error.node];
  if (origin < 0) error.operand = -1 - origin;
  error.node = origin < 0 ? -1 : origin;
  return error;
}

static void unpack(const batch_run *run, int64_t first, int64_t count, struct lazy_shape_error *out_errors,
                   lazyi_shape_total *out_totals, lazy_shape *out_wanted) {
  const struct lazy_shape_error *errors = (const void *)read_row(run, run->errors, 0);
  for (int64_t set = 0; set < count; set++)
    out_errors[first + set] = translate(run, errors[set], first + set);
  const int64_t *sums = read_row(run, run->tally_row, 0);
  for (int64_t set = 0; out_totals != NULL && set < count; set++) {
    struct lazy_shape_error *error = out_errors + first + set;
    out_totals[first + set] = (lazyi_shape_total){0};
    if (error->code != LAZY_SHAPE_OK) continue;
    if (sums[set] >= LAZY_DIM_LIMIT || sums[run->stride + set] >= LAZY_DIM_LIMIT)
      *error = (struct lazy_shape_error){.code = LAZY_SHAPE_OVERFLOW,
                                         .node = -1,
                                         .dim = -1,
                                         .found = LAZY_DIM_LIMIT,
                                         .wanted = LAZY_DIM_LIMIT - 1};
    else
      out_totals[first + set] = (lazyi_shape_total){(uint64_t)sums[set], (uint64_t)sums[run->stride + set]};
  }
  for (int32_t i = 0; i < run->batch->wanted_count; i++) {
    const int64_t *row = read_row(run, run->wanted_rows, i);
    lazy_shape *shape = out_wanted + first * run->batch->wanted_count + i;
    for (int64_t set = 0; set < count; set++, shape += run->batch->wanted_count) {
      bool failed = out_errors[first + set].code != LAZY_SHAPE_OK;
      int32_t rank = failed ? LAZY_RANK_UNSHAPED : (int32_t)row[LAZY_ROW_RANK * run->stride + set];
      shape->rank = rank;
      for (int32_t d = 0; d < LAZY_MAX_RANK; d++)
        shape->dims[d] = d < rank ? row[(LAZY_ROW_DIMS - rank + d) * run->stride + set] : 0;
    }
  }
}

/* Sets of a chunk: as many as fit the bound. */
static int64_t chunk_sets(const lazyi_shape_program *program, int64_t set_count) {
  size_t set_bytes =
      (size_t)program->row_count * LAZY_ROW * sizeof(int64_t) + sizeof(struct lazy_shape_error);
  int64_t sets = (int64_t)(chunk_bytes / set_bytes);
  if (sets > set_count) sets = set_count;
  return sets < LAZYI_LAUNCH_BLOCK ? LAZYI_LAUNCH_BLOCK : sets;
}

/* Rows of a set lie a stride apart. 40 elements past a multiple of 512 puts the places that a set touches
   into different sets of the cache: at a multiple of 4 KiB all of them would fall into one. */
static int64_t chunk_stride(int64_t sets) { return (sets - 40 + 511) / 512 * 512 + 40; }

static lazy_status check_batch(const lazyi_shape_table *table, const lazyi_shape_batch *batch) {
  if (batch->set_count < 0 || batch->input_count < 0 || batch->wanted_count < 0)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "a batch with a negative count");
  for (int32_t i = 0; i < batch->input_count; i++)
    if (batch->input_slots[i] < 0 || (size_t)batch->input_slots[i] >= table->known.count)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "batch input %d is no slot of the table", (int)i);
  for (int32_t i = 0; i < batch->wanted_count; i++)
    if (batch->wanted_slots[i] < 0 || (size_t)batch->wanted_slots[i] >= table->known.count)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "wanted row %d is no slot of the table", (int)i);
  return LAZY_STATUS_OK;
}

lazy_status lazyi_shape_infer_batch(lazyi_shape_infer *infer, const lazyi_shape_table *table,
                                    const lazyi_shape_batch *batch, lazy_driver_stream stream,
                                    struct lazy_shape_error *out_errors, lazyi_shape_total *out_totals,
                                    lazy_shape *out_wanted) {
  LAZY_TRY(check_batch(table, batch));
  if (batch->set_count == 0) return LAZY_STATUS_OK;
  lazyi_shape_program *program = &infer->program;
  compiler c = {.program = program, .table = table, .batch = batch};
  if (out_totals != NULL) c.tally_row = read_back(batch->wanted_count);
  LAZY_TRY(compile(&c));

  batch_run run = {.infer = infer, .batch = batch, .sets = chunk_sets(program, batch->set_count)};
  run.stride = chunk_stride(run.sets);
  size_t end = 0, row_bytes = (size_t)run.stride * LAZY_ROW * sizeof(int64_t);
  size_t nodes = lazyi_shape_layout_place(&end, program->nodes.count, sizeof(struct lazy_shape_node));
  size_t operands = lazyi_shape_layout_place(&end, program->operands.count, sizeof(int32_t));
  size_t attributes = lazyi_shape_layout_place(&end, program->attributes.count, sizeof(int64_t));
  run.input_rows = lazyi_shape_layout_place(&end, (size_t)program->row_count, row_bytes);
  run.layout.upload_bytes = run.input_rows + (size_t)batch->input_count * row_bytes;
  run.wanted_rows = run.layout.read_offset = run.input_rows + (size_t)program->read_row * row_bytes;
  run.tally_row = run.wanted_rows + (size_t)batch->wanted_count * row_bytes;
  run.errors = lazyi_shape_layout_place(&end, (size_t)run.stride, sizeof(struct lazy_shape_error));
  run.layout.read_bytes = end - run.layout.read_offset;
  run.layout.memory_bytes = end;
  LAZY_TRY(lazyi_shape_scratch_reserve(infer, &run.layout, stream));
  memcpy(infer->staging + nodes, program->nodes.at, program->nodes.count * sizeof *program->nodes.at);
  memcpy(infer->staging + operands, program->operands.at,
         program->operands.count * sizeof *program->operands.at);
  if (program->attributes.count != 0)
    memcpy(infer->staging + attributes, program->attributes.at,
           program->attributes.count * sizeof *program->attributes.at);

  for (int64_t first = 0; first < batch->set_count; first += run.sets) {
    int64_t count = batch->set_count - first < run.sets ? batch->set_count - first : run.sets;
    pack_inputs(&run, first, count);
    const struct lazy_k_infer_shapes_params params = {
        .nodes = infer->memory + nodes,
        .operands = infer->memory + operands,
        .attributes = infer->memory + attributes,
        .rows = infer->memory + run.input_rows,
        .errors = infer->memory + run.errors,
        .stride = run.stride,
        .node_count = (int32_t)program->nodes.count,
        .set_count = (int32_t)count,
    };
    /* The program stays on the device: later chunks upload their inputs only. */
    LAZY_TRY(
        lazyi_shape_scratch_launch(infer, &run.layout, first == 0 ? 0 : run.input_rows, &params, stream));
    unpack(&run, first, count, out_errors, out_totals, out_wanted);
  }
  return LAZY_STATUS_OK;
}
