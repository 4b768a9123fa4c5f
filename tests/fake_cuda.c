/* Small libraries in the place of NVIDIA's driver, one per way in which it can be of no use, and one of use:
   a driver whose GPU is the host provider. Built as modules by tests/CMakeLists.txt, FAKE_CUDA being one of
   the kinds. */
#include <string.h>

#include "kernels/images.h"
#include "runtime/driver/host.h"

#define STUB      1 /* the toolkit's stub: cuInit gives 34 */
#define NO_DEVICE 2 /* cuInit gives 100 */
#define TOO_OLD   3 /* no cuGetProcAddress_v2 */
#define LACKS_ROW 4 /* one required entry is not found */
#define NULL_ROW  5 /* one required entry is found, and NULL */
#define MISMATCH  6 /* cuInit gives 803 */
#define WORKING   7
#define NO_CODE   8 /* machine code gives 209, PTX is compiled; an optional row is missing */
#define NO_PTX    9 /* and PTX gives 222 */

#if FAKE_CUDA == TOO_OLD
LAZY_API int cuInit(unsigned flags);
int cuInit(unsigned flags) { return (int)flags; }
#else

LAZY_API int cuGetProcAddress_v2(const char *symbol, void **out_entry, int version, uint64_t flags,
                                 int *out_status);

static int refuse_init(unsigned flags) {
  (void)flags;
  return FAKE_CUDA == STUB ? LAZY_DRIVER_STUB_LIBRARY : FAKE_CUDA == NO_DEVICE ? LAZY_DRIVER_NO_DEVICE : 803;
}

#if FAKE_CUDA >= WORKING
/* Takes the forms that a GPU's kernels come in, and runs what was compiled for the host in their place. */
static int load_image(lazy_driver_module *out_module, const void *image) {
  uint32_t magic;
  memcpy(&magic, image, sizeof magic);
  const bool is_code = magic == 0xBA55ED50, is_ptx = !is_code && strstr(image, ".version ") != NULL;
  if (!is_code && !is_ptx) return LAZY_DRIVER_INVALID_IMAGE;
  if (is_code && FAKE_CUDA != WORKING) return LAZY_DRIVER_NO_BINARY_FOR_GPU;
  if (is_ptx && FAKE_CUDA == NO_PTX) return 222;
  return lazyi_host_driver()->module_load(out_module, &lazyi_kernels_host_image);
}
#endif

static const struct {
  const char *symbol;
  int version, required;
  size_t at;
} rows[] = {
#define ROW(field, symbol, version, required, parameters) \
  {symbol, version, required, offsetof(lazy_driver, field)},
    LAZY_DRIVER_ROWS(ROW)
#undef ROW
};

/* Like NVIDIA's it knows base names only, and gives an ABI for exactly the version that is asked for. */
int cuGetProcAddress_v2(const char *symbol, void **out_entry, int version, uint64_t flags, int *out_status) {
  int (*init)(unsigned) = refuse_init;
  *out_status = 1;
  *out_entry = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (strcmp(rows[i].symbol, symbol) != 0) continue;
    if (rows[i].version != version || flags != 0) return LAZY_DRIVER_INVALID_VALUE;
    bool launch = strcmp(symbol, "cuLaunchKernel") == 0;
    if (FAKE_CUDA == NO_CODE && strcmp(symbol, "cuGraphLaunch") == 0) return LAZY_DRIVER_NOT_FOUND;
    if (FAKE_CUDA == LACKS_ROW && launch) return LAZY_DRIVER_NOT_FOUND;
    *out_status = 0;
    if (FAKE_CUDA == NULL_ROW && launch) return LAZY_DRIVER_SUCCESS;
    memcpy(out_entry, (const char *)lazyi_host_driver() + rows[i].at, sizeof *out_entry);
    if (FAKE_CUDA <= MISMATCH && strcmp(symbol, "cuInit") == 0) memcpy(out_entry, &init, sizeof *out_entry);
#if FAKE_CUDA >= WORKING
    int (*load)(lazy_driver_module *, const void *) = load_image;
    if (strcmp(symbol, "cuModuleLoadData") == 0) memcpy(out_entry, &load, sizeof *out_entry);
#endif
    return LAZY_DRIVER_SUCCESS;
  }
  return LAZY_DRIVER_NOT_FOUND;
}
#endif
