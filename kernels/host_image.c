/* Gathers the host objects of all levels into one image. */
#include "kernels/images.h"
#include "kernels/list.h"
#include "kernels/params.h"

#define DECLARE(name, level) extern void name##_v##level(const void *params, const lazyi_host_block *block);
#define ROW(kernel, level) \
  {.name = #kernel, .params_bytes = sizeof(struct kernel##_params), .run = kernel##_v##level},
#define COUNT(constant, name) +1

#ifdef __x86_64__

#define DECLARE_LEVELS(constant, name) DECLARE(name, 2) DECLARE(name, 3) DECLARE(name, 4)
#define ROW_2(constant, name)          ROW(name, 2)
#define ROW_3(constant, name)          ROW(name, 3)
#define ROW_4(constant, name)          ROW(name, 4)
LAZY_KERNELS(DECLARE_LEVELS)
static const lazyi_host_kernel level_2[] = {LAZY_KERNELS(ROW_2)};
static const lazyi_host_kernel level_3[] = {LAZY_KERNELS(ROW_3)};
static const lazyi_host_kernel level_4[] = {LAZY_KERNELS(ROW_4)};
#define LEVELS \
  { level_2, level_3, level_4 }

#else

#define DECLARE_LEVELS(constant, name) DECLARE(name, 0)
#define ROW_0(constant, name)          ROW(name, 0)
LAZY_KERNELS(DECLARE_LEVELS)
static const lazyi_host_kernel level_0[] = {LAZY_KERNELS(ROW_0)};
#define LEVELS \
  { level_0 }

#endif

const lazyi_host_image lazyi_kernels_host_image = {LAZYI_HOST_IMAGE_MAGIC, 0 LAZY_KERNELS(COUNT), LEVELS};
