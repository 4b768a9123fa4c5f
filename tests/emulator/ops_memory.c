/* Loads and stores. */
#include <string.h>

#include "tests/emulator/lanes.h"
#include "tests/emulator/ops_access.h"

enum {
  VALUES = 1 << PTX_B8 | 1 << PTX_B16 | 1 << PTX_B32 | 1 << PTX_B64 | 1 << PTX_U8 | 1 << PTX_U16 |
           1 << PTX_U32 | 1 << PTX_U64 | 1 << PTX_S8 | 1 << PTX_S16 | 1 << PTX_S32 | 1 << PTX_S64 |
           1 << PTX_F16 | 1 << PTX_BF16 | 1 << PTX_F32 | 1 << PTX_F64,
  MOST_BYTES = 16, /* of one access */
};

/* A value as a row has it, from and to memory. Strong ones are whole for other threads of the host too. */
#define EMU_VALUE(bits)                                                              \
  static inline uint64_t load_##bits(const void *from) {                             \
    uint##bits##_t value;                                                            \
    memcpy(&value, from, sizeof value);                                              \
    return value;                                                                    \
  }                                                                                  \
  static inline void store_##bits(void *to, uint64_t value) {                        \
    const uint##bits##_t low = (uint##bits##_t)value;                                \
    memcpy(to, &low, sizeof low);                                                    \
  }                                                                                  \
  static inline uint64_t load_strong_##bits(const void *from) {                      \
    return __atomic_load_n((const uint##bits##_t *)from, __ATOMIC_ACQUIRE);          \
  }                                                                                  \
  static inline void store_strong_##bits(void *to, uint64_t value) {                 \
    __atomic_store_n((uint##bits##_t *)to, (uint##bits##_t)value, __ATOMIC_RELEASE); \
  }
EMU_VALUE(8)
EMU_VALUE(16)
EMU_VALUE(32)
EMU_VALUE(64)

static uint64_t load_value(const void *from, uint32_t bytes, bool strong) {
  switch (bytes) {
    case 1: return strong ? load_strong_8(from) : load_8(from);
    case 2: return strong ? load_strong_16(from) : load_16(from);
    case 4: return strong ? load_strong_32(from) : load_32(from);
    default: return strong ? load_strong_64(from) : load_64(from);
  }
}

static void store_value(void *to, uint64_t value, uint32_t bytes, bool strong) {
  switch (bytes) {
    case 1: strong ? store_strong_8(to, value) : store_8(to, value); break;
    case 2: strong ? store_strong_16(to, value) : store_16(to, value); break;
    case 4: strong ? store_strong_32(to, value) : store_32(to, value); break;
    default: strong ? store_strong_64(to, value) : store_64(to, value); break;
  }
}

/* ---- one value ---- */

/* How the lanes' addresses lie to each other: 0 where all are the same, `bytes` where they follow each other
   in the order of lanes, else OTHER. */
enum { OTHER = -1 };
static int stride_of(const emu_warp *warp, const ptx_instruction *at, uint32_t mask, uint32_t bytes) {
  const uint64_t *base = warp->rows[at->a].lane;
  uint64_t differs_in_row = 0, differs = 0;
  if (mask == ~(uint32_t)0) {
    for (unsigned lane = 0; lane < PTX_LANES; lane++) {
      differs_in_row |= base[lane] ^ (base[0] + (uint64_t)lane * bytes);
      differs |= base[lane] ^ base[0];
    }
  } else {
    const unsigned first = (unsigned)__builtin_ctz(mask);
    EMU_EACH_LANE(lane, mask) {
      differs_in_row |= base[lane] ^ (base[first] + (uint64_t)(lane - first) * bytes);
      differs |= base[lane] ^ base[first];
    }
  }
  if (differs == 0) return 0;
  return differs_in_row == 0 ? (int)bytes : OTHER;
}

/* Where the lowest lane's access is, if all were looked up at once with that stride; NULL: lane by lane. */
static unsigned char *access_at_once(emu_warp *warp, const ptx_instruction *at, uint32_t mask, uint32_t bytes,
                                     int stride) {
  const unsigned first = (unsigned)__builtin_ctz(mask);
  return emu_access_lanes(warp, at, mask, (ptx_space)at->space, emu_address_of(warp, at, first),
                          (uint32_t)stride, bytes, at->flags & EMU_ACCESS_MASK);
}

/* Steps of plain loads: `value` is that of memory `from`. */
#define EMU_STEP_LOAD(name, bytes, value)                                                          \
  static void step_load_##name(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {         \
    uint64_t *d = warp->rows[at->d].lane;                                                          \
    const uint64_t kept = at->c;                                                                   \
    const int stride = stride_of(warp, at, mask, bytes);                                           \
    const unsigned char *row = stride >= 0 ? access_at_once(warp, at, mask, bytes, stride) : NULL; \
    if (row == NULL) {                                                                             \
      EMU_EACH_LANE(lane, mask) {                                                                  \
        const unsigned char *from = emu_access_lane(warp, at, lane, bytes);                        \
        if (from == NULL) return;                                                                  \
        d[lane] = (value)&emu_low_bits((uint32_t)kept);                                            \
      }                                                                                            \
    } else if (mask == ~(uint32_t)0 && stride != 0) {                                              \
      for (unsigned lane = 0; lane < PTX_LANES; lane++) {                                          \
        const unsigned char *from = row + (size_t)lane * (bytes);                                  \
        d[lane] = (value)&emu_low_bits((uint32_t)kept);                                            \
      }                                                                                            \
    } else {                                                                                       \
      const unsigned first = (unsigned)__builtin_ctz(mask);                                        \
      EMU_EACH_LANE(lane, mask) {                                                                  \
        const unsigned char *from = row + (size_t)(lane - first) * (size_t)stride;                 \
        d[lane] = (value)&emu_low_bits((uint32_t)kept);                                            \
      }                                                                                            \
    }                                                                                              \
  }
EMU_STEP_LOAD(u8, 1, load_8(from))
EMU_STEP_LOAD(u16, 2, load_16(from))
EMU_STEP_LOAD(u32, 4, load_32(from))
EMU_STEP_LOAD(u64, 8, load_64(from))
EMU_STEP_LOAD(s8, 1, (uint64_t)(int64_t)(int8_t)load_8(from))
EMU_STEP_LOAD(s16, 2, (uint64_t)(int64_t)(int16_t)load_16(from))
EMU_STEP_LOAD(s32, 4, (uint64_t)(int64_t)(int32_t)load_32(from))

#define EMU_STEP_STORE(bits)                                                                               \
  static void step_store_##bits(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {                \
    enum { BYTES = (bits) / 8 };                                                                           \
    const uint64_t *b = warp->rows[at->b].lane;                                                            \
    const int stride = stride_of(warp, at, mask, BYTES);                                                   \
    unsigned char *row = stride > 0 ? access_at_once(warp, at, mask, BYTES, stride) : NULL;                \
    if (row == NULL) {                                                                                     \
      EMU_EACH_LANE(lane, mask) {                                                                          \
        unsigned char *to = emu_access_lane(warp, at, lane, BYTES);                                        \
        if (to == NULL) return;                                                                            \
        store_##bits(to, b[lane]);                                                                         \
      }                                                                                                    \
    } else if (mask == ~(uint32_t)0) {                                                                     \
      for (unsigned lane = 0; lane < PTX_LANES; lane++) store_##bits(row + (size_t)lane * BYTES, b[lane]); \
    } else {                                                                                               \
      const unsigned first = (unsigned)__builtin_ctz(mask);                                                \
      EMU_EACH_LANE(lane, mask) store_##bits(row + (size_t)(lane - first) * BYTES, b[lane]);               \
    }                                                                                                      \
  }
