/* Parameter blocks and tables of the kernels: plain C, read by nvcc, the C compiler and the runtime alike.

   Every kernel takes one block by value. Addresses are 64-bit device addresses. */
#ifndef LAZYRT_KERNELS_PARAMS_H
#define LAZYRT_KERNELS_PARAMS_H

#include <stdint.h>

#include "kernels/activation_params.h"
#include "kernels/fingerprint_params.h"
#include "kernels/init_params.h"
#include "kernels/spatial_params.h"

/* ---- shape tables: infer_shapes ---- */

/* A row holds one shape: 8 dims right-aligned (dim j of rank r at index 8 - r + j, the rest 1), then the
   rank. Rank -1 is an unshaped parameter, its dims are all 1. Row `slot` of set `s` has element i at
   rows[(slot * 9 + i) * stride
   + s]: the set index runs fastest, so that one thread per set reads and writes coalesced. */
enum { LAZY_ROW_DIMS = 8, LAZY_ROW_RANK = 8, LAZY_ROW = 9 };
#define LAZY_RANK_UNSHAPED (-1)

/* Sizes and element counts stay below this, so that products of two never overflow 64 bits unchecked. */
#define LAZY_DIM_LIMIT ((int64_t)1 << 48)

/* (attributes, input shapes, known parameter shapes) -> (parameter shapes, output shapes, error).
   A known shape is unified with what the rule says, never overwritten. */
enum lazy_shape_rule {
  LAZY_RULE_GIVEN = 0, /* no attributes: outputs' rows were filled by the host; LAZY_ROW per output: rows */
  LAZY_RULE_SAME = 1,  /* output = input 0; attributes: what only the launch reads */
  LAZY_RULE_BROADCAST = 2, /* output = inputs broadcast together */
  LAZY_RULE_LINEAR = 3, /* attributes: out_features (-1: whatever the weight says); params: weight [, bias] */
  LAZY_RULE_FLATTEN = 4, /* attributes: start_dim, end_dim (negative from the end) */
  LAZY_RULE_TALLY = 5, /* batches only; attributes: bytes of an element; adds a param to the output's sums */
  LAZY_RULE_NORM =
      16, /* attributes: enum lazy_norm_attribute; params: vectors of the channels, then scalars */
  LAZY_RULE_POOL = 32,           /* attributes: enum lazy_pool_attribute */
  LAZY_RULE_ADAPTIVE_POOL = 33,  /* attributes: axes, unused, output sizes */
  LAZY_RULE_CONV = 38,           /* attributes: enum lazy_conv_attribute; params: weight [, bias] */
  LAZY_RULE_CONV_TRANSPOSE = 39, /* the same */
  LAZY_RULE_LSTM = 40,           /* attributes: enum lazy_recurrent_attribute; inputs: input [, h_0, c_0] */
  LAZY_RULE_GRU = 41,            /* the same; inputs: input [, h_0] */
  LAZY_RULE_NORM_LAST = 42, /* attributes: a count of last dims, then each of them (-1: as the input has it);
                               params: of their sizes */
  LAZY_RULE_SOFTMAX = 44,   /* attributes: enum lazy_softmax_attribute */
  LAZY_RULE_COUNT
};

/* One recorded call. Operands: input slots, then parameter slots, then output slots. */
struct lazy_shape_node {
  uint16_t rule;
  uint8_t input_count, param_count;
  uint8_t output_count, training;
  uint16_t attribute_count;
  int32_t operands;   /* index into the table's int32 operands */
  int32_t attributes; /* index into the table's int64 attributes */
};

/* Why a rule refused. The runtime turns it into words (runtime/shape/error.c). */
enum lazy_shape_error_code {
  LAZY_SHAPE_OK = 0,
  LAZY_SHAPE_RANK_TOO_LOW = 1,   /* found rank, wanted at least */
  LAZY_SHAPE_RANK_TOO_HIGH = 2,  /* found rank, wanted at most */
  LAZY_SHAPE_DIM_MISMATCH = 3,   /* input's dim: found, wanted (by the parameter) */
  LAZY_SHAPE_PARAM_MISMATCH = 4, /* known parameter's dim: found, wanted (by the rule) */
  LAZY_SHAPE_PARAM_RANK = 5,     /* known parameter's rank: found, wanted */
  LAZY_SHAPE_BROADCAST = 6,      /* sizes that do not broadcast: found, wanted */
  LAZY_SHAPE_NEGATIVE = 7,       /* a size below zero */
  LAZY_SHAPE_OVERFLOW = 8,       /* a size or element count past LAZY_DIM_LIMIT */
  LAZY_SHAPE_NO_SUCH_DIM = 9,    /* a dim index the rank does not have: found index, wanted below */
  LAZY_SHAPE_UNSHAPED = 10,      /* an input or parameter whose shape nothing settles */
  LAZY_SHAPE_UNKNOWN_RULE = 11,
  LAZY_SHAPE_DIM_ORDER = 12,   /* found first dim, wanted at most the last one */
  LAZY_SHAPE_NO_SUCH_ROW = 23, /* an init ticket's zero row: found index, wanted within +-size */
  LAZY_SHAPE_RANK_RANGE = 24,  /* found rank, wanted at least `dim` and at most `wanted` */
  LAZY_SHAPE_ONE_VALUE =
      25, /* a norm by the input's own statistics: one value, enum lazy_norm_values in `wanted` */
  LAZY_SHAPE_EMPTY = 32,          /* a dim of size 0 */
  LAZY_SHAPE_WINDOW = 33,         /* a dim with its padding: found, wanted at least, by a window */
  LAZY_SHAPE_GROUPS = 34,         /* channels that the groups, `wanted` of them, do not divide */
  LAZY_SHAPE_KERNEL = 35,         /* a padded size smaller than the kernel's reach: found, wanted at least */
  LAZY_SHAPE_PADDING = 36,        /* padding that would look past the whole input: found, wanted at most */
  LAZY_SHAPE_TOO_SMALL = 37,      /* an output's size: found, wanted at least */
  LAZY_SHAPE_TOO_LARGE = 38,      /* an output's size: found, wanted at most */
  LAZY_SHAPE_STATE_MISMATCH = 40, /* dim of a state that is given: found, wanted */
  LAZY_SHAPE_NO_STEPS = 41,       /* a sequence of no steps */
};

