/* Kernels of the library as PTX, launched one by one through the cuda provider on the emulator: for
 * kernel_run.h. */
#ifndef LAZYRT_TESTS_KERNEL_PTX_H
#define LAZYRT_TESTS_KERNEL_PTX_H

#include <stddef.h>

#include "runtime/driver/host_image.h"

/* Memory of the test that kernels may reach, where it lies: device memory of the emulator as well. */
void kernel_ptx_lend(void *memory, size_t bytes);
void kernel_ptx_take_back(void *memory);
/* Launches blocks of 256 threads and waits for them. The device opens with the first launch of a test and
   closes with its end. */
void kernel_ptx_run(const char *kernel, const void *params, uint32_t blocks, enum lazyi_host_order order,
                    uint64_t seed);

#endif
