/* Approximate functions. NVIDIA gives bounds for them, not bits: here they are computed in double and rounded
   to nearest, so that they lie within the bounds, and differ from a GPU's in the last places. */
#include <math.h>

#include "tests/emulator/ops_float.h"

/* a * (1 / b), where 1 / b of a large b is 0. */
static double divide(double a, double b) {
  const double size = fabs(b);
  return size > 0x1p126 && size < 0x1p128 ? a * copysign(0, b) : a / b;
}

double emu_approximate(emu_operation operation, double a, double b) {
  switch (operation) {
    case EMU_DIV_APPROXIMATE: return divide(a, b);
    case EMU_DIV_FULL: return a / b;
    case EMU_RCP_APPROXIMATE: return 1 / a;
    case EMU_SQRT_APPROXIMATE: return sqrt(a);
    case EMU_RSQRT: return 1 / sqrt(a);
    case EMU_SIN: return sin(a);
    case EMU_COS: return cos(a);
    case EMU_LG2: return log2(a);
    case EMU_EX2: return exp2(a);
    case EMU_TANH: return tanh(a);
    default: return NAN;
  }
}

/* Of f64 with .ftz: of the upper half, which alone is read and written. */
static void step_upper(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint64_t upper = ~(uint64_t)UINT32_MAX;
  EMU_EACH_LANE(lane, mask) {
    const uint64_t found = emu_compute(at->flags, warp->rows[at->a].lane[lane] & upper, 0, 0);
    const double value = emu_f64_of(found);
    warp->rows[at->d].lane[lane] = (isfinite(value) ? found + ((uint64_t)1 << 31) : found) & upper;
  }
}

static const struct function {
  const char *name;
  emu_operation operation;
  uint32_t sources;
  enum { WITH_FULL = 1, WITH_F64 = 2, WITH_HALF = 4, NEVER_FTZ = 8 } with;
} functions[] = {
    {"div", EMU_DIV_APPROXIMATE, 2, WITH_FULL},
    {"rcp", EMU_RCP_APPROXIMATE, 1, WITH_F64},
    {"sqrt", EMU_SQRT_APPROXIMATE, 1, 0},
    {"rsqrt", EMU_RSQRT, 1, WITH_F64},
    {"sin", EMU_SIN, 1, 0},
    {"cos", EMU_COS, 1, 0},
    {"lg2", EMU_LG2, 1, 0},
    {"ex2", EMU_EX2, 1, WITH_HALF},
    {"tanh", EMU_TANH, 1, WITH_HALF | NEVER_FTZ},
};

bool emu_bind_approximate(ptx_binder *binder) {
  const struct function *at = functions;
  while (strcmp(at->name, binder->statement->opcode) != 0) at++;
  const uint32_t flags =
      emu_take_flags(binder, EMU_APPROX | EMU_FTZ | (at->with & WITH_FULL ? EMU_FULL : 0u));
  if ((flags & EMU_APPROX) == 0 && (flags & EMU_FULL) == 0)
    return ptx_refuse(binder, "%s lacks .approx", at->name);
  const ptx_type type = ptx_take_type(
      binder,
      1u << PTX_F32 | (at->with & WITH_F64 ? 1u << PTX_F64 : 0u) |
          (at->with & WITH_HALF ? 1u << PTX_F16 | 1u << PTX_F16X2 | 1u << PTX_BF16 | 1u << PTX_BF16X2 : 0u));
  if (type == PTX_TYPE_NONE) return false;
  const bool is_ftz = (flags & EMU_FTZ) != 0, is_f16 = type == PTX_F16 || type == PTX_F16X2;
  const bool is_bf16 = type == PTX_BF16 || type == PTX_BF16X2,
             is_pair = type == PTX_F16X2 || type == PTX_BF16X2;
  const bool is_ftz_wrong = (at->with & NEVER_FTZ) || is_f16 ? is_ftz
                            : is_bf16                        ? !is_ftz
                            : type == PTX_F64                ? !is_ftz && at->operation == EMU_RCP_APPROXIMATE
                                                             : false;
  if (is_ftz_wrong)
    return ptx_refuse(binder, "%s of this type is %s .ftz", at->name, is_ftz ? "without" : "with");
  const emu_format format = is_f16            ? EMU_FORMAT_F16
                            : is_bf16         ? EMU_FORMAT_BF16
                            : type == PTX_F64 ? EMU_FORMAT_F64
                                              : EMU_FORMAT_F32;
  ptx_instruction *out = binder->out;
  out->flags =
      (flags & EMU_FTZ) | emu_float_flags((flags & EMU_FULL) != 0 ? EMU_DIV_FULL : at->operation, format);
  out->step = is_pair ? emu_step_pair16 : type == PTX_F64 && is_ftz ? step_upper : emu_step_number;
  out->kind = PTX_CLASS_SPECIAL;
  return emu_bind_numbers(binder, type, at->sources);
}