EMU_STEP_STORE(8)
EMU_STEP_STORE(16)
EMU_STEP_STORE(32)
EMU_STEP_STORE(64)

/* ---- several values, and strong ones ---- */

static bool is_strong(const ptx_instruction *at) { return (at->flags & EMU_STRONG) != 0; }

static uint64_t extended(uint64_t value, uint32_t bytes, bool is_signed) {
  if (!is_signed || bytes == 8) return value;
  const uint64_t sign = UINT64_C(1) << (bytes * 8 - 1);
  return (value ^ sign) - sign;
}

/* More than one access takes is still aligned as a whole. */
static bool check_alignment(emu_warp *warp, const ptx_instruction *at, unsigned lane, uint32_t all) {
  const uint64_t address = emu_address_of(warp, at, lane);
  if (all <= MOST_BYTES || address % all == 0) return true;
  emu_tell(warp, at, lane, EMU_MISALIGNED, "an access of %u bytes at %#llx", all,
           (unsigned long long)address);
  return false;
}

/* Calls `emu_access_at` for values from number `i` on: as many as one access takes. */
static unsigned char *access_some(emu_warp *warp, const ptx_instruction *at, unsigned lane, uint32_t bytes,
                                  uint32_t i) {
  const uint32_t all = bytes * at->more_count;
  return emu_access_at(warp, at, lane, (ptx_space)at->space,
                       emu_address_of(warp, at, lane) + (uint64_t)i * bytes,
                       all < MOST_BYTES ? all : MOST_BYTES, at->flags & EMU_ACCESS_MASK);
}

