#include "runtime/module/queue.h"

#include "runtime/module/draw.h"
#include "runtime/module/module.h"

/* A ring would save the compaction, but tickets count up for ever and entry `ticket - base` stays easy to
 * find. */
struct lazyi_queue {
  LAZYI_VECTOR(lazy_param *) entries; /* not held; NULL: gone. Those the queue keeps have no references */
  uint64_t base;                      /* ticket of entry 0; the first ever is 1 */
};

static bool is_done(const lazy_param *param) { return param == NULL || (!param->queued && !param->pending); }

/* Drops what was served from the front; under the context's lock. */
static void trim(lazyi_queue *queue) {
  size_t done = 0;
  while (done < queue->entries.count && is_done(queue->entries.at[done])) {
    if (queue->entries.at[done] != NULL) queue->entries.at[done]->ticket = 0;
    done++;
  }
  if (done < queue->entries.count && 2 * done < queue->entries.count) {
    for (size_t i = 0; i < done; i++) queue->entries.at[i] = NULL;
    return;
  }
  queue->entries.count -= done;
  queue->base += done;
  for (size_t i = 0; i < queue->entries.count; i++) queue->entries.at[i] = queue->entries.at[i + done];
}

lazy_status lazyi_queue_reserve(lazy_context *context, size_t count) {
  pthread_mutex_lock(&context->lock);
  lazy_status status = LAZY_STATUS_OK;
  if (context->queue == NULL) {
    context->queue = lazyi_memory_calloc(1, sizeof *context->queue);
    if (context->queue == NULL) status = LAZY_STATUS_OUT_OF_MEMORY;
    else context->queue->base = 1;
  }
  if (status == LAZY_STATUS_OK && context->queue->entries.count + count > context->queue->entries.capacity) {
    trim(context->queue);
    status = lazyi_vector_reserve(&context->queue->entries, count);
  }
  pthread_mutex_unlock(&context->lock);
  return status;
}

void lazyi_queue_push(lazy_context *context, lazy_param *param) {
  pthread_mutex_lock(&context->lock);
  lazyi_queue *queue = context->queue;
  param->ticket = queue->base + queue->entries.count;
  param->queued = true;
  queue->entries.at[queue->entries.count++] = param;
  pthread_mutex_unlock(&context->lock);
}

bool lazyi_queue_keep(lazy_param *param) {
  lazy_context *context = param->context;
  pthread_mutex_lock(&context->lock);
  bool keep = param->queued && context->stream != LAZY_STREAM_KEYED;
  /* Tickets are cleared under the lock when their entry goes. */
  if (!keep && param->ticket != 0) context->queue->entries.at[param->ticket - context->queue->base] = NULL;
  pthread_mutex_unlock(&context->lock);
  if (keep) {
    param->context = NULL; /* the queue belongs to it */
    lazyi_context_release(context);
  }
  return keep;
}

void lazyi_queue_forget(lazy_module *module) {
  pthread_mutex_lock(&module->context->lock);
  for (size_t i = 0; i < module->params.count; i++)
    if (module->params.at[i].param != NULL) module->params.at[i].param->queued = false;
  pthread_mutex_unlock(&module->context->lock);
  for (size_t i = 0; i < module->children.entries.count; i++)
    lazyi_queue_forget(lazyi_module_child(module, i));
}

static void free_kept(lazy_param *param) {
  if (param->extent != NULL) lazyi_extent_release(param->extent);
  lazyi_memory_free(param);
}

void lazyi_queue_destroy(lazyi_queue *queue) {
  if (queue == NULL) return;
  for (size_t i = 0; i < queue->entries.count; i++)
    if (queue->entries.at[i] != NULL && queue->entries.at[i]->context == NULL)
      free_kept(queue->entries.at[i]);
  lazyi_vector_deinit(&queue->entries);
  lazyi_memory_free(queue);
}

/* ---- serving ---- */

typedef LAZYI_VECTOR(lazy_param *) param_list;

/* What waits, up to ticket `last`. Kept ones are among them. */
static lazy_status collect(lazy_context *context, uint64_t last, param_list *out_list) {
  lazy_status status = LAZY_STATUS_OK;
  pthread_mutex_lock(&context->lock);
  lazyi_queue *queue = context->queue;
  for (size_t i = 0; queue != NULL && i < queue->entries.count && queue->base + i <= last; i++) {
    lazy_param *param = queue->entries.at[i];
    if (param == NULL || !param->queued) continue;
    status = lazyi_vector_push(out_list, param);
    if (status != LAZY_STATUS_OK) break;
  }
  pthread_mutex_unlock(&context->lock);
  return status;
}

/* Those that only the queue had are free once they were drawn. */
static void drop_kept(lazy_context *context, const param_list *list) {
  pthread_mutex_lock(&context->lock);
  for (size_t i = 0; i < list->count; i++)
    if (list->at[i]->context == NULL)
      context->queue->entries.at[list->at[i]->ticket - context->queue->base] = NULL;
  pthread_mutex_unlock(&context->lock);
  for (size_t i = 0; i < list->count; i++)
    if (list->at[i]->context == NULL) free_kept(list->at[i]);
}

static lazy_status serve(lazy_context *context, uint64_t last) {
  param_list list = {0};
  lazy_status status = collect(context, last, &list);
  if (status == LAZY_STATUS_OK && list.count > 0) {
    status = lazyi_draw(context, list.at, list.count);
    if (status == LAZY_STATUS_OK) drop_kept(context, &list);
  }
  lazyi_vector_deinit(&list);
  return status;
}

lazy_status lazyi_queue_draw(lazy_param *param) {
  lazy_context *context = param->context;
  pthread_mutex_lock(&context->core->first_forward);
  lazy_status status = LAZY_STATUS_OK;
  if (param->state == LAZY_PARAM_STATE_SHAPED) {
    if (param->queued && context->stream != LAZY_STREAM_KEYED) status = serve(context, param->ticket);
    else status = lazyi_draw(context, &param, 1);
  }
  pthread_mutex_unlock(&context->core->first_forward);
  return status;
}

lazy_status lazyi_queue_draw_all(lazy_context *context) {
  pthread_mutex_lock(&context->core->first_forward);
  lazy_status status = serve(context, UINT64_MAX);
  pthread_mutex_unlock(&context->core->first_forward);
  return status;
}
