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

static ptx_bind find_in(const ptx_opcode *at, const char *opcode) {
  for (; at->name != NULL; at++) {
    if (strcmp(at->name, opcode) == 0) return at->bind;
  }
  return NULL;
}

/* The first family that has the opcode. */
static ptx_bind find_first(const char *opcode) {
#define FAMILY(family) ptx_opcodes_##family,
  const ptx_opcode *families[] = {EACH_FAMILY(FAMILY)};
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    ptx_bind bind = find_in(families[i], opcode);
    if (bind != NULL) return bind;
  }
  return NULL;
}

/* `add` and others are arithmetic of integers, of floats and of halves: the last part tells which. */
static bool bind_by_type(ptx_binder *binder) {
  const ptx_statement *statement = binder->statement;
  const char *last = statement->part_count == 0 ? "" : statement->parts[statement->part_count - 1];
  const ptx_type type = ptx_type_of(last);
  const ptx_opcode *family = ptx_opcodes_integer;
  if (type >= PTX_F16 && type <= PTX_BF16X2) family = ptx_opcodes_half;
  if (type == PTX_F32 || type == PTX_F64 || strcmp(last, "f32x2") == 0) family = ptx_opcodes_float;
  ptx_bind bind = find_in(family, statement->opcode);
  if (bind == NULL) bind = find_first(statement->opcode); /* which refuses the type */
  return bind(binder);
}

ptx_bind ptx_opcode_find(const char *opcode) {
  const int families = (find_in(ptx_opcodes_integer, opcode) != NULL) +
                       (find_in(ptx_opcodes_float, opcode) != NULL) +
                       (find_in(ptx_opcodes_half, opcode) != NULL);
  return families > 1 ? bind_by_type : find_first(opcode);
}
