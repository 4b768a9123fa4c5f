#include <math.h>
#include <string.h>

#include "runtime/init/init.h"
#include "runtime/module/module.h"
#include "runtime/module/options.h"
#include "runtime/module/queue.h"
#include "runtime/tensor/array.h"

static const lazy_option *find_option(const lazy_class *type, const char *name) {
  for (size_t i = 0; i < type->option_count; i++)
    if (strcmp(type->options[i].name, name) == 0) return &type->options[i];
  return NULL;
}

const lazy_option *lazyi_option_find(const lazy_class *type, const char *name) {
  return find_option(type, name);
}

void lazyi_options_default(const lazy_class *type, void *self) {
  memset(self, 0, type->self_bytes);
  for (size_t i = 0; i < type->option_count; i++) {
    const lazy_option *option = &type->options[i];
    unsigned char *field = (unsigned char *)self + option->offset;
    if (option->flags & LAZY_OPTION_IGNORED) continue;
    switch (option->kind) {
      case LAZY_OPTION_INT: *(int64_t *)(void *)field = (int64_t)option->number; break;
      case LAZY_OPTION_FLOAT:
      case LAZY_OPTION_MAYBE_FLOAT: *(double *)(void *)field = option->number; break;
      case LAZY_OPTION_BOOL: *(bool *)(void *)field = option->number != 0; break;
      case LAZY_OPTION_DTYPE: *(lazy_dtype *)(void *)field = (lazy_dtype)(int)option->number; break;
      case LAZY_OPTION_SHAPE: memset(field, 0, sizeof(lazy_shape)); break;
      case LAZY_OPTION_TEXT:
        if (option->text != NULL)
          memcpy(field, option->text, strnlen(option->text, LAZY_OPTION_TEXT_BYTES - 1));
        break;
      case LAZY_OPTION_INTS:
        ((lazy_ints *)(void *)field)->at[0] = isnan(option->number) ? LAZY_INT_NONE : (int64_t)option->number;
        break;
      case LAZY_OPTION_FLOATS: ((lazy_floats *)(void *)field)->at[0] = option->number; break;
    }
  }
}

static lazy_status take_options(lazy_module *module, const void *options) {
  const lazy_class *type = module->type;
  if (options == NULL) {
    for (size_t i = 0; i < type->option_count; i++)
      if ((type->options[i].flags & (LAZY_OPTION_REQUIRED | LAZY_OPTION_INFERRED)) == LAZY_OPTION_REQUIRED)
        return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: the option '%s' has no default", type->name,
                                type->options[i].name);
    lazyi_options_default(type, module->self);
    return LAZY_STATUS_OK;
  }
  if (type->self_bytes > 0) memcpy(module->self, options, type->self_bytes);
  for (size_t i = 0; i < type->option_count; i++) {
    const lazy_option *option = &type->options[i];
    if (!(option->flags & LAZY_OPTION_INFERRED) || !type->is_lazy || option->kind != LAZY_OPTION_INT)
      continue;
    int64_t given = *(const int64_t *)(const void *)(module->self + option->offset);
    if (given != 0)
      return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s: '%s' is inferred, and was given as %lld",
                              type->name, option->name, (long long)given);
  }
  return LAZY_STATUS_OK;
}

static lazy_dtype module_dtype(const lazy_module *module) {
  const lazy_option *option = NULL;
  for (size_t i = 0; i < module->type->option_count && option == NULL; i++)
    if (module->type->options[i].kind == LAZY_OPTION_DTYPE) option = &module->type->options[i];
  lazy_dtype dtype = LAZY_DTYPE_DEFAULT;
  if (option != NULL) memcpy(&dtype, module->self + option->offset, sizeof dtype);
  return dtype != LAZY_DTYPE_DEFAULT ? dtype : module->context->default_dtype;
}

/* A BOOL option by name; no name is true. */
static bool is_true(const lazy_module *module, const char *name) {
  const lazy_option *option = name != NULL ? find_option(module->type, name) : NULL;
  return name == NULL || (option != NULL && *(const bool *)(const void *)(module->self + option->offset));
}

