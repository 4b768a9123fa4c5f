#include <stdio.h>
#include <string.h>

#include "runtime/module/findings.h"
#include "runtime/module/module.h"

static void destroy_items(lazy_report *report) {
  for (size_t i = 0; i < report->items.count; i++) {
    lazyi_memory_free(report->items.at[i].path);
    lazyi_memory_free(report->items.at[i].detail);
  }
  lazyi_vector_deinit(&report->items);
}

lazy_status lazyi_report_create(lazy_report **out_report) {
  lazy_report *report = lazyi_memory_calloc(1, sizeof *report);
  LAZYI_TRY_ALLOC(report);
  *out_report = report;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_report_add(lazy_report *report, lazy_finding finding, const char *path,
                             const char *detail) {
  LAZY_TRY(lazyi_vector_reserve(&report->items, 1));
  lazyi_report_item item = {finding, lazyi_memory_strdup(path), lazyi_memory_strdup(detail)};
  if (item.path == NULL || item.detail == NULL) {
    lazyi_memory_free(item.path);
    lazyi_memory_free(item.detail);
    return LAZY_STATUS_OUT_OF_MEMORY;
  }
  report->items.at[report->items.count++] = item;
  return LAZY_STATUS_OK;
}

bool lazyi_report_remove(lazy_report *report, lazy_finding finding, const char *path) {
  for (size_t i = 0; i < report->items.count; i++) {
    lazyi_report_item *item = &report->items.at[i];
    if (item->finding != finding || strcmp(item->path, path) != 0) continue;
    lazyi_memory_free(item->path);
    lazyi_memory_free(item->detail);
    report->items.count--;
    memmove(item, item + 1, (report->items.count - i) * sizeof *item);
    return true;
  }
  return false;
}

size_t lazyi_report_tally(const lazy_report *report, lazy_finding finding) {
  size_t count = 0;
  for (size_t i = 0; i < report->items.count; i++) count += report->items.at[i].finding == finding;
  return count;
}

size_t lazy_report_count(const lazy_report *report) { return report->items.count; }

lazy_finding lazy_report_finding(const lazy_report *report, size_t index) {
  return index < report->items.count ? report->items.at[index].finding : (lazy_finding)0;
}

const char *lazy_report_path(const lazy_report *report, size_t index) {
  return index < report->items.count ? report->items.at[index].path : NULL;
}

const char *lazy_report_detail(const lazy_report *report, size_t index) {
  return index < report->items.count ? report->items.at[index].detail : NULL;
}

void lazy_report_release(lazy_report *report) {
  if (report == NULL) return;
  destroy_items(report);
  lazyi_memory_free(report);
}

/* ---- what is still lazy ---- */

static size_t add_arguments(const lazy_class *type, char *text, size_t bytes) {
  static const char *const input[] = {"input", NULL};
  const char *const *names = type->arguments != NULL ? type->arguments : input;
  size_t at = 0;
  for (size_t i = 0; names[i] != NULL && at < bytes; i++) {
    int wrote = snprintf(text + at, bytes - at, i > 0 ? ", %s" : "%s", names[i]);
    if (wrote > 0) at += (size_t)wrote;
  }
  return at;
}

static lazy_status report_module(lazy_module *module, const char *path, void *user) {
  char arguments[128] = "", detail[512];
  const char *class_name = lazyi_module_class_name(module);
  size_t unshaped = 0;
  (void)add_arguments(module->type, arguments, sizeof arguments);
  for (size_t i = 0; i < module->params.count; i++) {
    const lazy_param *param = module->params.at[i].param;
    if (param == NULL || param->state != LAZY_PARAM_STATE_UNSHAPED) continue;
    unshaped++;
    char where[1024];
    (void)snprintf(where, sizeof where, "%s%s%s", path, path[0] != '\0' ? "." : "",
                   module->params.at[i].name);
    if (lazy_module_is_lazy(module))
      (void)snprintf(
          detail, sizeof detail,
          "%s of %s, %s: settled by the first forward or dry run that calls %s(%s), or by a state dict that "
          "has it",
          lazyi_param_kind(param), class_name, lazy_dtype_name((lazy_dtype)param->dtype),
          path[0] != '\0' ? path : class_name, arguments);
    else
      (void)snprintf(
          detail, sizeof detail,
          "%s of %s, %s: that is no lazy class; settled by the lazy module it is shared with, or by "
          "materializing it",
          lazyi_param_kind(param), class_name, lazy_dtype_name((lazy_dtype)param->dtype));
    LAZY_TRY(lazyi_report_add(user, LAZY_FINDING_LAZY, where, detail));
  }
  if (unshaped > 0 || !lazy_module_is_lazy(module)) return LAZY_STATUS_OK;
  (void)snprintf(detail, sizeof detail, "%s has no unshaped parameter; it becomes %s when %s(%s) is called",
                 class_name,
                 module->type->becomes != NULL ? module->type->becomes->name : "an ordinary module",
                 path[0] != '\0' ? path : class_name, arguments);
  return lazyi_report_add(user, LAZY_FINDING_LAZY, path, detail);
}

lazy_status lazy_module_report_lazy(lazy_module *module, lazy_report **out_report) {
  lazy_report *report;
  LAZY_TRY(lazyi_report_create(&report));
  lazyi_module_lock(module);
  lazy_status status = lazy_module_walk(module, report_module, report);
  lazyi_module_unlock(module);
  if (status != LAZY_STATUS_OK) {
    lazy_report_release(report);
    return status;
  }
  *out_report = report;
  return LAZY_STATUS_OK;
}
