/* Memory of lazyi_shape_infer, and the one way its launches go: upload, launch, read-back, wait. */
#ifndef LAZYI_SHAPE_SCRATCH_H
#define LAZYI_SHAPE_SCRATCH_H

#include "runtime/launch/launch.h"
#include "runtime/shape/table.h"

/* A slot of the table while a batch is compiled. */
typedef struct lazyi_shape_place {
  int32_t row;      /* in the program, or one of batch.c's stand-ins */
  int32_t last_use; /* the last node that touches it, -1 if none does */
  int32_t ticket;   /* still to be tallied, or -1 */
  bool defined;     /* the program has filled its row */
} lazyi_shape_place;

/* A compiled batch (runtime/shape/batch.c), kept so that the next one allocates nothing. */
typedef struct lazyi_shape_program {
  LAZYI_VECTOR(struct lazy_shape_node) nodes;
  LAZYI_VECTOR(int32_t) operands;
  LAZYI_VECTOR(int64_t) attributes;
  LAZYI_VECTOR(int32_t) origins; /* per node: the table's node, or -1 - ticket */
  LAZYI_VECTOR(lazyi_shape_place) places;
  LAZYI_VECTOR(int32_t) free_rows; /* of slots that are dead */
  int32_t row_count, read_row;     /* rows: inputs, live temporaries, then from read_row on those read back */
} lazyi_shape_program;
void lazyi_shape_program_deinit(lazyi_shape_program *program);

struct lazyi_shape_infer {
  const lazyi_launcher *launcher;
  lazy_driver_address memory;
  size_t memory_bytes;
  unsigned char *staging; /* pinned: what is uploaded, then what is read back */
  size_t staging_bytes;
  lazyi_shape_program program;
};

/* Where the parts of a launch lie. Uploaded: [0, upload_bytes) of the memory, from the start of staging. Read
   back: [read_offset, read_offset + read_bytes), to staging + upload_bytes. */
typedef struct lazyi_shape_layout {
  size_t upload_bytes, read_offset, read_bytes, memory_bytes;
} lazyi_shape_layout;

/* Places `bytes` at the next multiple of 64 after *end; SIZE_MAX, and *end SIZE_MAX, where sizes overflow. */
size_t lazyi_shape_layout_place(size_t *end, size_t count, size_t element_bytes);
/* Grows memory and staging to fit; waits for `stream` before it frees what launches may still read. */
LAZY_MUST_USE lazy_status lazyi_shape_scratch_reserve(struct lazyi_shape_infer *infer,
                                                      const lazyi_shape_layout *layout,
                                                      lazy_driver_stream stream);
/* One upload of staging from `upload_from` on, one launch, one read-back, one wait. */
LAZY_MUST_USE lazy_status lazyi_shape_scratch_launch(struct lazyi_shape_infer *infer,
                                                     const lazyi_shape_layout *layout, size_t upload_from,
                                                     const struct lazy_k_infer_shapes_params *params,
                                                     lazy_driver_stream stream);

#endif
