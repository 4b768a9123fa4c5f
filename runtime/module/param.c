#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/init/init.h"
#include "runtime/module/journal.h"
#include "runtime/module/module.h"
#include "runtime/module/queue.h"
#include "runtime/tensor/array.h"

const char *lazyi_param_kind(const lazy_param *param) { return param->is_buffer ? "buffer" : "parameter"; }

const char *lazyi_shape_text(const lazy_shape *shape, char *buffer, size_t bytes) {
  size_t at = 0;
  for (int32_t i = 0; i <= shape->rank && at < bytes; i++) {
    int wrote = i == shape->rank
                    ? snprintf(buffer + at, bytes - at, i == 0 ? "[]" : "]")
                    : snprintf(buffer + at, bytes - at, i == 0 ? "[%" PRId64 : ", %" PRId64, shape->dims[i]);
    if (wrote < 0) break;
    at += (size_t)wrote;
  }
  return buffer;
}

bool lazyi_shape_equal(const lazy_shape *a, const lazy_shape *b) {
  if (a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}

/* ---- life ---- */

lazy_status lazyi_param_create(lazy_context *context, lazy_dtype dtype, bool is_buffer, const lazy_init *init,
                               lazy_param **out_param) {
  lazy_param *param = lazyi_memory_alloc(sizeof *param);
  LAZYI_TRY_ALLOC(param);
  memset(param, 0, sizeof *param);
  atomic_init(&param->references, 1);
  param->context = lazyi_context_retain(context);
  param->init = *init;
  param->state = LAZY_PARAM_STATE_UNSHAPED;
  param->dtype = (uint8_t)dtype;
  param->is_buffer = is_buffer;
  param->requires_grad = !is_buffer;
  *out_param = param;
  return LAZY_STATUS_OK;
}

static bool is_known_dtype(lazy_dtype dtype) { return lazy_dtype_bytes(dtype) > 0; }

lazy_status lazy_param_create(lazy_context *context, const lazy_param_options *options,
                              lazy_param **out_param) {
  static const lazy_param_options defaults = {.struct_size = sizeof(lazy_param_options)};
  if (options == NULL) options = &defaults;
  lazy_dtype dtype = options->dtype != LAZY_DTYPE_DEFAULT ? options->dtype : context->default_dtype;
  if (!is_known_dtype(dtype)) return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%d is no dtype", (int)dtype);
  if (!options->is_buffer && !options->frozen && !lazy_dtype_is_float(dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                            "only floating parameters can require gradients, found %s",
                            lazy_dtype_name(dtype));
  int64_t count;
  size_t bytes;
  if (options->shape != NULL) LAZY_TRY(lazyi_array_measure(options->shape, dtype, &count, &bytes));
  lazy_param *param;
  LAZY_TRY(lazyi_param_create(context, dtype, options->is_buffer, &options->init, &param));
  param->requires_grad = !options->is_buffer && !options->frozen;
  param->not_persistent = options->not_persistent;
  if (options->shape != NULL) {
    param->shape = *options->shape;
    param->state = LAZY_PARAM_STATE_SHAPED;
    lazy_status status = lazyi_init_resolve(&param->init, &param->shape);
    if (status == LAZY_STATUS_OK) status = lazyi_queue_reserve(context, 1);
    if (status != LAZY_STATUS_OK) {
      lazy_param_release(param);
      return status;
    }
    lazyi_queue_push(context, param);
  }
  *out_param = param;
  return LAZY_STATUS_OK;
}

lazy_param *lazy_param_retain(lazy_param *param) {
  if (param != NULL) atomic_fetch_add_explicit(&param->references, 1, memory_order_relaxed);
  return param;
}

void lazy_param_release(lazy_param *param) {
  if (param == NULL || atomic_fetch_sub_explicit(&param->references, 1, memory_order_acq_rel) != 1) return;
  if (param->ticket != 0 && lazyi_queue_keep(param)) return;
  if (param->extent != NULL) lazyi_extent_release(param->extent);
  lazyi_context_release(param->context);
  lazyi_memory_free(param);
}

/* ---- facts ---- */

/* What readers of other threads see: the state before or after a first forward, never one of its own. */
static lazy_param_state settled_state(const lazy_param *param) {
  if (param->state == LAZY_PARAM_STATE_REAL) return LAZY_PARAM_STATE_REAL;
  pthread_mutex_lock(&param->context->core->first_forward);
  lazy_param_state state = (lazy_param_state)param->state;
  pthread_mutex_unlock(&param->context->core->first_forward);
  return state;
}

lazy_param_state lazy_param_get_state(const lazy_param *param) { return settled_state(param); }
lazy_dtype lazy_param_dtype(const lazy_param *param) { return (lazy_dtype)param->dtype; }
bool lazy_param_is_buffer(const lazy_param *param) { return param->is_buffer; }
bool lazy_param_is_persistent(const lazy_param *param) { return !param->not_persistent; }
bool lazy_param_requires_grad(const lazy_param *param) { return param->requires_grad; }

lazy_status lazy_param_set_requires_grad(lazy_param *param, bool requires_grad) {
  if (requires_grad && !lazy_dtype_is_float((lazy_dtype)param->dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                            "only floating parameters can require gradients, found %s",
                            lazy_dtype_name((lazy_dtype)param->dtype));
  param->requires_grad = requires_grad;
  return LAZY_STATUS_OK;
}

/* Where it is, for messages: "fc1.weight: ", or nothing for a parameter of no module. */
static const char *place(const lazy_param *param, char *buffer, size_t bytes) {
  buffer[0] = '\0';
  if (param->owner == NULL) return buffer;
  char path[LAZYI_PATH_BYTES];
  (void)lazyi_module_path(param->owner, path, sizeof path);
  (void)snprintf(buffer, bytes, "%s%s%s: ", path, path[0] != '\0' ? "." : "", param->owner_name);
  return buffer;
}

bool lazyi_param_known_shape(const lazy_param *param, lazy_shape *out_shape) {
  bool real = param->state == LAZY_PARAM_STATE_REAL;
  if (!real) pthread_mutex_lock(&param->context->core->first_forward);
  bool known = param->state != LAZY_PARAM_STATE_UNSHAPED;
  if (known) *out_shape = param->shape;
  if (!real) pthread_mutex_unlock(&param->context->core->first_forward);
  return known;
}

lazy_status lazy_param_shape(const lazy_param *param, lazy_shape *out_shape) {
  lazy_shape shape;
  if (!lazyi_param_known_shape(param, &shape)) {
    char where[2 * LAZYI_PATH_BYTES];
    return lazy_status_fail(
        LAZY_STATUS_INVALID_STATE,
        "%scannot tell the shape of an uninitialized %s. This often happens when a state dict with "
        "an uninitialized %s is loaded into an initialized one; call forward first",
        place(param, where, sizeof where), lazyi_param_kind(param), lazyi_param_kind(param));
  }
  *out_shape = shape;
  return LAZY_STATUS_OK;
}

static lazy_status uninitialized(const lazy_param *param, const char *doing) {
  char where[2 * LAZYI_PATH_BYTES];
  return lazy_status_fail(
      LAZY_STATUS_UNINITIALIZED,
      "%s%s of an uninitialized parameter%s: it belongs to a lazy module, and has no values before "
      "a first forward or dry run",
      place(param, where, sizeof where), doing, param->is_buffer ? " (a buffer)" : "");
}

static lazy_status short_of_memory(const lazy_param *param) {
  char where[2 * LAZYI_PATH_BYTES];
  return lazy_status_annotate(LAZY_STATUS_OUT_OF_MEMORY, "%sthe values of a %s",
                              place(param, where, sizeof where), lazyi_param_kind(param));
}

/* Under the first-forward lock: what is pending then is so by this thread. */
static lazy_status make_real(lazy_param *param) {
  if (param->state == LAZY_PARAM_STATE_UNSHAPED) return uninitialized(param, "the values");
  if (param->state != LAZY_PARAM_STATE_SHAPED) return LAZY_STATUS_OK;
  if (param->pending) return uninitialized(param, "the values, in the middle of a first forward,");
  lazy_status status = lazyi_queue_draw(param);
  return status == LAZY_STATUS_OUT_OF_MEMORY ? short_of_memory(param) : status;
}

lazy_status lazy_param_array(lazy_param *param, lazy_array **out_array) {
  if (param->state != LAZY_PARAM_STATE_REAL) {
    pthread_mutex_lock(&param->context->core->first_forward);
    lazy_status made = make_real(param);
    pthread_mutex_unlock(&param->context->core->first_forward);
    LAZY_TRY(made);
  }
  lazy_status status = lazyi_param_wrap(param, out_array);
  return status == LAZY_STATUS_OUT_OF_MEMORY ? short_of_memory(param) : status;
}

lazy_status lazy_param_materialize(lazy_param *param, const lazy_shape *shape, lazy_dtype dtype) {
  if (param->state != LAZY_PARAM_STATE_UNSHAPED)
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE, "the %s is initialized already",
                            lazyi_param_kind(param));
  if (dtype == LAZY_DTYPE_DEFAULT) dtype = (lazy_dtype)param->dtype;
  if (!is_known_dtype(dtype)) return lazy_status_fail(LAZY_STATUS_INVALID_TYPE, "%d is no dtype", (int)dtype);
  if (param->requires_grad && !lazy_dtype_is_float(dtype))
    return lazy_status_fail(LAZY_STATUS_INVALID_STATE,
                            "only floating parameters can require gradients, found %s",
                            lazy_dtype_name(dtype));
  int64_t count;
  size_t bytes;
  LAZY_TRY(lazyi_array_measure(shape, dtype, &count, &bytes));
  lazyi_extent *extent;
  uint64_t base;
  LAZY_TRY(lazyi_extent_create(param->context, bytes, &extent, &base));
  param->dtype = (uint8_t)dtype;
  param->shape = *shape;
  lazyi_param_attach(param, extent, base);
  lazyi_extent_release(extent);
  return LAZY_STATUS_OK;
}

/* ---- change ---- */

lazy_status lazyi_param_unify(lazyi_journal *journal, lazy_param *param, const char *name,
                              const lazy_shape *shape) {
  int64_t count;
  size_t bytes;
  lazy_status status = lazyi_array_measure(shape, (lazy_dtype)param->dtype, &count, &bytes);
  if (status != LAZY_STATUS_OK) return lazy_status_annotate(status, "%s", name);
  if (param->state == LAZY_PARAM_STATE_UNSHAPED) {
    LAZY_TRY(lazyi_journal_save_param(journal, param));
    param->shape = *shape;
    param->state = LAZY_PARAM_STATE_SHAPED;
    return LAZY_STATUS_OK;
  }
  if (lazyi_shape_equal(&param->shape, shape)) return LAZY_STATUS_OK;
  char found[LAZYI_SHAPE_TEXT_BYTES], wanted[LAZYI_SHAPE_TEXT_BYTES];
  return lazy_status_fail(LAZY_STATUS_SHAPE, "%s has shape %s, and the input asks for %s", name,
                          lazyi_shape_text(&param->shape, found, sizeof found),
                          lazyi_shape_text(shape, wanted, sizeof wanted));
}

void lazyi_param_attach(lazy_param *param, lazyi_extent *extent, uint64_t address) {
  if (param->extent != NULL) param->generation++;
  lazyi_extent_retain(extent);
  if (param->extent != NULL) lazyi_extent_release(param->extent);
  param->extent = extent;
  param->address = address;
  param->queued = false;
  param->state = LAZY_PARAM_STATE_REAL;
}
