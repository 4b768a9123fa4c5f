/* What is checked while kernels run, and how it is told. The CUresult of a report loses the device, as the
   fault does on a GPU; what no GPU would notice (a race, memory never written) is told and counted, and the
   kernel goes on. A test fails if anything was told. */
#ifndef LAZYRT_TESTS_EMULATOR_CHECKS_H
#define LAZYRT_TESTS_EMULATOR_CHECKS_H

#include "tests/emulator/machine.h"

typedef enum emu_trouble {
  EMU_OUT_OF_BOUNDS, /* outside any live allocation, variable or parameter */
  EMU_USE_AFTER_FREE,
  EMU_HOST_POINTER, /* memory of the host */
  EMU_MISALIGNED,
  EMU_UNWRITTEN, /* read of memory that nothing wrote */
  EMU_SHARED_RACE,
  EMU_GLOBAL_RACE,       /* between threads of one launch */
  EMU_STREAM_RACE,       /* between commands of streams that nothing orders */
  EMU_DIVERGENT_BARRIER, /* reached by a part of its threads; also a syncwarp, shuffle or vote that waits for
                            ever */
  EMU_DEADLOCK,
  EMU_WRITE_TO_CONSTANT,
  EMU_BAD_PARAMETERS, /* of a launch */
  EMU_TRAP,
  EMU_ASSERT,
  EMU_TROUBLE_COUNT
} emu_trouble;

/* Tells of a trouble of one lane at an instruction; kernel, block, thread, PTX line and source line are added
   to the text. Faults (see emu_trouble_result) stop the launch. */
void emu_tell(emu_warp *warp, const ptx_instruction *at, unsigned lane, emu_trouble trouble,
              const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same without a warp: of a launch or a command. */
void emu_tell_host(const char *kernel, emu_trouble trouble, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int emu_trouble_result(emu_trouble trouble);       /* CUresult, 0: execution goes on */
const char *emu_trouble_name(emu_trouble trouble); /* "out of bounds" */

/* A strong access is an atomic one, or a load or store that is volatile, relaxed, acquire or release: they do
   not race with each other. ATOMIC reads and writes in one. */
typedef unsigned emu_access;
enum {
  EMU_READ = 1,
  EMU_WRITE = 2,
  EMU_STRONG = 4,
  EMU_ATOMIC = EMU_READ | EMU_WRITE | EMU_STRONG,
  EMU_ACQUIRE = 8, /* .acquire, .acq_rel */
  EMU_RELEASE = 16,
  EMU_OF_BLOCK = 32, /* .cta: strong among the threads of a block alone */
};

/* The host memory behind `bytes` (1 to 16, or what cp.async moves) at an address of `space`, for one lane's
   access; NULL after a fault was told. Every access of kernels comes through here. */
void *emu_access_at(emu_warp *warp, const ptx_instruction *at, unsigned lane, ptx_space space,
                    uint64_t address, uint32_t bytes, emu_access access);

/* The same for the lanes of a mask at once: the lowest of them is at `address`, each other one `stride` bytes
   further for every lane between; the stride is `bytes`, or 0 for a read. Yields the lowest lane's memory,
   the others' lies as their addresses do. NULL: a fault was told, or nothing was checked; go lane by lane. */
void *emu_access_lanes(emu_warp *warp, const ptx_instruction *at, uint32_t mask, ptx_space space,
                       uint64_t address, uint32_t stride, uint32_t bytes, emu_access access);

/* Off: addresses are still looked up, nothing else is checked. LAZYRT_EMULATOR_CHECKS=0 starts so. */
extern bool emu_checks_on;

/* What the machine announces. */
void emu_check_block_begin(emu_block *block); /* allocates block->shadow */
void emu_check_block_end(emu_block *block);
void emu_check_barrier(emu_block *block); /* of all its threads: passed */
void emu_check_partial_barrier(emu_block *block, unsigned number,
                               const uint32_t *warp_masks); /* bar.sync a, b */
void emu_check_syncwarp(emu_warp *warp,
                        uint32_t mask); /* syncwarp, and every .sync collective; emu_meet does */
void emu_check_fence(emu_warp *warp, uint32_t mask, int scope /* 0 block, 1 device, 2 system */);

/* What the driver's face announces, when a command runs (runtime/driver/host_instrument.h has the seam).
   Memory: `emu_check_free` comes when all work submitted before is done. */
void emu_check_alloc(uint64_t address, size_t bytes, bool is_adopted /* memory of the process: written */);
void emu_check_free(uint64_t address, size_t bytes, bool is_adopted);
void emu_check_written(uint64_t address, size_t bytes); /* module variables: initialised */

/* The order of commands. A past is a slot of a stream, a command, an event or the host, NULL at first;
   `order` makes `to` know whatever `from` knows, `forget` empties a slot. All of these are called under one
   lock; emu_access_at is not. */
void emu_check_order(void *const *from, void **to);
void emu_check_forget(void **past);
/* A command begins on the stream with that past: what the stream knows grows by it. Yields what belongs into
   emu_launch.clock, for ranges and the end. */
void *emu_check_begin(void **past, const char *what);
void emu_check_end(void *clock);
/* A copy or a fill reads or writes device memory as a whole: 0, or the CUresult of what was told. Copying
   memory that nothing wrote is no trouble between places of the device: the copy counts as unwritten. */
int emu_check_range(void *clock, const char *what, uint64_t address, size_t bytes, emu_access access);
int emu_check_copy(void *clock, uint64_t to, uint64_t from, size_t bytes);

/* Reports so far. */
size_t emu_report_count(void);
const char *emu_report_text(size_t index);
void emu_report_clear(void);

#endif
