/* Embeds the files that nvcc made; LAZYI_FATBIN and LAZYI_PTX are their paths, absent in a build without
 * nvcc. */
#include "kernels/images.h"

#ifdef LAZYI_FATBIN

/* cuModuleLoadData takes the fatbin where it lies and wants it aligned to 8 bytes. */
#define EMBED(symbol, path)                                                                                \
  __asm__(".pushsection .rodata\n\t.balign 64\n\t.globl " symbol "\n\t.hidden " symbol "\n\t.type " symbol \
          ", %object\n" symbol ":\n\t.incbin \"" path "\"\n" symbol "_end:\n\t.byte 0\n\t.size " symbol    \
          ", . - " symbol "\n\t.balign 8\n\t.globl " symbol "_bytes\n\t.hidden " symbol                    \
          "_bytes\n\t.type " symbol "_bytes, %object\n\t.size " symbol "_bytes, 8\n" symbol                \
          "_bytes:\n\t.quad " symbol "_end - " symbol "\n\t.popsection")
EMBED("lazyi_kernels_fatbin", LAZYI_FATBIN);
EMBED("lazyi_kernels_ptx", LAZYI_PTX);

#else

const unsigned char lazyi_kernels_fatbin[] = {0};
const size_t lazyi_kernels_fatbin_bytes = 0;
const char lazyi_kernels_ptx[] = {0};
const size_t lazyi_kernels_ptx_bytes = 0;

#endif
