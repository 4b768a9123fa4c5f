/* Scalar types, shapes and the macros every other header uses. */
#ifndef LAZYRT_TYPES_H
#define LAZYRT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAZY_VERSION_MAJOR 0
#define LAZY_VERSION_MINOR 1
#define LAZY_VERSION_PATCH 0

/* Everything not marked so is hidden from the shared library's symbol table. */
#if defined(__GNUC__)
#define LAZY_API                             __attribute__((visibility("default")))
#define LAZY_MUST_USE                        __attribute__((warn_unused_result))
#define LAZY_PRINTF(format_at, arguments_at) __attribute__((format(printf, format_at, arguments_at)))
#else
#define LAZY_API
#define LAZY_MUST_USE
#define LAZY_PRINTF(format_at, arguments_at)
#endif

/* A public function whose status the caller must look at. */
#define LAZY_CHECKED LAZY_MUST_USE LAZY_API

/* Highest rank of a tensor, parameter or buffer. */
#define LAZY_MAX_RANK 8

/* Element types. The values are stored in kernels' parameter blocks and never change. */
typedef enum lazy_dtype {
  LAZY_DTYPE_DEFAULT = 0, /* in options: the context's default dtype */
  LAZY_DTYPE_F64 = 1,
  LAZY_DTYPE_F32 = 2,
  LAZY_DTYPE_F16 = 3,
  LAZY_DTYPE_BF16 = 4,
  LAZY_DTYPE_I64 = 5,
  LAZY_DTYPE_U8 = 6,
} lazy_dtype;
#define LAZY_DTYPE_COUNT 7

/* Row-major sizes; rank 0 is a scalar, a size may be 0. Entries at and past `rank` are 0. */
typedef struct lazy_shape {
  int32_t rank;
  int64_t dims[LAZY_MAX_RANK];
} lazy_shape;

/* Bytes of one element; 0 for a value that is no dtype. */
LAZY_API size_t lazy_dtype_bytes(lazy_dtype dtype);
/* "f32", "bf16", ...; "?" for a value that is no dtype. Static storage. */
LAZY_API const char *lazy_dtype_name(lazy_dtype dtype);
/* Reads "f32", "float32", "half", "torch.bfloat16", ...; false if `name` is no dtype. */
LAZY_API bool lazy_dtype_parse(const char *name, lazy_dtype *out_dtype);
/* True for f64, f32, f16 and bf16. */
LAZY_API bool lazy_dtype_is_float(lazy_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
