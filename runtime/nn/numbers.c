/* Options of one number or several, checked and spread over dims. */
#include <stdio.h>

#include "runtime/module/module.h"
#include "runtime/nn/nn.h"

/* "(1, 2)" for messages. */
static void describe(const lazy_ints *ints, char *text, size_t bytes) {
  const int32_t count = ints->count > LAZY_OPTION_NUMBERS ? LAZY_OPTION_NUMBERS : ints->count;
  size_t n = 0;
  text[0] = '\0';
  for (int32_t i = 0; (i < count || (i == 0 && count == 0)) && n < bytes; i++) {
    n += (size_t)snprintf(text + n, bytes - n, "%s", i > 0 ? ", " : count > 0 ? "(" : "");
    if (n >= bytes) return;
    if (ints->at[i] == LAZY_INT_NONE) n += (size_t)snprintf(text + n, bytes - n, "None");
    else n += (size_t)snprintf(text + n, bytes - n, "%lld", (long long)ints->at[i]);
  }
  if (n < bytes && count != 0)
    (void)snprintf(text + n, bytes - n, "%s", count < 0 ? "()" : count == 1 ? ",)" : ")");
}

lazy_status lazyi_nn_spread(const lazy_module *self, const char *name, const lazy_ints *ints, int count,
                            int64_t lowest, int64_t highest, int64_t *out) {
  char found[160];
  const bool one = ints->count == 0 || ints->count == 1;
  describe(ints, found, sizeof found);
  if (!one && ints->count != count)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: %s is %s; wanted one number or a tuple of %d",
                            lazyi_module_class_name(self), name, found, count);
  for (int i = 0; i < count; i++) {
    out[i] = ints->at[one ? 0 : i];
    if (out[i] < lowest || out[i] > highest)
      return lazy_status_fail(
          LAZY_STATUS_INVALID_VALUE, "%s: %s is %s; wanted at least %lld and at most %lld",
          lazyi_module_class_name(self), name, found, (long long)lowest, (long long)highest);
  }
  return LAZY_STATUS_OK;
}