static lazy_status register_specs(lazy_module *module) {
  const lazy_class *type = module->type;
  if (type->param_count == 0) return LAZY_STATUS_OK;
  lazy_dtype dtype = module_dtype(module);
  if (!lazy_dtype_is_float(dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                            "%s: parameters of dtype %s; only floating ones can be trained", type->name,
                            lazy_dtype_name(dtype));
  for (size_t i = 0; i < type->param_count; i++) {
    const lazy_param_spec *spec = &type->params[i];
    lazy_param *param = NULL;
    if (is_true(module, spec->only_if) && is_true(module, spec->and_if)) {
      lazy_dtype own = spec->dtype != LAZY_DTYPE_DEFAULT ? spec->dtype : dtype;
      LAZY_TRY(lazyi_param_create(module->context, own, spec->is_buffer, &spec->init, &param));
      param->not_persistent = spec->not_persistent;
    }
    lazy_status status = lazyi_module_register(module, spec->name, false, param);
    lazy_param_release(param);
    LAZY_TRY(status);
  }
  return LAZY_STATUS_OK;
}

/* What construction shaped gets its bounds and its place in the queue, in registration order. */
static lazy_status queue_shaped(lazy_module *module) {
  size_t count = 0;
  for (size_t i = 0; i < module->params.count; i++) {
    lazy_param *param = module->params.at[i].param;
    if (param == NULL || param->state != LAZY_PARAM_STATE_SHAPED || param->queued) continue;
    const lazy_param *fan = param;
    if (param->init.fan_of != NULL) fan = lazyi_module_param(module, param->init.fan_of, NULL);
    if (fan == NULL || fan->state == LAZY_PARAM_STATE_UNSHAPED)
      return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                              "%s: '%s' takes its fan from '%s', which has no shape", module->type->name,
                              module->params.at[i].name, param->init.fan_of);
    LAZY_TRY(lazyi_init_resolve(&param->init, &fan->shape));
    count++;
  }
  if (count == 0) return LAZY_STATUS_OK;
  LAZY_TRY(lazyi_queue_reserve(module->context, count));
  for (size_t i = 0; i < module->params.count; i++) {
    lazy_param *param = module->params.at[i].param;
    if (param != NULL && param->state == LAZY_PARAM_STATE_SHAPED && !param->queued)
      lazyi_queue_push(module->context, param);
  }
  return LAZY_STATUS_OK;
}

static lazy_status construct(lazy_module *module, const void *options) {
  LAZY_TRY(take_options(module, options));
  LAZY_TRY(register_specs(module));
  if (module->type->construct == NULL) return LAZY_STATUS_OK;
  module->constructing = true;
  lazy_status status = module->type->construct(module);
  module->constructing = false;
  if (status != LAZY_STATUS_OK) return status;
  return queue_shaped(module);
}

lazy_status lazy_module_create(lazy_context *context, const lazy_class *type, const void *options,
                               lazy_module **out_module) {
  if (type == NULL || type->struct_size < offsetof(lazy_class, version) || type->name == NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "a class without struct_size or name; start it with LAZY_CLASS");
  if (type->forward == NULL && type->forward_value == NULL && !type->is_container)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "%s has no forward", type->name);
  if (type->becomes != NULL && type->becomes->self_bytes != type->self_bytes)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE,
                            "%s has a struct of %zu bytes and becomes %s, which has %zu", type->name,
                            type->self_bytes, type->becomes->name, type->becomes->self_bytes);
  size_t self_bytes = (type->self_bytes + 15) & ~(size_t)15;
  size_t bytes = sizeof(lazy_module) + self_bytes + type->param_count * sizeof(lazyi_param_slot);
  lazy_module *module = lazyi_memory_alloc(bytes);
  if (module == NULL) return lazy_status_annotate(LAZY_STATUS_OUT_OF_MEMORY, "%s", type->name);
  memset(module, 0, sizeof *module);
  atomic_init(&module->references, 1);
  module->type = type;
  module->context = lazyi_context_retain(context);
  module->training = true;
  module->ordinal = atomic_fetch_add_explicit(&context->next_ordinal, 1, memory_order_relaxed);
  module->params.at = (lazyi_param_slot *)(void *)(module->self + self_bytes);
  module->params.capacity = type->param_count;
  module->params_inline = true;
  lazy_status status = construct(module, options);
  if (status != LAZY_STATUS_OK) {
    lazyi_queue_forget(module);
    lazyi_context_return_ordinals(context, module->ordinal, 1);
    lazy_module_release(module);
    return status == LAZY_STATUS_OUT_OF_MEMORY ? lazy_status_annotate(status, "%s", type->name) : status;
  }
  module->initialize_hook = module->load_hook = type->is_lazy;
  *out_module = module;
  return LAZY_STATUS_OK;
}

lazy_status lazy_module_set_param_shape(lazy_module *self, const char *name, lazy_shape shape) {
  size_t index, bytes;
  int64_t count;
  lazy_param *param = lazyi_module_param(self, name, &index);
  if (index == SIZE_MAX)
    return lazy_status_fail(LAZY_STATUS_NOT_FOUND, "%s has no parameter or buffer '%s'",
                            lazyi_module_class_name(self), name);
  if (param == NULL) return LAZY_STATUS_OK;
  if (!self->constructing || param->state != LAZY_PARAM_STATE_UNSHAPED)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE, "%s: the shape of '%s' is set once, at construction",
                            lazyi_module_class_name(self), name);
  lazy_status status = lazyi_array_measure(&shape, (lazy_dtype)param->dtype, &count, &bytes);
  if (status != LAZY_STATUS_OK)
    return lazy_status_annotate(status, "%s: '%s'", lazyi_module_class_name(self), name);
  param->shape = shape;
  param->state = LAZY_PARAM_STATE_SHAPED;
  return LAZY_STATUS_OK;
}
