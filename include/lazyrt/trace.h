/* Profiling: lazyrt's NVTX ranges, as Nsight Systems and other tools that attach through NVTX show them.

   lazyrt has an NVTX domain of its own, "lazyrt", so that its ranges never mix with the application's: those
   go to the application's domain, through NVIDIA's own headers. Ranges nest on the calling thread:

     lazy_graph_forward                    a public entry
       record                              hooks, forwards; nothing is computed
       infer                               shapes: upload, launch, read-back, the one wait; or on the host
       open_blas                           in the first of a context: the BLAS library, milliseconds
       plan                                lifetimes, offsets
       init                                parameter memory, the launch that draws first values
       commit
       run                                 kernels are queued:
         Net                               one range per call of a module, path and class,
           encoder.fc1 (Linear)            around the launches of that call: a tool that projects
           encoder.act (ReLU)              ranges onto the GPU shows the kernels of each module

   Where the device is the host, what GPUs show by themselves is made here: a range by the name of the kernel
   (or "copy", "fill", "host function") on whatever thread ran it or a part of it, waiting threads included.

   From the second forward of the same shapes on, there are only `record` and `run`. A module gets a range
   only if something is launched in it or below it (Flatten launches nothing), and another one each time the
   launches come back to it. With capture (graph.h), the run that captures shows its modules, and those that
   replay it are one `run` each. `infer`, `plan`, `init` and `commit` appear in a dry run and a plan as far as
   those go.

   The NVTX headers are taken from the CUDA toolkit where one is found when lazyrt is built (CMake:
   LAZYRT_NVTX), and need no library. Built without them every range compiles to nothing. With them and no
   tool, a range costs about a nanosecond and no text is made; with a tool, nothing is allocated by lazyrt. A
   tool attaches at the first range of a process (NVTX_INJECTION64_PATH, which nsys sets), and stays. */
#ifndef LAZYRT_TRACE_H
#define LAZYRT_TRACE_H

#include <lazyrt/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAZY_TRACE_DOMAIN "lazyrt"

/* Ranges with a fixed name. Names of modules are "path (Class)"; a root's is its class. */
typedef enum lazy_trace_range {
  LAZY_TRACE_FORWARD = 0, /* "lazy_graph_forward" */
  LAZY_TRACE_DRY_RUN,     /* "lazy_graph_dry_run" */
  LAZY_TRACE_PLAN_ENTRY,  /* "lazy_graph_plan" */
  LAZY_TRACE_PLAN_SETS,   /* "lazy_graph_plan_sets" */
  LAZY_TRACE_RECORD,      /* "record" */
  LAZY_TRACE_INFER,       /* "infer" */
  LAZY_TRACE_PLAN,        /* "plan" */
  LAZY_TRACE_INIT,        /* "init" */
  LAZY_TRACE_COMMIT,      /* "commit" */
  LAZY_TRACE_ROLLBACK,    /* "rollback": a plan's end, and a failure's */
  LAZY_TRACE_RUN,         /* "run" */
  LAZY_TRACE_OPEN_BLAS,   /* "open_blas" */
} lazy_trace_range;
#define LAZY_TRACE_RANGE_COUNT 12

/* NVTX categories, by which tools filter and colour. */
typedef enum lazy_trace_category {
  LAZY_TRACE_CATEGORY_ENTRY = 1,  /* public functions */
  LAZY_TRACE_CATEGORY_PHASE = 2,  /* record, infer, ... */
  LAZY_TRACE_CATEGORY_MODULE = 3, /* calls of modules, while their kernels are queued */
  LAZY_TRACE_CATEGORY_HOST = 4,   /* what a thread does for the host device */
} lazy_trace_category;

typedef enum lazy_trace_state {
  LAZY_TRACE_ABSENT = 0,   /* lazyrt was built without the NVTX headers */
  LAZY_TRACE_IDLE = 1,     /* no tool in this process */
  LAZY_TRACE_ATTACHED = 2, /* ranges reach a tool */
} lazy_trace_state;

/* Attaches if there is a tool and no range was made yet. Thread-safe. */
LAZY_API lazy_trace_state lazy_trace_get_state(void);
/* As shown by tools. Static storage; "?" for a number that is none. */
LAZY_API const char *lazy_trace_range_name(lazy_trace_range range);

#ifdef __cplusplus
}
#endif
#endif
