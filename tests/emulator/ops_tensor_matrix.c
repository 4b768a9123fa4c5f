/* ldmatrix, stmatrix, movmatrix: matrices of 8 x 8 16-bit elements. Lane l has the elements 2 (l mod 4) and
   the next of row l div 4. */
#include <string.h>

#include "tests/emulator/ops_tensor.h"

enum { TRANSPOSED = 1, COUNT = 2 };

typedef struct tile {
  uint16_t at[8][8];
} tile;

static uint64_t of_lane(const tile *from, unsigned lane, bool transposed) {
  unsigned row = lane / 4, column = lane % 4 * 2;
  return transposed ? from->at[column][row] | (uint32_t)from->at[column + 1][row] << 16
                    : from->at[row][column] | (uint32_t)from->at[row][column + 1] << 16;
}

static void to_tile(tile *to, unsigned lane, uint64_t word, bool transposed) {
  unsigned row = lane / 4, column = lane % 4 * 2;
  for (unsigned i = 0; i < 2; i++) {
    uint16_t element = (uint16_t)(word >> 16 * i);
    if (transposed) to->at[column + i][row] = element;
    else to->at[row][column + i] = element;
  }
}

/* Lanes 8 j to 8 j + 7 have the addresses of the rows of matrix j. */
static void *row_at(emu_warp *warp, const ptx_instruction *at, unsigned lane, emu_access access) {
  return emu_access_at(warp, at, lane, (ptx_space)at->space,
                       warp->rows[at->a].lane[lane] + (uint64_t)at->offset, 16, access);
}

static void step_load(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  if (!emu_whole_warp(warp, at, mask)) return;
  unsigned count = at->flags / COUNT;
  tile tiles[4];
  for (unsigned lane = 0; lane < count * 8; lane++) {
    void *memory = row_at(warp, at, lane, EMU_READ);
    if (memory == NULL) return;
    memcpy(tiles[lane / 8].at[lane % 8], memory, 16);
  }
  const uint32_t *rows = emu_more_rows(warp, at);
  for (unsigned i = 0; i < count; i++)
    for (unsigned lane = 0; lane < PTX_LANES; lane++)
      warp->rows[rows[i]].lane[lane] = of_lane(&tiles[i], lane, (at->flags & TRANSPOSED) != 0);
}

static void step_store(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  if (!emu_whole_warp(warp, at, mask)) return;
  unsigned count = at->flags / COUNT;
  const uint32_t *rows = emu_more_rows(warp, at);
  tile tiles[4];
  for (unsigned i = 0; i < count; i++)
    for (unsigned lane = 0; lane < PTX_LANES; lane++)
      to_tile(&tiles[i], lane, warp->rows[rows[i]].lane[lane], (at->flags & TRANSPOSED) != 0);
  for (unsigned lane = 0; lane < count * 8; lane++) {
    void *memory = row_at(warp, at, lane, EMU_WRITE);
    if (memory == NULL) return;
    memcpy(memory, tiles[lane / 8].at[lane % 8], 16);
  }
}

static void step_transpose(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  if (!emu_whole_warp(warp, at, mask)) return;
  tile all;
  for (unsigned lane = 0; lane < PTX_LANES; lane++) to_tile(&all, lane, warp->rows[at->a].lane[lane], false);
  for (unsigned lane = 0; lane < PTX_LANES; lane++) warp->rows[at->d].lane[lane] = of_lane(&all, lane, true);
}

static bool bind(ptx_binder *binder, bool is_store) {
  static const char *const start[] = {"sync", "aligned", "m8n8", NULL};
  static const char *const counts[] = {"x1", "x2", "x4", NULL};
  if (!emu_take_all(binder, start)) return false;
  int log = ptx_take_one(binder, counts);
  if (log < 0) return ptx_refuse(binder, "%s lacks .x1, .x2 or .x4", binder->statement->opcode);
  bool transposed = ptx_take(binder, "trans");
  ptx_space space = ptx_take_space(binder);
  if (space != PTX_GENERIC && space != PTX_SHARED)
    return ptx_refuse(binder, "%s is for shared memory", binder->statement->opcode);
  static const char *const end[] = {"b16", NULL};
  if (!emu_take_all(binder, end) || !ptx_check_end(binder, 2)) return false;
  ptx_instruction *out = binder->out;
  out->flags = (transposed ? TRANSPOSED : 0u) | COUNT << log;
  out->space = (uint8_t)space;
  out->kind = PTX_CLASS_MEMORY;
  out->step = is_store ? step_store : step_load;
  return ptx_address(binder, is_store ? 0 : 1) &&
         emu_bind_registers(binder, is_store ? 1 : 0, 1u << log, PTX_B32, !is_store);
}

bool emu_bind_ldmatrix(ptx_binder *binder) { return bind(binder, false); }
bool emu_bind_stmatrix(ptx_binder *binder) { return bind(binder, true); }

bool emu_bind_movmatrix(ptx_binder *binder) {
  static const char *const parts[] = {"sync", "aligned", "m8n8", "trans", "b16", NULL};
  if (!emu_take_all(binder, parts) || !ptx_check_end(binder, 2)) return false;
  ptx_instruction *out = binder->out;
  out->step = step_transpose;
  out->kind = PTX_CLASS_MOVE;
  out->d = ptx_result(binder, 0, PTX_B32);
  out->a = ptx_source(binder, 1, PTX_B32);
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
}
