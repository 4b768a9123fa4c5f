/* Any bytes at all as the text of a PTX module: a module whose instructions hang together, or a refusal with
   its reason. */
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/ptx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check(bool holds) {
  if (!holds) abort();
}

static void check_module(const ptx_module *module) {
  for (uint32_t i = 0; i < module->function_count; i++) {
    const ptx_function *function = &module->functions[i];
    if (!function->has_body) continue;
    check(function->first <= module->code_count && function->count <= module->code_count - function->first);
    for (uint32_t j = 0; j < function->count; j++) {
      const ptx_instruction *at = &module->code[function->first + j];
      check(at->step != NULL && ptx_module_function_at(module, function->first + j) == function);
      check(at->guard == PTX_NO_ROW || at->guard < function->rows);
      check(at->more <= module->more_count && at->more_count <= module->more_count - at->more);
      check(at->target < module->code_count || at->target < module->function_count);
    }
    for (uint32_t j = 0; j < function->constant_count; j++)
      check(function->constants[j].row < function->rows);
    for (uint32_t j = 0; j < function->special_count; j++) check(function->specials[j].row < function->rows);
  }
  for (uint32_t i = 0; i < module->variable_count; i++) {
    const ptx_variable *variable = module->variables[i];
    const uint64_t most = variable->space == PTX_GLOBAL  ? module->global_bytes
                          : variable->space == PTX_CONST ? module->const_bytes
                                                         : UINT64_MAX;
    check(variable->offset <= most && variable->bytes <= most - variable->offset);
    check(variable->offset % variable->align == 0);
  }
  for (uint32_t i = 0; i < module->address_count; i++) {
    const ptx_initial_address *address = &module->addresses[i];
    check(address->at + address->bytes <= address->in->bytes && address->in->initial != NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  char error[512], *text = malloc(count + 1);
  if (text == NULL) abort();
  if (count > 0) memcpy(text, bytes, count);
  text[count] = '\0';
  ptx_module *module = ptx_module_read(text, error);
  if (module != NULL) check_module(module);
  else check(*error != '\0' && memchr(error, '\0', sizeof error) != NULL);
  ptx_module_free(module);
  free(text);
  return 0;
}
