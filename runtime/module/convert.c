#include "runtime/module/journal.h"
#include "runtime/module/queue.h"
#include "runtime/tensor/array.h"

typedef struct conversion {
  LAZYI_VECTOR(lazy_param *) params; /* each once; held by the tree */
  lazy_dtype dtype;
} conversion;

static lazy_status collect(lazy_module *module, const char *path, void *user) {
  (void)path;
  conversion *c = user;
  for (size_t i = 0; i < module->params.count; i++) {
    lazy_param *param = module->params.at[i].param;
    if (param == NULL || param->mark != 0 || !lazy_dtype_is_float((lazy_dtype)param->dtype)) continue;
    if (param->dtype == (uint8_t)c->dtype) continue;
    LAZY_TRY(lazyi_vector_push(&c->params, param));
    param->mark = 1;
  }
  return LAZY_STATUS_OK;
}

/* A layer whose values are due from a torch stream gets them in the dtype it was made with, then rounds. */
static lazy_status draw_due(const conversion *c, lazy_context *context) {
  if (context->stream == LAZY_STREAM_KEYED) return LAZY_STATUS_OK;
  for (size_t i = 0; i < c->params.count; i++)
    if (c->params.at[i]->state == LAZY_PARAM_STATE_SHAPED) LAZY_TRY(lazyi_queue_draw(c->params.at[i]));
  return LAZY_STATUS_OK;
}

static lazy_status measure(const conversion *c, size_t *out_bytes) {
  size_t total = 0;
  for (size_t i = 0; i < c->params.count; i++) {
    int64_t count;
    size_t bytes;
    if (c->params.at[i]->state != LAZY_PARAM_STATE_REAL) continue;
    LAZY_TRY(lazyi_array_measure(&c->params.at[i]->shape, c->dtype, &count, &bytes));
    if (!lazyi_align_size(bytes, LAZYI_ARENA_ALIGNMENT, &bytes) || !lazyi_add_size(total, bytes, &total))
      return lazy_status_fail(LAZY_STATUS_LIMIT, "more bytes of parameters than a size can hold");
  }
  *out_bytes = total;
  return LAZY_STATUS_OK;
}

static lazy_status convert_real(lazy_param *param, lazy_dtype dtype, lazyi_extent *extent, uint64_t address) {
  lazy_array *from = NULL, *to = NULL;
  LAZY_TRY(lazyi_param_wrap(param, &from));
  param->dtype = (uint8_t)dtype;
  lazyi_param_attach(param, extent, address);
  lazy_status status = lazyi_param_wrap(param, &to);
  if (status == LAZY_STATUS_OK) status = lazy_array_copy(to, from);
  lazy_array_release(to);
  lazy_array_release(from);
  return status;
}

static lazy_status convert_all(const conversion *c, lazyi_journal *journal, lazyi_extent *extent,
                               uint64_t base) {
  for (size_t i = 0; i < c->params.count; i++) {
    lazy_param *param = c->params.at[i];
    LAZY_TRY(lazyi_journal_save_param(journal, param));
    if (param->state != LAZY_PARAM_STATE_REAL) {
      param->dtype = (uint8_t)c->dtype;
      param->generation++;
      continue;
    }
    LAZY_TRY(convert_real(param, c->dtype, extent, base));
    int64_t count;
    size_t bytes;
    LAZY_TRY(lazyi_array_measure(&param->shape, c->dtype, &count, &bytes));
    (void)lazyi_align_size(bytes, LAZYI_ARENA_ALIGNMENT, &bytes);
    base += bytes;
  }
  return LAZY_STATUS_OK;
}

static lazy_status convert(conversion *c, lazy_module *module) {
  LAZY_TRY(lazyi_module_check_idle(module, "converting"));
  LAZY_TRY(lazy_module_walk(module, collect, c));
  if (c->params.count == 0) return LAZY_STATUS_OK;
  LAZY_TRY(draw_due(c, module->context));
  size_t bytes = 0;
  LAZY_TRY(measure(c, &bytes));
  lazyi_extent *extent;
  uint64_t base;
  LAZY_TRY(lazyi_extent_create(module->context, bytes, &extent, &base));
  lazyi_journal journal = {0};
  lazy_status status = convert_all(c, &journal, extent, base);
  if (status == LAZY_STATUS_OK) lazyi_journal_commit(&journal);
  else lazyi_journal_rollback(&journal);
  lazyi_journal_deinit(&journal);
  lazyi_extent_release(extent);
  return status;
}

lazy_status lazy_module_convert(lazy_module *module, lazy_dtype dtype) {
  if (!lazy_dtype_is_float(dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_TYPE,
                            "modules are converted to floating dtypes only, found %s",
                            lazy_dtype_name(dtype));
  conversion c = {.dtype = dtype};
  pthread_mutex_lock(&module->context->core->first_forward);
  lazy_status status = convert(&c, module);
  for (size_t i = 0; i < c.params.count; i++) c.params.at[i]->mark = 0;
  pthread_mutex_unlock(&module->context->core->first_forward);
  lazyi_vector_deinit(&c.params);
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  return lazy_status_annotate(status, "converting %s to %s", lazyi_module_class_name(module),
                              lazy_dtype_name(dtype));
}
