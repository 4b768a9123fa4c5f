#include "runtime/module/journal.h"

#include <string.h>

/* Every record starts with a head and ends with its size, both in multiples of 8 bytes. */
typedef struct record_head {
  uint64_t kind;
} record_head;

typedef struct module_record {
  record_head head;
  lazy_module *module; /* held */
  const lazy_class *type, *lazy_type;
  uint64_t initialize_hook : 1, load_hook : 1, pending : 1;
  unsigned char self[]; /* type->self_bytes */
} module_record;

typedef struct param_record {
  record_head head;
  lazy_param *param; /* held */
  lazy_shape shape;
  lazy_init init;
  lazyi_extent *extent; /* held */
  uint64_t address, path_hash;
  uint32_t generation;
  uint8_t state, dtype;
  bool requires_grad, pending, queued;
} param_record;

typedef struct undo_record {
  record_head head;
  void (*undo)(void *argument);
  void (*done)(void *argument);
  void *argument;
} undo_record;

/* Memory for one record; it is in the journal at once. */
static lazy_status append(lazyi_journal *journal, enum lazyi_journal_kind kind, size_t bytes,
                          void *out_record) {
  bytes = (bytes + 7) & ~(size_t)7;
  LAZY_TRY(lazyi_vector_reserve(&journal->entries, bytes + sizeof(uint64_t)));
  unsigned char *at = journal->entries.at + journal->entries.count;
  *(record_head *)(void *)at = (record_head){kind};
  *(uint64_t *)(void *)(at + bytes) = bytes;
  journal->entries.count += bytes + sizeof(uint64_t);
  memcpy(out_record, &at, sizeof at);
  return LAZY_STATUS_OK;
}

lazy_status lazyi_journal_save_module(lazyi_journal *journal, lazy_module *module) {
  module_record *record;
  size_t self_bytes = module->type->self_bytes;
  LAZY_TRY(append(journal, LAZYI_JOURNAL_MODULE, sizeof *record + self_bytes, &record));
  record->module = lazy_module_retain(module);
  record->type = module->type;
  record->lazy_type = module->lazy_type;
  record->initialize_hook = module->initialize_hook;
  record->load_hook = module->load_hook;
  record->pending = module->pending;
  if (self_bytes > 0) memcpy(record->self, module->self, self_bytes);
  module->pending = true;
  journal->module_count++;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_journal_save_param(lazyi_journal *journal, lazy_param *param) {
  param_record *record;
  LAZY_TRY(append(journal, LAZYI_JOURNAL_PARAM, sizeof *record, &record));
  record->param = lazy_param_retain(param);
  record->shape = param->shape;
  record->init = param->init;
  record->extent = param->extent;
  if (param->extent != NULL) lazyi_extent_retain(param->extent);
  record->address = param->address;
  record->path_hash = param->path_hash;
  record->generation = param->generation;
  record->state = param->state;
  record->dtype = param->dtype;
  record->requires_grad = param->requires_grad;
  record->pending = param->pending;
  record->queued = param->queued;
  param->pending = true;
  journal->param_count++;
  return LAZY_STATUS_OK;
}

lazy_status lazyi_journal_save_undo(lazyi_journal *journal, void (*undo)(void *argument),
                                    void (*done)(void *argument), void *argument) {
  undo_record *record;
  LAZY_TRY(append(journal, LAZYI_JOURNAL_UNDO, sizeof *record, &record));
  record->undo = undo;
  record->done = done;
  record->argument = argument;
  return LAZY_STATUS_OK;
}

static void *pop(lazyi_journal *journal) {
  if (journal->entries.count == 0) return NULL;
  unsigned char *end = journal->entries.at + journal->entries.count - sizeof(uint64_t);
  uint64_t bytes = *(uint64_t *)(void *)end;
  journal->entries.count -= bytes + sizeof(uint64_t);
  return end - bytes;
}

static void end(lazyi_journal *journal) { journal->module_count = journal->param_count = 0; }

void lazyi_journal_commit(lazyi_journal *journal) {
  record_head *head;
  while ((head = pop(journal)) != NULL) {
    if (head->kind == LAZYI_JOURNAL_MODULE) {
      module_record *record = (module_record *)(void *)head;
      record->module->pending = false;
      record->module->lazy_type = NULL;
      lazy_module_release(record->module);
    } else if (head->kind == LAZYI_JOURNAL_PARAM) {
      param_record *record = (param_record *)(void *)head;
      record->param->pending = false;
      if (record->extent != NULL) lazyi_extent_release(record->extent);
      lazy_param_release(record->param);
    } else {
      undo_record *record = (undo_record *)(void *)head;
      if (record->done != NULL) record->done(record->argument);
    }
  }
  end(journal);
}

static void restore_module(const module_record *record) {
  lazy_module *module = record->module;
  module->type = record->type;
  module->lazy_type = record->lazy_type;
  module->initialize_hook = record->initialize_hook;
  module->load_hook = record->load_hook;
  module->pending = record->pending;
  if (record->type->self_bytes > 0) memcpy(module->self, record->self, record->type->self_bytes);
  lazy_module_release(module);
}

static void restore_param(const param_record *record) {
  lazy_param *param = record->param;
  lazyi_extent *extent = param->extent;
  param->shape = record->shape;
  param->init = record->init;
  param->extent = record->extent;
  param->address = record->address;
  param->path_hash = record->path_hash;
  param->generation = record->generation;
  param->state = record->state;
  param->dtype = record->dtype;
  param->requires_grad = record->requires_grad;
  param->pending = record->pending;
  param->queued = record->queued;
  if (extent != NULL) lazyi_extent_release(extent);
  lazy_param_release(param);
}

void lazyi_journal_rollback(lazyi_journal *journal) {
  record_head *head;
  while ((head = pop(journal)) != NULL) {
    if (head->kind == LAZYI_JOURNAL_MODULE) {
      restore_module((module_record *)(void *)head);
    } else if (head->kind == LAZYI_JOURNAL_PARAM) {
      restore_param((param_record *)(void *)head);
    } else {
      undo_record *record = (undo_record *)(void *)head;
      record->undo(record->argument);
    }
  }
  end(journal);
}

void lazyi_journal_deinit(lazyi_journal *journal) { lazyi_vector_deinit(&journal->entries); }
