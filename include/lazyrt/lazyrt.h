/* lazyrt: a GPU-first runtime for lazy modules.

   A lazy module is a layer whose input sizes nobody typed. Its parameters have no shape until the first
   forward, which infers them, draws their initial values and turns the module into its ordinary class
   (LazyLinear becomes Linear). lazyrt does that for a whole module graph at once on the device: one inference
   launch, one initialisation launch, one read-back.

   Conventions, said once for all headers

   Names      Functions are lazy_<object>_<verb>, types lazy_<object>, constants LAZY_<ENUM>_<VALUE>. Module,
   argument and state-dict names are PyTorch's. Status     A function that can fail returns a lazy_status that
   must be looked at (LAZY_TRY, LAZY_OR_EXIT). The message, lazy_status_message(), is per thread and names the
   module path, the parameter, what was found and what was wanted. Outputs are untouched on error, and the
   state before the call stands. The library never exits, prints or leaks. Recording calls (op.h) return
   handles instead; their first error sticks to the recorder. Ownership  create/destroy and open/close own;
   retain/release share; `find`, `at` and `child` borrow. What a comment calls borrowed lives as long as the
   object it came from. Passing NULL to release, destroy and close is a no-op. Options    Structs of options
   start with struct_size = sizeof of the struct, so that later versions can grow; NULL takes every default.
   Units      Sizes in bytes are size_t or uint64_t and named _bytes; dimensions are int64_t; device addresses
   uint64_t and never to be followed on the host. Threads    Different contexts are independent. Within one,
   objects may be made, read and released from any thread; changing one object (its hooks, children,
   parameters, training flag) needs the caller's own exclusion. A graph is used by one thread at a time; two
   graphs may share modules, and two first forwards at once give one initialisation. Printing a model, asking
   for its class, shapes or values waits for a first forward under way on another thread and sees it whole.
   Devices    Public entries make the device's primary context current and restore the one before. */
#ifndef LAZYRT_LAZYRT_H
#define LAZYRT_LAZYRT_H

#include <lazyrt/array.h>
#include <lazyrt/class.h>
#include <lazyrt/context.h>
#include <lazyrt/dlpack.h>
#include <lazyrt/fingerprint.h>
#include <lazyrt/graph.h>
#include <lazyrt/hook.h>
#include <lazyrt/init.h>
#include <lazyrt/module.h>
#include <lazyrt/nn.h>
#include <lazyrt/op.h>
#include <lazyrt/param.h>
#include <lazyrt/report.h>
#include <lazyrt/state.h>
#include <lazyrt/status.h>
#include <lazyrt/trace.h>
#include <lazyrt/types.h>
#include <lazyrt/value.h>

#endif
