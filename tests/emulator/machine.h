/* The machine: launches, blocks, warps, and what steps need of them.

   A block runs on one thread of the host, its warps in turns; of a warp, always the lanes at the lowest
   instruction, so that divergent lanes meet again by themselves. Blocks that spin let others be taken on. */
#ifndef LAZYRT_TESTS_EMULATOR_MACHINE_H
#define LAZYRT_TESTS_EMULATOR_MACHINE_H

#include <stdatomic.h>

#include "tests/emulator/ptx.h"

/* Generic addresses: a device address of the driver (tagged), or a window of these. Offsets in them are what
   the space's own instructions take. */
#define EMU_WINDOW_SHARED ((uint64_t)0x21 << 56)
#define EMU_WINDOW_LOCAL  ((uint64_t)0x22 << 56)
#define EMU_WINDOW_CONST  ((uint64_t)0x23 << 56)
#define EMU_WINDOW_PARAM  ((uint64_t)0x24 << 56)
#define EMU_WINDOW_MASK   ((uint64_t)0xff << 56)

typedef struct emu_gpu {
  const char *name;
  unsigned major, minor; /* compute capability */
  unsigned multiprocessors, threads_per_multiprocessor, blocks_per_multiprocessor;
  uint32_t shared_per_block, shared_per_block_optin;
  size_t memory_bytes;
} emu_gpu;
/* That of LAZYRT_EMULATOR_GPU: "sm_75" (the default), "sm_80", "sm_90", "sm_100". */
const emu_gpu *emu_gpu_chosen(void);

/* A loaded module: its text's code and its variables' memory. */
typedef struct emu_module {
  ptx_module *ptx;
  uint64_t global_address;     /* device address of the module's global variables, 0: none */
  unsigned char *const_memory; /* of its constants */
  struct emu_entry *entries;   /* one for each function that is an entry */
  uint32_t entry_count;
} emu_module;

/* An entry with all the functions it reaches: where their rows lie in a warp. */
typedef struct emu_entry {
  const emu_module *module;
  const ptx_function *function;
  const uint32_t *row_base;                 /* by function of the module; PTX_NO_ROW: not reached */
  const uint64_t *shared_base, *local_base; /* by function */
  uint32_t rows;                            /* of a warp */
  uint64_t shared_bytes;                    /* static, all functions' */
  uint64_t local_bytes;                     /* of a thread */
} emu_entry;
/* Fills in the entries of a module whose `ptx` is set. False: out of memory, or refused; `error` says why. */
bool emu_entries_make(emu_module *module, char error[512]);
void emu_entries_free(emu_module *module);

typedef struct emu_shape {
  uint32_t grid[3], block[3];
  uint32_t dynamic_shared_bytes;
  bool is_cooperative;
} emu_shape;

/* One launch. Any number of threads may call emu_launch_work; each takes blocks until none is left. */
typedef struct emu_launch {
  const emu_entry *entry;
  emu_shape shape;
  const unsigned char *params; /* entry->function->params_bytes */
  uint64_t id;                 /* of the process's launches, from 1 */
  uint32_t order;              /* enum lazyi_host_order: of blocks and warps */
  uint64_t seed;
  uint64_t blocks;
  atomic_uint_fast64_t taken;    /* blocks taken so far */
  atomic_int fault;              /* CUresult that loses the device, or 0 */
  atomic_uint_fast64_t progress; /* lanes that exited, barriers passed */
  void *clock;                   /* checkers: what happened before this launch */
  uint64_t
      workspace; /* of a cooperative launch: device memory, zeros, where cooperative_groups meets; else 0 */
  struct emu_counters *counters;
} emu_launch;
void emu_launch_work(emu_launch *launch);

typedef struct emu_block emu_block;
struct emu_block {
  emu_launch *launch;
  uint64_t number; /* in the grid */
  uint32_t index[3];
  uint32_t threads, warp_count;
  emu_warp *warps;
  unsigned char *shared; /* static, then dynamic */
  uint64_t shared_bytes;
  unsigned char *local; /* thread by thread */
  void *shadow;         /* checkers: of its shared and local memory */
  uint32_t epoch;       /* barriers of the whole block passed */
  void *machine;        /* the machine's own */
};

struct emu_warp {
  ptx_row *rows; /* of the function that runs: instruction operands index it */
  emu_block *block;
  uint32_t index;            /* in the block */
  uint32_t lanes;            /* that exist */
  uint32_t live;             /* that have not exited */
  uint32_t waiting;          /* live lanes that wait at their pc: for others of the warp, or a barrier */
  uint32_t carry;            /* of add.cc and its kin: a bit for each lane */
  uint32_t pc[PTX_LANES];    /* where each live lane stands; of the running ones it is set when they stop */
  uint32_t epoch[PTX_LANES]; /* checkers: counts syncwarps of each lane */
  void *machine;             /* the machine's own */
  void *copies;              /* cp.async: on their way; NULL at first */
};
/* Ends what cp.async began and nobody waited for. The machine calls it before emu_check_block_end. */
void emu_copies_end(emu_block *block);

/* Before the step of an instruction that is_flow, the pc of its lanes is set to the one behind it; the step
   may set another. */

/* For instructions at which the lanes of a member mask meet (.sync; is_flow has to be set). `*mask` are the
   lanes that came, `members` the row of their member masks. Takes a group that is complete out of `*mask`
   and yields it: all lanes of one member mask, except those that have exited, those that came before and
   waited included. It has been announced as a syncwarp. 0: no group is complete any more; the other lanes
   wait, and the last of them to come has the step carried out for all.

     while ((group = emu_meet(warp, at, &mask, &warp->rows[at->b])) != 0) ... for the lanes of group

   emu_meet_anywhere: the lanes may stand at different instructions of the same step. */
uint32_t emu_meet(emu_warp *warp, const ptx_instruction *at, uint32_t *mask, const ptx_row *members);
uint32_t emu_meet_anywhere(emu_warp *warp, const ptx_instruction *at, uint32_t *mask, const ptx_row *members);

/* The lanes of a predicate's row that hold 1. For lanes elsewhere the row may be another register's. */
static inline uint32_t emu_lanes_of(const ptx_row *predicate) {
  uint32_t mask = 0;
  for (unsigned lane = 0; lane < PTX_LANES; lane++) mask |= (uint32_t)(predicate->lane[lane] & 1) << lane;
  return mask;
}

/* The rows in the module's list that an instruction has. */
static inline const uint32_t *emu_more_rows(const emu_warp *warp, const ptx_instruction *at) {
  return warp->block->launch->entry->module->ptx->more + at->more;
}

static inline uint32_t emu_thread_of(const emu_warp *warp, unsigned lane) {
  return warp->index * PTX_LANES + lane;
}

/* Lanes of a mask, lowest first:  EMU_EACH_LANE (lane, mask) { ... } */
#define EMU_EACH_LANE(lane, mask)                                               \
  for (uint32_t lane##_left = (mask), lane = 0;                                 \
       lane##_left != 0 && (lane = (uint32_t)__builtin_ctz(lane##_left), true); \
       lane##_left &= lane##_left - 1)

#endif
