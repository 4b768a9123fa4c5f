/* Steps as loops over the lanes of a warp: plain for a whole warp, so that the compiler makes vectors of
   them, lane by lane for a part of one. */
#ifndef LAZYRT_TESTS_EMULATOR_LANES_H
#define LAZYRT_TESTS_EMULATOR_LANES_H

#include "tests/emulator/machine.h"

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* some values have no vectors, which is well */
#define EMU_VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define EMU_VECTOR_LOOP _Pragma("GCC ivdep")
#else
#define EMU_VECTOR_LOOP
#endif

/* Steps of a wider instruction set beside those for every machine: names ending in _v3 and _v1. */
#if defined(__x86_64__)
#define EMU_HAS_V3    1
#define EMU_TARGET_V3 __attribute__((target("avx2,fma,bmi,bmi2")))
#else
#define EMU_HAS_V3 0
#define EMU_TARGET_V3
#endif
static inline bool emu_is_v3(void) {
#if EMU_HAS_V3
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

/* d[lane] = value, an expression of a[lane], b[lane], c[lane]. */
#define EMU_STEP_FOR(name, target, value)                                                  \
  target static void name(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {      \
    uint64_t *d = warp->rows[at->d].lane;                                                  \
    const uint64_t *a = warp->rows[at->a].lane, *b = warp->rows[at->b].lane;               \
    const uint64_t *c = warp->rows[at->c].lane;                                            \
    (void)b, (void)c;                                                                      \
    if (mask == ~(uint32_t)0) {                                                            \
      EMU_VECTOR_LOOP for (unsigned lane = 0; lane < PTX_LANES; lane++) d[lane] = (value); \
    } else {                                                                               \
      EMU_EACH_LANE(lane, mask) d[lane] = (value);                                         \
    }                                                                                      \
  }
#define EMU_STEP(name, value)                   \
  EMU_STEP_FOR(name##_v1, , value)              \
  EMU_STEP_FOR(name##_v3, EMU_TARGET_V3, value) \
  static ptx_step name(void) { return emu_is_v3() ? name##_v3 : name##_v1; }

#endif
