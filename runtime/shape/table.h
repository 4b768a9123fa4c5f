/* The table that a recording fills and infer_shapes reads: rows, nodes, operands, attributes, init tickets.

   The host can walk the same table with the same rules (`evaluate`), memoised, for hooks and classes that ask
   for a shape while recording; the device walks all of it in one launch. Not thread-safe: one recording. */
#ifndef LAZYI_SHAPE_TABLE_H
#define LAZYI_SHAPE_TABLE_H

#include <lazyrt/driver.h>

#include "kernels/params.h"
#include "runtime/base/vector.h"

typedef struct lazyi_shape_table {
  LAZYI_VECTOR(int64_t) rows;  /* stride 1: LAZY_ROW per slot */
  LAZYI_VECTOR(uint8_t) known; /* per slot: 1 if the caller gave the row, 0 if a rule is to find it */
  LAZYI_VECTOR(struct lazy_shape_node) nodes;
  LAZYI_VECTOR(int32_t) operands;
  LAZYI_VECTOR(int64_t) attributes;
  LAZYI_VECTOR(struct lazy_init_ticket) tickets;
  int32_t evaluated; /* nodes whose outputs the host has worked out */
} lazyi_shape_table;

/* Empties the table and keeps its memory. A zeroed table is empty. */
void lazyi_shape_table_clear(lazyi_shape_table *table);
void lazyi_shape_table_deinit(lazyi_shape_table *table);

/* `row` has LAZY_ROW elements, stride 1. */
void lazyi_shape_write_row(int64_t *row, const lazy_shape *shape);

/* Adds a row: a known shape, or NULL for one that a rule is to find. A known shape must be a valid one: rank
   0 to LAZY_MAX_RANK (else LIMIT), sizes from 0 (else SHAPE) to below LAZY_DIM_LIMIT (else LIMIT). */
LAZY_MUST_USE lazy_status lazyi_shape_table_add_row(lazyi_shape_table *table, const lazy_shape *known,
                                                    int32_t *out_slot);
/* Overwrites a row (a valid shape that became known, e.g. from a class's infer). */
void lazyi_shape_table_set_row(lazyi_shape_table *table, int32_t slot, const lazy_shape *shape);
/* The row as it stands; false if nothing settled it yet. */
bool lazyi_shape_table_get_row(const lazyi_shape_table *table, int32_t slot, lazy_shape *out_shape);

typedef struct lazyi_shape_call {
  enum lazy_shape_rule rule;
  bool training;
  const int32_t *inputs, *params, *outputs; /* slots */
  int input_count, param_count, output_count;
  const int64_t *attributes;
  int attribute_count;
} lazyi_shape_call;
/* Appends a node; its output rows must have been added. */
LAZY_MUST_USE lazy_status lazyi_shape_table_add_node(lazyi_shape_table *table, const lazyi_shape_call *call,
                                                     int32_t *out_node);
LAZY_MUST_USE lazy_status lazyi_shape_table_add_ticket(lazyi_shape_table *table,
                                                       const struct lazy_init_ticket *ticket);

/* Walks the nodes not yet walked, up to and including `node`, on the host. Stops at the first error, which is
   returned (and again by the next call: that node stays unwalked); code LAZY_SHAPE_OK if none. */
struct lazy_shape_error lazyi_shape_table_evaluate(lazyi_shape_table *table, int32_t node);
/* The tickets' segments and their summary, on the host; needs every ticket's row settled (fails as
   lazyi_shape_error_fail otherwise). What the device computes in its launch, from the same source. */
LAZY_MUST_USE lazy_status lazyi_shape_table_segments(const lazyi_shape_table *table,
                                                     struct lazy_init_segment *out_segments,
                                                     struct lazy_infer_summary *out_summary);

/* Fails with status SHAPE (or OUT_OF_RANGE for NO_SUCH_DIM and RANK_TOO_LOW, LIMIT for OVERFLOW) and words
   for `error`: which operand and dim, found, wanted. The caller annotates the module path. `operand_names`
   (may be NULL) has the operands' argument and parameter names. */
lazy_status lazyi_shape_error_fail(const struct lazy_shape_error *error, const char *const *operand_names);

/* One launch. `infer` = upload of the packed table, launch, read-back of rows, segments, errors and summary.
   Scratch memory on the device and pinned staging memory on the host are kept in the object and grown when a
   larger table comes. */
struct lazyi_launcher;
typedef struct lazyi_shape_infer lazyi_shape_infer;
LAZY_MUST_USE lazy_status lazyi_shape_infer_create(struct lazyi_launcher *launcher,
                                                   lazyi_shape_infer **out_infer);
void lazyi_shape_infer_destroy(lazyi_shape_infer *infer);
/* Device memory it holds. */
size_t lazyi_shape_infer_bytes(const lazyi_shape_infer *infer);

typedef struct lazyi_shape_answer {
  struct lazy_shape_error
      error; /* code LAZY_SHAPE_OK, or all else here is zero and the rows stand as they were */
  struct lazy_infer_summary summary;
  const struct lazy_init_segment *segments; /* host copy, ticket order; valid until the next run */
  uint64_t device_segments;                 /* the same on the device, for init_params on the same stream */
} lazyi_shape_answer;
/* Exactly one upload, one launch, one read-back, one wait. On return the table's rows hold every shape. The
   device's context must be current. A shape that does not fit is an answer, not a failure: see `error`. */
LAZY_MUST_USE lazy_status lazyi_shape_infer_run(lazyi_shape_infer *infer, lazyi_shape_table *table,
                                                lazy_driver_stream stream, lazyi_shape_answer *out_answer);

/* Many input shape sets of one table (a plan): `inputs[set * input_count + i]` replaces the row of slot
   `input_slots[i]`; rows that were not known when they were added are found anew for each set. One bad set
   does not spoil the others. One upload, one launch, one read-back, one wait per chunk of sets; scratch
   memory holds live rows only and stays within a fixed bound. */
typedef struct lazyi_shape_batch {
  const int32_t *input_slots;
  int32_t input_count;
  const lazy_shape *inputs;
  int64_t set_count;
  const int32_t *wanted_slots; /* distinct; rows to read back */
  int32_t wanted_count;
} lazyi_shape_batch;

/* Of all tickets of one set. */
typedef struct lazyi_shape_total {
  uint64_t element_count;
  uint64_t extent_bytes; /* each tensor aligned to LAZY_PARAM_ALIGNMENT */
} lazyi_shape_total;

/* Per set: the first error; totals if `out_totals` is not NULL; the wanted rows, [set][wanted], rank -1 where
   the set failed. */
LAZY_MUST_USE lazy_status lazyi_shape_infer_batch(lazyi_shape_infer *infer, const lazyi_shape_table *table,
                                                  const lazyi_shape_batch *batch, lazy_driver_stream stream,
                                                  struct lazy_shape_error *out_errors,
                                                  lazyi_shape_total *out_totals, lazy_shape *out_wanted);

#endif
