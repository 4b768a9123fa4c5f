/* Arrays: concrete tensors on the device. Conventions: see lazyrt.h.

   An array is dtype, sizes, strides and an address in shared memory. Views (reshape, permute, slice, ...) are
   arrays of their own on the same memory. Work on arrays is queued on the context's stream in the order of
   the calls; only downloads wait. Arrays may be made, read and released from any thread, and outlive their
   context's close. */
#ifndef LAZYRT_ARRAY_H
#define LAZYRT_ARRAY_H

#include <lazyrt/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Shared by retain and release. */
typedef struct lazy_array lazy_array;

/* Uninitialised memory (torch.empty). dtype DEFAULT = the context's. Sizes may be 0. Errors: INVALID_VALUE
   for a negative size or a rank outside 0..8, INVALID_TYPE for a value that is no dtype, LIMIT for sizes that
   overflow, OUT_OF_MEMORY. */
LAZY_CHECKED lazy_status lazy_array_create(lazy_context *context, lazy_dtype dtype, const lazy_shape *shape,
                                           lazy_array **out_array);
/* The same, holding a copy of row-major host data (torch.tensor), which is free again on return. */
LAZY_CHECKED lazy_status lazy_array_from_data(lazy_context *context, lazy_dtype dtype,
                                              const lazy_shape *shape, const void *data,
                                              lazy_array **out_array);
LAZY_API lazy_array *lazy_array_retain(lazy_array *array);
LAZY_API void lazy_array_release(lazy_array *array);

/* ---- facts ---- */

LAZY_API lazy_dtype lazy_array_dtype(const lazy_array *array);
LAZY_API lazy_shape lazy_array_shape(const lazy_array *array);
/* Distance between neighbours along `dim`, in elements; 0 along a broadcast one and for a dim that is not
 * there. */
LAZY_API int64_t lazy_array_stride(const lazy_array *array, int dim);
LAZY_API int64_t lazy_array_element_count(const lazy_array *array);
/* element_count times the size of an element: what upload and download take. */
LAZY_API size_t lazy_array_bytes(const lazy_array *array);
/* Device address of element (0, ..., 0); 0 if there are no elements. For kernels and other libraries' calls:
   it is never to be followed on the host. */
LAZY_API uint64_t lazy_array_address(const lazy_array *array);
/* Row-major without gaps; true if there are no elements. */
LAZY_API bool lazy_array_is_contiguous(const lazy_array *array);
/* True if both look at the same memory, whichever part of it. */
LAZY_API bool lazy_array_shares_memory(const lazy_array *array, const lazy_array *other);

/* ---- values ---- */

/* Copies row-major host data into the array, which may be strided but not broadcast (INVALID_STATE). `bytes`
   must be the array's; the data is free again on return. */
LAZY_CHECKED lazy_status lazy_array_upload(lazy_array *array, const void *data, size_t bytes);
/* Copies the values out in row-major order and waits for them. `bytes` must be the array's. */
LAZY_CHECKED lazy_status lazy_array_download(const lazy_array *array, void *out_data, size_t bytes);
/* Sets every element (torch.Tensor.fill_). f16 and bf16: the f32 nearest to `value`, rounded to nearest even,
   as PyTorch does. Integers: INVALID_VALUE for a value that is not whole or does not fit. INVALID_STATE for a
   broadcast array. */
LAZY_CHECKED lazy_status lazy_array_fill(lazy_array *array, double value);
/* Copies element by element, converting the dtype and broadcasting `from` (torch.Tensor.copy_). The two may
   be views of the same memory. SHAPE if the sizes do not broadcast; INVALID_VALUE for arrays of two contexts;
   INVALID_STATE if `array` is broadcast. */
LAZY_CHECKED lazy_status lazy_array_copy(lazy_array *array, const lazy_array *from);

/* ---- views: the result shares memory with the array ---- */

/* Same elements in row-major order under other sizes (torch.Tensor.view). One size may be -1. INVALID_STATE
   if the strides do not allow it without a copy; SHAPE if the counts differ. */
LAZY_CHECKED lazy_status lazy_array_reshape(const lazy_array *array, const lazy_shape *shape,
                                            lazy_array **out_view);
/* Dim i of the view is dim order[i] of the array; `order` has the array's rank, negative entries count from
 * the end. */
LAZY_CHECKED lazy_status lazy_array_permute(const lazy_array *array, const int *order, lazy_array **out_view);
LAZY_CHECKED lazy_status lazy_array_transpose(const lazy_array *array, int dim, int other_dim,
                                              lazy_array **out_view);
/* Elements start, start + step, ... below stop, as Python slices: negative bounds count from the end, bounds
   past the ends are cut to them. step > 0. */
LAZY_CHECKED lazy_status lazy_array_slice(const lazy_array *array, int dim, int64_t start, int64_t stop,
                                          int64_t step, lazy_array **out_view);
/* One index of `dim`, which goes away. OUT_OF_RANGE if it is not there; negative counts from the end. */
LAZY_CHECKED lazy_status lazy_array_select(const lazy_array *array, int dim, int64_t index,
                                           lazy_array **out_view);
/* Larger sizes by repetition without memory (torch.Tensor.expand): dims of size 1 stretch, new dims come in
   front, -1 keeps a size. */
LAZY_CHECKED lazy_status lazy_array_expand(const lazy_array *array, const lazy_shape *shape,
                                           lazy_array **out_view);

/* ---- copies ---- */

/* The array itself, retained, if it is contiguous; else a contiguous copy (torch.Tensor.contiguous). */
LAZY_CHECKED lazy_status lazy_array_contiguous(lazy_array *array, lazy_array **out_array);
/* The array itself, retained, if it has the dtype; else a contiguous copy (torch.Tensor.to). To floats: one
   rounding, to nearest, ties to even, overflow to infinity. Floats to integers: towards zero, what does not
   fit becomes the nearest that does, NaN becomes 0. i64 to u8 keeps the low byte. INVALID_TYPE for a value
   that is no dtype. */
LAZY_CHECKED lazy_status lazy_array_convert(lazy_array *array, lazy_dtype dtype, lazy_array **out_array);

#ifdef __cplusplus
}
#endif
#endif