/* The first error of a set. `operand` counts inputs first, then parameters; `dim` counts from the left, -1
   where no one dim is at fault. Node -1: no rule failed but init ticket number `operand`. */
struct lazy_shape_error {
  int32_t code, node, operand, dim;
  int64_t found, wanted;
};

/* What a launch of infer_shapes found, read back with the rows. One per launch. */
struct lazy_infer_summary {
  uint64_t extent_bytes; /* of all segments, aligned */
  uint64_t element_count;
  uint32_t tile_count, segment_count;
};

struct lazy_k_infer_shapes_params {
  uint64_t nodes;      /* struct lazy_shape_node[node_count] */
  uint64_t operands;   /* int32_t[] */
  uint64_t attributes; /* int64_t[] */
  uint64_t rows;       /* int64_t[row][LAZY_ROW][stride] */
  uint64_t errors;     /* struct lazy_shape_error[set_count] */
  uint64_t tickets;    /* struct lazy_init_ticket[ticket_count], set 0 only */
  uint64_t segments;   /* struct lazy_init_segment[ticket_count], written */
  uint64_t summary;    /* struct lazy_infer_summary, written; 0 with several sets */
  int64_t stride;
  int32_t node_count, set_count, ticket_count, reserved;
};

/* The words of Philox4x32-10 blocks as they come: block b of the launch has counter (low + b, high). */
struct lazy_k_philox_params {
  uint64_t out;   /* uint32_t[count], aligned to 16 */
  uint64_t count; /* words */
  uint64_t key, low, high;
};

/* ---- data movement and arithmetic ---- */

/* The same element `count` times, contiguous. */
struct lazy_k_fill_params {
  uint64_t out;           /* aligned to element_bytes */
  uint64_t count;         /* elements */
  uint64_t pattern;       /* the element, in the low bytes */
  uint32_t element_bytes; /* 1, 2, 4 or 8 */
  uint32_t reserved;
};

/* Elements from one strided place to another, bit for bit. */
struct lazy_k_copy_params {
  uint64_t from, to;
  uint64_t count;          /* the product of sizes */
  int64_t sizes[8];        /* row-major: the last runs fastest; 1 past `rank` */
  int64_t from_strides[8]; /* in elements; 0 repeats */
  int64_t to_strides[8];   /* in elements */
  int32_t rank;            /* 1 to 8 */
  uint32_t element_bytes;  /* 1, 2, 4 or 8 */
};

/* The same from one element type to another; values as element.cuh says. */
struct lazy_k_convert_params {
  uint64_t from, to;
  uint64_t count;
  int64_t sizes[8];
  int64_t from_strides[8];
  int64_t to_strides[8];
  int32_t rank;
  uint8_t from_dtype, to_dtype; /* lazy_dtype */
  uint8_t reserved[2];
};

enum lazy_act {
  LAZY_ACT_IDENTITY = 0,
  LAZY_ACT_RELU = 1,
  LAZY_ACT_GELU_ERF = 2,
  LAZY_ACT_GELU_TANH = 3,
  LAZY_ACT_SIGMOID = 4,
  LAZY_ACT_TANH = 5,
};

/* y = act(x + bias), contiguous rows of `columns`; y may be x. f64, f32, f16, bf16. */
struct lazy_k_bias_act_params {
  uint64_t x, y;
  uint64_t bias; /* columns elements, or 0 */
  uint64_t count, columns;
  uint8_t dtype, act;
  uint8_t reserved[6];
};

enum lazy_binary { LAZY_BINARY_ADD = 0, LAZY_BINARY_MUL = 1 };

/* out = a (+ or *) b of one dtype, not u8; out is contiguous. */
struct lazy_k_binary_params {
  uint64_t a, b, out;
  uint64_t count;
  int64_t sizes[8];
  int64_t a_strides[8], b_strides[8]; /* in elements; 0 repeats */
  int32_t rank;                       /* 1 to 8 */
  uint8_t dtype, operation;
  uint8_t reserved[2];
};

/* c = alpha op(a) op(b) + beta c [+ bias], row-major, `batch` times; op(a) is m x k, op(b) k x n. One dtype
   of f64, f32, f16, bf16; sums in f64 or f32, in the order of k. */
struct lazy_k_gemm_params {
  uint64_t a, b, c;
  uint64_t bias; /* n elements added to every row, or 0 */
  int64_t m, n, k, batch;
  int64_t a_row, b_row, c_row;       /* elements from one row as it is stored to the next */
  int64_t a_batch, b_batch, c_batch; /* elements from one matrix to the next; 0 repeats */
  double alpha, beta;                /* with beta 0, c is not read */
  uint8_t a_transposed, b_transposed, dtype;
  uint8_t reserved[5];
};

#include "kernels/conv_params.h"
#include "kernels/norm_params.h"
#include "kernels/recurrent_params.h"

#endif