static void step_load_several(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *rows = emu_more_rows(warp, at), bytes = ptx_type_bytes((ptx_type)at->type);
  const bool is_signed = ptx_type_is_signed((ptx_type)at->type);
  const uint32_t each = MOST_BYTES / bytes;
  EMU_EACH_LANE(lane, mask) {
    if (!check_alignment(warp, at, lane, bytes * at->more_count)) return;
    uint64_t values[8];
    for (uint32_t i = 0; i < at->more_count; i += each) { /* all are read before one is written: [%rd1] */
      const unsigned char *from = access_some(warp, at, lane, bytes, i);
      if (from == NULL) return;
      for (uint32_t j = i; j < at->more_count && j < i + each; j++)
        values[j] =
            extended(load_value(from + (size_t)(j - i) * bytes, bytes, is_strong(at)), bytes, is_signed);
    }
    for (uint32_t i = 0; i < at->more_count; i++)
      warp->rows[rows[i]].lane[lane] = values[i] & emu_low_bits(at->c);
  }
}

static void step_store_several(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *rows = emu_more_rows(warp, at), bytes = ptx_type_bytes((ptx_type)at->type);
  const uint32_t each = MOST_BYTES / bytes;
  EMU_EACH_LANE(lane, mask) {
    if (!check_alignment(warp, at, lane, bytes * at->more_count)) return;
    for (uint32_t i = 0; i < at->more_count; i += each) {
      unsigned char *to = access_some(warp, at, lane, bytes, i);
      if (to == NULL) return;
      for (uint32_t j = i; j < at->more_count && j < i + each; j++)
        store_value(to + (size_t)(j - i) * bytes, warp->rows[rows[j]].lane[lane], bytes, is_strong(at));
    }
  }
}

/* ---- binding ---- */

static const ptx_operand *element_at(const ptx_operand *operand, uint32_t i) {
  return operand->kind == PTX_OPERAND_VECTOR ? &operand->elements[i] : operand;
}

