/* Failures in turn: an operation is tried with its first driver call failing, then its second, and so on
   until none is left to fail; so for every kind of failure, and for every allocation of host memory.

   After each: the status and its message, nothing leaked, the state before stands (or the one after, where
   the operation had passed its commit point), and the next try gives what an undisturbed run gives, bit for
   bit. */
#ifndef LAZYRT_TESTS_FAULT_TABLE_H
#define LAZYRT_TESTS_FAULT_TABLE_H

#include "tests/model.h"

/* Text that grows. Zero-initialised; at is NULL until something was added. */
typedef struct fault_text {
  char *at;
  size_t length, capacity;
} fault_text;
void fault_text_add(fault_text *text, const char *format, ...) LAZY_PRINTF(2, 3);
/* Bytes as a length and a hash of 64 bits. */
void fault_text_add_bytes(fault_text *text, const void *data, size_t bytes);

/* What one trial works with. All that is set is released when it ends. */
typedef struct fault_stage {
  check_env *env;
  const struct fault_row *row;
  lazy_context *context;
  lazy_module *net;
  lazy_module *made; /* by the operation */
  lazy_graph *graph;
  lazy_array *x;
  lazy_state *state;
  lazy_outputs outputs;
  fault_text answer; /* what the operation answered, of this try */
} fault_stage;

typedef struct fault_row {
  const char *name;
  /* Everything up to the operation, undisturbed, on the context of the stage. */
  void (*begin)(fault_stage *stage);
  /* The operation. It can be tried again after a failure; what it answers goes into stage->answer. */
  lazy_status (*act)(fault_stage *stage);
  /* Undisturbed, after a success: what the operation brought about beside the state of `net`. May be NULL. */
  void (*look)(fault_stage *stage, fault_text *out);
  const char *subject; /* that messages of memory run out name; NULL: none */
  lazy_stream stream;
  bool opens;   /* the operation opens the context itself */
  bool commits; /* the state may be the one after though the call failed: past the commit point */
  bool
      may_draw_due; /* layers of known sizes may have been drawn by a try that failed, as reading them does */
} fault_row;

/* Tries every row in every way, and prints the table of the points tried. */
void fault_table_run(check_env *env, const fault_row *rows, size_t count);

#endif
