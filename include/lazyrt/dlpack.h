/* Arrays to and from other libraries, by DLPack: the memory is shared, nothing is copied.

   The structs are DLPack's own. Include its dlpack.h, or dlpack_types.h, to look into them; this header names
   them only, so it goes with any version of either, in any order.

     lazy_array_to_dlpack(array, NULL, &tensor);    PyTorch: at::fromDLPack(tensor), CuPy, JAX, NumPy, ...
     lazy_array_from_dlpack(context, tensor, NULL, &array);

   On a GPU, memory is kDLCUDA with the device's ordinal. On the host device it is kDLCPU, and the other
   library follows the pointer as usual. */
#ifndef LAZYRT_DLPACK_H
#define LAZYRT_DLPACK_H

#include <lazyrt/param.h>

#ifdef __cplusplus
extern "C" {
#endif

struct DLManagedTensor;          /* before DLPack 1 */
struct DLManagedTensorVersioned; /* since DLPack 1 */

/* A stream of the other library's. Export: it is made to wait for what is queued on the array. Import: what
   is queued on the array later waits for what is queued on it so far. NULL: the data is ready on return, or
   is ready already. */
typedef struct lazy_dlpack_options {
  size_t struct_size;
  void *stream; /* a CUstream or cudaStream_t */
} lazy_dlpack_options;

/* The array's memory, with its strides. The tensor holds the array until its deleter is called, once, from
   any thread (never from a host function on a stream), when no more work of the other library's is pending on
   it; the context may be closed before. Memory that came read-only has the READ_ONLY flag.
   Errors: OUT_OF_MEMORY; what waiting can meet. */
LAZY_CHECKED lazy_status lazy_array_to_dlpack(lazy_array *array, const lazy_dlpack_options *options,
                                              struct DLManagedTensorVersioned **out_tensor);
/* The same for libraries from before DLPack 1. It cannot say that memory is read-only: INVALID_STATE then. */
LAZY_CHECKED lazy_status lazy_array_to_dlpack_unversioned(lazy_array *array,
                                                          const lazy_dlpack_options *options,
                                                          struct DLManagedTensor **out_tensor);

/* The values of a parameter or buffer in the same way: lazy_param_array and lazy_array_to_dlpack in one.
   Unshaped: INVALID_STATE ("share memory on an uninitialized ..."), as PyTorch's share_memory_. */
LAZY_CHECKED lazy_status lazy_param_to_dlpack(lazy_param *param, const lazy_dlpack_options *options,
                                              struct DLManagedTensorVersioned **out_tensor);

/* An array on the tensor's memory. Takes the tensor over: its deleter is called when the last view is
   released, after waiting for what is queued on it, on the thread that releases. On error it stays the
   caller's. Read-only memory is not written to: upload, fill and copy into it are INVALID_STATE.
   Taken: kDLCUDA and kDLCUDAManaged of the context's GPU, or kDLCPU and kDLCUDAHost on the host device; f64,
   f32, f16, bf16, i64, u8 of one lane; rank 0 to 8; strides of 0 and more; memory aligned to its elements.
   Errors: INVALID_VALUE for another device, rank, stride or an address; INVALID_TYPE for another type;
   UNSUPPORTED for another major version (then only its deleter may be called); LIMIT for sizes that overflow.
 */
LAZY_CHECKED lazy_status lazy_array_from_dlpack(lazy_context *context,
                                                struct DLManagedTensorVersioned *tensor,
                                                const lazy_dlpack_options *options, lazy_array **out_array);
LAZY_CHECKED lazy_status lazy_array_from_dlpack_unversioned(lazy_context *context,
                                                            struct DLManagedTensor *tensor,
                                                            const lazy_dlpack_options *options,
                                                            lazy_array **out_array);

#ifdef __cplusplus
}
#endif
#endif
