/* The emulator as a driver: its parts. Memory, streams, events and graphs are the host provider's. */
#ifndef LAZYRT_TESTS_EMULATOR_DRIVER_DRIVER_H
#define LAZYRT_TESTS_EMULATOR_DRIVER_DRIVER_H

#include "runtime/driver/host.h"
#include "runtime/driver/host_instrument.h"
#include "tests/emulator/machine.h"

/* CUresult values beside those of the driver table. */
enum {
  EMU_INVALID_PTX = 218,
  EMU_UNSUPPORTED_PTX_VERSION = 222,
  EMU_COOPERATIVE_LAUNCH_TOO_LARGE = 720,
};

enum { EMU_DRIVER_VERSION = 13000, EMU_PTX_VERSION = 90 }; /* CUDA 13.0, PTX 9.0 */

/* image.c: modules from PTX. A loaded one has a host image whose kernels are its entries. */
typedef struct emu_loaded emu_loaded;
typedef struct emu_kernel { /* lazyi_host_kernel.own */
  const emu_entry *entry;
  const emu_loaded *loaded;
} emu_kernel;
bool emu_kernel_is_gone(const emu_kernel *kernel); /* its module was unloaded */
int emu_module_load(lazy_driver_module *out_module, const void *image);
int emu_module_unload(lazy_driver_module module);
/* The context has ended, and with it every module. */
void emu_modules_end(void);

/* lines.c: the same text with its source's lines, allocated; NULL: LAZYRT_EMULATOR_LINES names no such. */
char *emu_text_with_lines(const char *text);

/* launch.c */
extern const lazyi_host_instrument emu_instrument;
void emu_run_piece(const void *params, const lazyi_host_block *block);
int emu_launch_cooperative(lazy_driver_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                           unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                           lazy_driver_stream stream, void **parameters);

#endif
