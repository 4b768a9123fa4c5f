#include <lazyrt/types.h>
#include <string.h>

static const struct {
  const char *name;
  uint8_t bytes;
  bool is_float;
} dtypes[LAZY_DTYPE_COUNT] = {
    [LAZY_DTYPE_F64] = {"f64", 8, true},  [LAZY_DTYPE_F32] = {"f32", 4, true},
    [LAZY_DTYPE_F16] = {"f16", 2, true},  [LAZY_DTYPE_BF16] = {"bf16", 2, true},
    [LAZY_DTYPE_I64] = {"i64", 8, false}, [LAZY_DTYPE_U8] = {"u8", 1, false},
};

static const struct {
  const char *name;
  lazy_dtype dtype;
} aliases[] = {
    {"float64", LAZY_DTYPE_F64},   {"double", LAZY_DTYPE_F64},  {"float32", LAZY_DTYPE_F32},
    {"float", LAZY_DTYPE_F32},     {"float16", LAZY_DTYPE_F16}, {"half", LAZY_DTYPE_F16},
    {"bfloat16", LAZY_DTYPE_BF16}, {"int64", LAZY_DTYPE_I64},   {"long", LAZY_DTYPE_I64},
    {"uint8", LAZY_DTYPE_U8},
};

static bool known(lazy_dtype dtype) {
  return (unsigned)dtype < LAZY_DTYPE_COUNT && dtypes[dtype].name != NULL;
}

size_t lazy_dtype_bytes(lazy_dtype dtype) { return known(dtype) ? dtypes[dtype].bytes : 0; }
const char *lazy_dtype_name(lazy_dtype dtype) { return known(dtype) ? dtypes[dtype].name : "?"; }
bool lazy_dtype_is_float(lazy_dtype dtype) { return known(dtype) && dtypes[dtype].is_float; }

bool lazy_dtype_parse(const char *name, lazy_dtype *out_dtype) {
  if (strncmp(name, "torch.", 6) == 0) name += 6;
  for (int i = 1; i < LAZY_DTYPE_COUNT; i++)
    if (strcmp(name, dtypes[i].name) == 0) return *out_dtype = (lazy_dtype)i, true;
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
    if (strcmp(name, aliases[i].name) == 0) return *out_dtype = aliases[i].dtype, true;
  return false;
}
