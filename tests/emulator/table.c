/* The families of opcodes, and which function binds an opcode. */
#include <string.h>

#include "tests/emulator/ptx.h"

#define EACH_FAMILY(X) \
  X(integer)           \
  X(logic)             \
  X(float)             \
  X(half)              \
  X(convert)           \
  X(flow)              \
  X(warp)              \
  X(memory)            \
  X(atomic)            \
  X(tensor)

#define DECLARE_WEAK(family) extern const ptx_opcode ptx_opcodes_##family[] __attribute__((weak));
EACH_FAMILY(DECLARE_WEAK)

ptx_bind ptx_opcode_find(const char *opcode) {
#define FAMILY(family) ptx_opcodes_##family,
  const ptx_opcode *families[] = {EACH_FAMILY(FAMILY)};
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    for (const ptx_opcode *at = families[i]; at != NULL && at->name != NULL; at++) {
      if (strcmp(at->name, opcode) == 0) return at->bind;
    }
  }
  return NULL;
}
