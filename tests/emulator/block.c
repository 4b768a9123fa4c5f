/* Blocks: their memory, and what the registers of their warps hold at first. */
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/run.h"

static uint64_t threads_of(const emu_shape *shape) {
  return (uint64_t)shape->block[0] * shape->block[1] * shape->block[2];
}

static void *memory(uint64_t bytes) {
  enum { ALIGNMENT = 256 };
  return aligned_alloc(ALIGNMENT, (bytes / ALIGNMENT + 1) * ALIGNMENT);
}

/* ---- constants and special registers ---- */

static uint64_t address_of(const emu_entry *entry, uint32_t function, const ptx_variable *variable) {
  switch (variable->space) {
    case PTX_GLOBAL: return entry->module->global_address + variable->offset;
    case PTX_SHARED:
      if (variable->bytes == 0) return entry->shared_bytes;
      return (variable->is_of_module ? 0 : entry->shared_base[function]) + variable->offset;
    case PTX_LOCAL: return entry->local_base[function] + variable->offset;
    case PTX_PARAM: return (variable->is_of_call ? entry->local_base[function] : 0) + variable->offset;
    default: return variable->offset;
  }
}

static uint32_t lanes_from(unsigned lane) { return ~UINT32_C(0) << lane; }

/* Of a whole warp. */
static uint64_t special_of_warp(const emu_warp *warp, ptx_special special) {
  const emu_block *block = warp->block;
  const emu_launch *launch = block->launch;
  const emu_shape *shape = &launch->shape;
  switch (special) {
    case PTX_NTID_X:
    case PTX_NTID_Y:
    case PTX_NTID_Z: return shape->block[special - PTX_NTID_X];
    case PTX_CTAID_X:
    case PTX_CTAID_Y:
    case PTX_CTAID_Z: return block->index[special - PTX_CTAID_X];
    case PTX_NCTAID_X:
    case PTX_NCTAID_Y:
    case PTX_NCTAID_Z: return shape->grid[special - PTX_NCTAID_X];
    case PTX_WARPID: return warp->index;
    case PTX_NWARPID: return emu_gpu_chosen()->threads_per_multiprocessor / PTX_LANES;
    case PTX_SMID: return block->number % emu_gpu_chosen()->multiprocessors;
    case PTX_NSMID: return emu_gpu_chosen()->multiprocessors;
    case PTX_GRIDID: return launch->id;
    case PTX_DYNAMIC_SMEM_SIZE: return shape->dynamic_shared_bytes;
    case PTX_TOTAL_SMEM_SIZE: return block->shared_bytes;
    case PTX_ENVREG1: return launch->workspace >> 32;
    case PTX_ENVREG2: return (uint32_t)launch->workspace;
    default: return 0;
  }
}

static uint64_t special_of_lane(const emu_warp *warp, ptx_special special, unsigned lane) {
  const uint32_t *block = warp->block->launch->shape.block, thread = emu_thread_of(warp, lane);
  switch (special) {
    case PTX_TID_X: return thread % block[0];
    case PTX_TID_Y: return thread / block[0] % block[1];
    case PTX_TID_Z: return thread / block[0] / block[1];
    case PTX_LANEID: return lane;
    case PTX_LANEMASK_EQ: return UINT32_C(1) << lane;
    case PTX_LANEMASK_GE: return lanes_from(lane);
    case PTX_LANEMASK_GT: return lanes_from(lane) << 1;
    case PTX_LANEMASK_LT: return (uint32_t)~lanes_from(lane);
    case PTX_LANEMASK_LE: return (uint32_t) ~(lanes_from(lane) << 1);
    default: return 0;
  }
}

static bool is_of_lane(ptx_special special) {
  return special <= PTX_TID_Z || special == PTX_LANEID ||
         (special >= PTX_LANEMASK_EQ && special <= PTX_LANEMASK_GT);
}
/* A warp keeps it when another block takes its place. */
static bool is_of_launch(ptx_special special) {
  return is_of_lane(special) || (special >= PTX_NTID_X && special <= PTX_NTID_Z) || special == PTX_WARPID;
}

static void fill(ptx_row *row, uint64_t value) {
  for (unsigned lane = 0; lane < PTX_LANES; lane++) row->lane[lane] = value;
}

static void fill_special(const emu_warp *warp, ptx_row *row, ptx_special special) {
  if (!is_of_lane(special)) {
    fill(row, special_of_warp(warp, special));
    return;
  }
  for (unsigned lane = 0; lane < PTX_LANES; lane++) row->lane[lane] = special_of_lane(warp, special, lane);
}