/* Appends the rows of a value, or of a vector's elements; out->c: the bytes of their registers. */
static bool bind_values(ptx_binder *binder, uint32_t operand, ptx_type type, unsigned count, bool is_result) {
  const ptx_operand *values = &binder->statement->operands[operand];
  const bool is_vector = values->kind == PTX_OPERAND_VECTOR;
  if (count == 0 ? is_vector && values->count != 1 : !is_vector || values->count != count)
    return ptx_refuse(binder, "operand %u has not as many elements as the vector", operand + 1);
  uint32_t register_bytes = 0;
  for (uint32_t i = 0; i < (count == 0 ? 1 : count); i++) {
    const ptx_operand *element = element_at(values, i);
    const uint32_t row = is_result ? ptx_result_operand(binder, element, type, true)
                                   : ptx_source_operand(binder, element, type, true);
    if (row == PTX_NO_ROW) return false;
    ptx_more(binder, row);
    if (i == 0) *(is_result ? &binder->out->d : &binder->out->b) = row;
    if (element->kind != PTX_OPERAND_REGISTER) continue;
    const uint32_t bytes = ptx_type_bytes(element->type);
    if (register_bytes != 0 && register_bytes != bytes)
      return ptx_refuse(binder, "a vector of registers of several sizes");
    register_bytes = bytes;
  }
  binder->out->c = register_bytes == 0 ? 8 : register_bytes;
  return true;
}

static ptx_step load_step(ptx_type type) {
  const bool is_signed = ptx_type_is_signed(type);
  switch (ptx_type_bytes(type)) {
    case 1: return is_signed ? step_load_s8 : step_load_u8;
    case 2: return is_signed ? step_load_s16 : step_load_u16;
    case 4: return is_signed ? step_load_s32 : step_load_u32;
    default: return step_load_u64;
  }
}

static ptx_step store_step(ptx_type type) {
  switch (ptx_type_bytes(type)) {
    case 1: return step_store_8;
    case 2: return step_store_16;
    case 4: return step_store_32;
    default: return step_store_64;
  }
}

static bool bind_access(ptx_binder *binder, emu_parts *parts, bool is_load) {
  ptx_instruction *out = binder->out;
  out->kind = PTX_CLASS_MEMORY;
  (void)ptx_take(binder, "mmio"); /* .relaxed.sys with it */
  if (!emu_take_parts(binder, is_load ? EMU_TAKES_LOAD : EMU_TAKES_STORE, parts)) return false;
  const ptx_type type = ptx_take_type(binder, VALUES);
  if (type == PTX_TYPE_NONE || !ptx_check_end(binder, 2u + parts->has_policy)) return false;
  out->type = (uint8_t)type;
  if (parts->count * ptx_type_bytes(type) > 32) return ptx_refuse(binder, "a vector of more than 32 bytes");
  if (!emu_bind_place(binder, is_load ? 1 : 0, parts, is_load ? EMU_READ : EMU_WRITE)) return false;
  if (parts->has_policy && ptx_source(binder, 2, PTX_B64) == PTX_NO_ROW) return false;
  if (!bind_values(binder, is_load ? 0 : 1, type, parts->count, is_load)) return false;
  const bool is_plain = parts->count == 0 && !is_strong(out);
  if (is_load) out->step = is_plain ? load_step(type) : step_load_several;
  else out->step = is_plain ? store_step(type) : step_store_several;
  return true;
}

static bool bind_load(ptx_binder *binder) { return bind_access(binder, &(emu_parts){0}, true); }
static bool bind_store(ptx_binder *binder) { return bind_access(binder, &(emu_parts){0}, false); }

/* ldu: the address is the same in all lanes, which nothing has to know. */
static bool bind_uniform_load(ptx_binder *binder) {
  emu_parts parts = {0};
  if (!bind_access(binder, &parts, true)) return false;
  if (parts.access != 0 || (parts.space != PTX_GLOBAL && parts.space != PTX_GENERIC))
    return ptx_refuse(binder, "ldu is of .global memory, and plain");
  return true;
}

const ptx_opcode ptx_opcodes_memory[] = {
    {"ld", bind_load},
    {"ldu", bind_uniform_load},
    {"st", bind_store},
    {"prefetch", emu_bind_prefetch},
    {"prefetchu", emu_bind_prefetch},
    {"applypriority", emu_bind_hint},
    {"discard", emu_bind_hint},
    {"createpolicy", emu_bind_policy},
    {"fence", emu_bind_fence},
    {"membar", emu_bind_fence},
    {"cvta", emu_bind_cvta},
    {"isspacep", emu_bind_isspacep},
    {NULL, NULL},
};
