/* The compiled kernels that the library carries. */
#ifndef LAZYRT_KERNELS_IMAGES_H
#define LAZYRT_KERNELS_IMAGES_H

#include <stddef.h>

#include "runtime/driver/host_image.h"

/* For the host device. */
extern const lazyi_host_image lazyi_kernels_host_image;

/* For NVIDIA GPUs: machine code of the architectures in LAZYRT_CUDA_ARCHITECTURES and PTX of the lowest; and
   that PTX by itself, zero-terminated, for tools that read it. Both counts are 0 in a build without nvcc. */
extern const unsigned char lazyi_kernels_fatbin[];
extern const size_t lazyi_kernels_fatbin_bytes;
extern const char lazyi_kernels_ptx[];
extern const size_t lazyi_kernels_ptx_bytes;

#endif