/* `all`: else only what differs between blocks. */
static void fill_rows(emu_warp *warp, bool all) {
  const emu_entry *entry = warp->block->launch->entry;
  const ptx_module *ptx = entry->module->ptx;
  for (uint32_t f = 0; f < ptx->function_count; f++) {
    if (entry->row_base[f] == PTX_NO_ROW) continue;
    const ptx_function *function = &ptx->functions[f];
    ptx_row *rows = emu_own(warp)->rows + entry->row_base[f];
    for (uint32_t i = 0; all && i < function->constant_count; i++) {
      const struct ptx_constant *constant = &function->constants[i];
      const ptx_variable *variable = constant->variable;
      fill(&rows[constant->row], constant->bits + (variable != NULL ? address_of(entry, f, variable) : 0));
    }
    for (uint32_t i = 0; i < function->special_count; i++) {
      const struct ptx_special_row *special = &function->specials[i];
      if (all || !is_of_launch(special->special)) fill_special(warp, &rows[special->row], special->special);
    }
  }
}

/* ---- blocks ---- */

void emu_block_free(emu_running *running) {
  if (running == NULL) return;
  free(running->block.shared);
  free(running->block.local);
  free(running->rows);
  free(running->calls);
  free(running);
}

static uint32_t lanes_of(uint32_t threads, uint32_t warp) {
  const uint32_t left = threads - warp * PTX_LANES;
  return left >= PTX_LANES ? ~UINT32_C(0) : (UINT32_C(1) << left) - 1;
}

static bool has_calls(const emu_entry *entry) {
  const ptx_module *ptx = entry->module->ptx;
  for (uint32_t i = 0; i < ptx->function_count; i++)
    if (entry->row_base[i] != PTX_NO_ROW && &ptx->functions[i] != entry->function) return true;
  return false;
}

emu_running *emu_block_make(emu_worker *worker) {
  emu_launch *launch = worker->launch;
  const emu_entry *entry = launch->entry;
  emu_running *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  made->worker = worker;
  emu_block *block = &made->block;
  block->launch = launch;
  block->machine = made;
  block->threads = (uint32_t)threads_of(&launch->shape);
  block->warp_count = (block->threads + PTX_LANES - 1) / PTX_LANES;
  block->warps = made->warps;
  block->shared_bytes = entry->shared_bytes + launch->shape.dynamic_shared_bytes;
  block->shared = memory(block->shared_bytes);
  block->local = memory(block->threads * entry->local_bytes);
  const size_t rows = (size_t)entry->rows * block->warp_count, depth = (size_t)EMU_DEPTH * PTX_LANES;
  const bool calls = has_calls(entry);
  made->rows = memory(rows * sizeof(ptx_row));
  made->calls = calloc(calls ? depth * block->warp_count : 1, sizeof *made->calls);
  if (block->shared == NULL || block->local == NULL || made->rows == NULL || made->calls == NULL) {
    emu_block_free(made);
    return NULL;
  }
  memset(made->rows, 0, rows * sizeof(ptx_row));
  for (uint32_t i = 0; i < block->warp_count; i++) {
    emu_warp *warp = &made->warps[i];
    emu_warp_own *own = &made->owns[i];
    own->rows = made->rows + (size_t)i * entry->rows;
    own->calls = made->calls + (calls ? depth * i : 0);
    warp->block = block;
    warp->index = i;
    warp->machine = own;
    warp->lanes = lanes_of(block->threads, i);
    fill_rows(warp, true);
  }
  return made;
}

static void start_warp(emu_warp *warp, const emu_entry *entry) {
  emu_warp_own *own = emu_own(warp);
  const ptx_function *function = entry->function;
  const ptx_module *ptx = entry->module->ptx;
  warp->rows = own->rows + entry->row_base[function - ptx->functions];
  warp->live = warp->lanes;
  warp->waiting = 0;
  warp->copies = NULL;
  memset(warp->epoch, 0, sizeof warp->epoch);
  own->first = function->first;
  own->behind = function->first + function->count;
  own->meeting = own->favoured = own->turns = 0;
  own->sleeps = false;
  memset(own->depth, 0, sizeof own->depth);
  emu_go(warp, warp->live, function->first);
  fill_rows(warp, false);
}

void emu_block_start(emu_running *running, uint64_t number) {
  emu_block *block = &running->block;
  const emu_launch *launch = block->launch;
  const uint32_t *grid = launch->shape.grid;
  block->number = number;
  block->index[0] = (uint32_t)(number % grid[0]);
  block->index[1] = (uint32_t)(number / grid[0] % grid[1]);
  block->index[2] = (uint32_t)(number / grid[0] / grid[1]);
  block->epoch = 0;
  running->ran = 0;
  if (running->barriers_used != 0) memset(running->barriers, 0, sizeof running->barriers);
  running->barriers_used = 0;
  memset(block->shared, 0xff, block->shared_bytes); /* whoever reads it too early finds NaNs */
  memset(block->local, 0xff, block->threads * launch->entry->local_bytes);
  for (uint32_t i = 0; i < block->warp_count; i++) start_warp(&running->warps[i], launch->entry);
  emu_check_block_begin(block);
}
