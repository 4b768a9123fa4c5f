/* How an instrument of the tests takes part in the host provider, of which it has a copy: it runs kernels of
   its own, and sees memory come and go and commands being ordered. The product has none. */
#ifndef LAZYI_DRIVER_HOST_INSTRUMENT_H
#define LAZYI_DRIVER_HOST_INSTRUMENT_H

#include <lazyrt/driver.h>

#include "runtime/driver/host_image.h"

typedef struct lazyi_host_shape {
  uint32_t grid[3], block[3], shared_bytes;
  uint32_t flags; /* an instrument's own */
} lazyi_host_shape;

/* A command about to run, or done. */
typedef struct lazyi_host_work {
  const char *name;            /* "copy", "fill", "host function", a kernel's */
  void **past;                 /* of the stream that it runs on */
  void **state;                /* the instrument's own, from begin to end; blocks carry it */
  bool to_device, from_device; /* of copies and fills */
  uint64_t to, from;           /* addresses as the program spells them */
  size_t bytes;
  const lazyi_host_kernel *kernel; /* of launches, with all below; NULL else */
  const void *params;              /* packed; stay until the end */
  const lazyi_host_shape *shape;
  uint32_t order; /* enum lazyi_host_order */
  uint64_t seed;
} lazyi_host_work;

typedef struct lazyi_host_instrument {
  /* Launches: their CUresult, flags and in how many pieces they run; `pack` writes kernel->params_bytes. Each
     piece is a call of the kernel's `run`, on any thread. */
  int (*check_launch)(const lazyi_host_kernel *kernel, lazyi_host_shape *shape, void **parameters,
                      void **extra, uint64_t *out_pieces);
  void (*pack)(const lazyi_host_kernel *kernel, void *to, void **parameters, void **extra);

  /* Device memory, as the program addresses it. `freed` comes after all work submitted before. */
  void (*allocated)(lazy_driver_address address, size_t bytes, bool is_adopted);
  void (*freed)(lazy_driver_address address, size_t bytes, bool is_adopted);

  /* What is known to have happened before what. The host, streams, commands and events have a slot each for
     the instrument, NULL at first. `order`: whatever happened before `from` happened before `to` as well.
     `forget`: the slot goes, or starts anew. Called under the provider's lock, as are the two below. */
  void (*order)(void *const *from, void **to);
  void (*forget)(void **past);
  /* A command runs; a result other than 0 keeps it from running and loses the device. */
  int (*begin)(const lazyi_host_work *work);
  int (*end)(const lazyi_host_work *work);
} lazyi_host_instrument;

/* Before anything else is called, and for good. */
void lazyi_host_set_instrument(const lazyi_host_instrument *instrument);

#endif
