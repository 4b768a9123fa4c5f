/* The host provider: the CPU as a device, behind the driver table. Its settings, for tests and tools.

   Settings are process-wide, as a driver is. Those of strict mode are read when the primary context is
   retained for the first time (and again after its last release). */
#ifndef LAZYI_DRIVER_HOST_H
#define LAZYI_DRIVER_HOST_H

#include <lazyrt/driver.h>

#include "runtime/driver/host_image.h"

/* The table; static storage, never NULL. */
const lazy_driver *lazyi_host_driver(void);

/* Strict mode: fresh memory is NaN, blocks carry guards, addresses are tagged, execution is deferred and its
   order among streams seeded. Overrides LAZYRT_HOST_STRICT; takes effect at the next first retain. */
void lazyi_host_set_strict(bool strict);

/* The order of blocks, and of threads in a phase, of kernels launched after this call. */
void lazyi_host_set_order(enum lazyi_host_order order, uint64_t seed);

/* Any seed but 0: commands run only inside waits and queries (and where queues are full), one at a time, the
   next one drawn from the runnable streams' heads by this seed, so that a missing event edge gives a wrong
   answer that comes again. 0: commands run on the worker pool as soon as they may. Strict mode starts with
   LAZYRT_HOST_SCHEDULE, or 1; else the pool is the start. Takes effect at once; call it while nothing is
   pending. */
void lazyi_host_set_schedule(uint64_t seed);

/* The n-th next kernel (1 = the next) does not run and loses the device with `result`, as a bad address on a
   GPU does: every later call returns it until the context's last release, pending work is dropped. 0 disarms.
 */
void lazyi_host_fault_at(uint64_t n, int result);
/* Loses the device with `result` now. */
void lazyi_host_lose(int result);

/* Makes memory of the process device memory, where it lies, until as many calls give it up. Unlike a block it
   has no guards; it must not come from this driver's mem_alloc or mem_free. Giving up waits for everything
   submitted so far; it works on a lost device too. Return CUresult values. */
int lazyi_host_adopt(void *memory, size_t bytes, lazy_driver_address *out_address);
int lazyi_host_give_up(lazy_driver_address address, size_t bytes);

/* What is live now; all zero after the last release of the primary context. */
typedef struct lazyi_host_live_counts {
  size_t allocations, bytes; /* device memory */
  size_t pinned;             /* blocks of pinned host memory */
  size_t adopted;            /* ranges of the process's memory */
  size_t streams, events, modules;
  size_t graphs, execs; /* captured and instantiated */
} lazyi_host_live_counts;
void lazyi_host_live(lazyi_host_live_counts *out_counts);

/* Blocks whose guards were overwritten, among the live ones. Always 0 unless strict. Waits for pending work.
 */
size_t lazyi_host_damaged(void);

/* Index into lazyi_host_image.levels of the best code this CPU may run, LAZYRT_ISA=v2|v3|v4 considered. */
int lazyi_host_level(void);
/* "x86-64-v4", ...; static storage. */
const char *lazyi_host_level_name(int level);
/* Threads that may run kernels at one time: CPUs this process may use, or LAZYRT_HOST_WORKERS. */
unsigned lazyi_host_worker_count(void);

#endif
