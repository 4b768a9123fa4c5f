/* From initialisers to tickets, and from segments to values. */
#ifndef LAZYI_INIT_INIT_H
#define LAZYI_INIT_INIT_H

#include <lazyrt/init.h>

#include "runtime/init/torch_cpu.h"
#include "runtime/launch/launch.h"
#include "runtime/memory/staging.h"
#include "runtime/shape/table.h"

/* A parameter's ticket. `fan_slot` is the row the fan is taken from (slot itself where init->fan_of is NULL).
   INVALID_TYPE for random values of a dtype that is no float; INVALID_VALUE for bounds that are not finite or
   the wrong way round; UNSUPPORTED for what PyTorch has and this library does not. */
LAZY_MUST_USE lazy_status lazyi_init_ticket(const lazy_init *init, lazy_stream stream, lazy_dtype dtype,
                                            int32_t slot, int32_t fan_slot, uint64_t path_hash,
                                            struct lazy_init_ticket *out_ticket);

/* `std` > 0 and low <= high; see struct lazy_init_cut. */
void lazyi_init_cut(double mean, double std, double low, double high, struct lazy_init_cut *out_cut);

/* Turns an initialiser that depends on a fan into UNIFORM with plain bounds, which are what the kernel would
   find: for a parameter whose fan is already known. OUT_OF_RANGE if the fan's shape has fewer than two
   dimensions, where torch.nn.init raises ValueError. Other initialisers are left alone. */
LAZY_MUST_USE lazy_status lazyi_init_resolve(lazy_init *init, const lazy_shape *fan_shape);

/* Where and what to draw: an answer's segments at base + offset. */
typedef struct lazyi_init_job {
  const lazyi_shape_answer *answer;
  lazy_driver_address base;
  uint64_t seed;                    /* of the keyed stream */
  lazy_stream stream;               /* the one the tickets were made for */
  uint64_t sums;                    /* where the device's tiles leave their fingerprints' sums; 0: nowhere */
  lazyi_torch_generator *generator; /* of the torch streams; moves on as PyTorch's would. NULL for keyed */
} lazyi_init_job;

/* Queues everything on `stream`: one launch for all that the device draws (none if there is nothing), and for
   the torch streams one upload per staging chunk before it. Returns without waiting but for staging memory to
   be free again. Memory between segments may be overwritten; segments of rule NONE are left as they are. The
   device's context must be current. */
LAZY_MUST_USE lazy_status lazyi_init_draw(const lazyi_launcher *launcher, lazyi_staging *staging,
                                          const lazyi_init_job *job, lazy_driver_stream stream);

#endif
