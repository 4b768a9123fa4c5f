/* Words, and what they stand for in the scopes around. */
#include <ctype.h>
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_ROWS = 1 << 20, MOST_DEPTH = 1000 };

static const char *const special_names[PTX_SPECIAL_COUNT] = {
    [PTX_TID_X] = "%tid.x",
    [PTX_TID_Y] = "%tid.y",
    [PTX_TID_Z] = "%tid.z",
    [PTX_NTID_X] = "%ntid.x",
    [PTX_NTID_Y] = "%ntid.y",
    [PTX_NTID_Z] = "%ntid.z",
    [PTX_CTAID_X] = "%ctaid.x",
    [PTX_CTAID_Y] = "%ctaid.y",
    [PTX_CTAID_Z] = "%ctaid.z",
    [PTX_NCTAID_X] = "%nctaid.x",
    [PTX_NCTAID_Y] = "%nctaid.y",
    [PTX_NCTAID_Z] = "%nctaid.z",
    [PTX_LANEID] = "%laneid",
    [PTX_WARPID] = "%warpid",
    [PTX_NWARPID] = "%nwarpid",
    [PTX_SMID] = "%smid",
    [PTX_NSMID] = "%nsmid",
    [PTX_GRIDID] = "%gridid",
    [PTX_LANEMASK_EQ] = "%lanemask_eq",
    [PTX_LANEMASK_LE] = "%lanemask_le",
    [PTX_LANEMASK_LT] = "%lanemask_lt",
    [PTX_LANEMASK_GE] = "%lanemask_ge",
    [PTX_LANEMASK_GT] = "%lanemask_gt",
    [PTX_DYNAMIC_SMEM_SIZE] = "%dynamic_smem_size",
    [PTX_TOTAL_SMEM_SIZE] = "%total_smem_size",
    [PTX_ENVREG1] = "%envreg1",
    [PTX_ENVREG2] = "%envreg2",
    [PTX_CLOCK] = "%clock",
    [PTX_CLOCK_HI] = "%clock_hi",
    [PTX_CLOCK64] = "%clock64",
    [PTX_GLOBALTIMER] = "%globaltimer",
    [PTX_GLOBALTIMER_LO] = "%globaltimer_lo",
    [PTX_GLOBALTIMER_HI] = "%globaltimer_hi",
};

ptx_special ptx_special_of(const char *name) {
  for (int special = 0; special < PTX_SPECIAL_COUNT; special++) {
    if (strcmp(special_names[special], name) == 0) return (ptx_special)special;
  }
  return PTX_SPECIAL_COUNT;
}

static void grow_names(ptx_reader *reader) {
  const size_t slots = reader->name_slots == 0 ? 1 << 12 : reader->name_slots * 2;
  ptx_name **names = ptx_take_memory(reader, &reader->work, slots * sizeof(ptx_name *));
  for (size_t i = 0; i < reader->name_slots; i++) {
    ptx_name *name = reader->names[i];
    if (name == NULL) continue;
    size_t slot = name->hash & (slots - 1);
    while (names[slot] != NULL) slot = (slot + 1) & (slots - 1);
    names[slot] = name;
  }
  reader->names = names;
  reader->name_slots = slots;
}

/* "%r12" is %r and 12; "%r012", "12" and what has more digits are no numbers of a range. */
static void split_number(ptx_reader *reader, ptx_name *name) {
  enum { MOST_DIGITS = 9 };
  uint32_t at = name->bytes;
  uint64_t number = 0, unit = 1;
  for (; at > 0 && isdigit((unsigned char)name->text[at - 1]); at--, unit *= 10) {
    if (name->bytes - at == MOST_DIGITS) return;
    number += unit * (uint64_t)(name->text[at - 1] - '0');
  }
  if (at == 0 || at == name->bytes || (name->text[at] == '0' && name->bytes - at > 1)) return;
  name->prefix = ptx_name_of(reader, name->text, at);
  name->number = number;
}

ptx_name *ptx_name_of(ptx_reader *reader, const char *text, size_t bytes) {
  uint32_t hash = 2166136261U;
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619U;
  hash ^= hash >> 15;
  if (reader->name_count * 2 >= reader->name_slots) grow_names(reader);
  size_t slot = hash & (reader->name_slots - 1);
  for (ptx_name *name; (name = reader->names[slot]) != NULL; slot = (slot + 1) & (reader->name_slots - 1)) {
    if (name->hash == hash && name->bytes == bytes && memcmp(name->text, text, bytes) == 0) return name;
  }
  ptx_name *name = ptx_take_memory(reader, &reader->work, sizeof *name + bytes + 1);
  char *copy = (char *)(name + 1);
  memcpy(copy, text, bytes);
  name->text = copy;
  name->bytes = (uint32_t)bytes;
  name->hash = hash;
  name->special = *copy == '%' ? ptx_special_of(copy) : PTX_SPECIAL_COUNT;
  reader->names[slot] = name;
  reader->name_count++;
  split_number(reader, name);
  return name;
}

static ptx_symbol *link_symbol(ptx_reader *reader, ptx_name *name, ptx_symbol_kind kind, uint32_t depth) {
  ptx_symbol *symbol = ptx_take_memory(reader, depth == 0 ? &reader->work : &reader->body, sizeof *symbol);
  ptx_symbol **place = kind == PTX_SYMBOL_RANGE ? &name->range : &name->symbol;
  ptx_scope *scope = &reader->scopes.at[depth];
  *symbol = (ptx_symbol){.kind = kind,
                         .depth = depth,
                         .width = 1,
                         .row = PTX_NO_ROW,
                         .name = name,
                         .outer = *place,
                         .next = scope->symbols};
  *place = scope->symbols = symbol;
  return symbol;
}

ptx_symbol *ptx_find(ptx_reader *reader, ptx_name *name) {
  const ptx_symbol *range = name->prefix == NULL ? NULL : name->prefix->range;
  if (range == NULL || name->number >= range->count ||
      (name->symbol != NULL && name->symbol->depth >= range->depth))
    return name->symbol;
  ptx_symbol *symbol = link_symbol(reader, name, PTX_SYMBOL_REGISTER, range->depth);
  symbol->type = range->type;
  symbol->width = range->width;
  return symbol;
}

ptx_symbol *ptx_declare(ptx_reader *reader, ptx_name *name, ptx_symbol_kind kind, uint32_t line) {
  const uint32_t depth = (uint32_t)reader->scopes.count - 1;
  const ptx_symbol *there = kind == PTX_SYMBOL_RANGE ? name->range : ptx_find(reader, name);
  if (there != NULL && there->depth == depth)
    ptx_fail(reader, line, "'%s%s' is declared twice", name->text, kind == PTX_SYMBOL_RANGE ? "<..>" : "");
  return link_symbol(reader, name, kind, depth);
}

void ptx_scope_open(ptx_reader *reader) {
  if (reader->scopes.count > MOST_DEPTH)
    ptx_fail(reader, reader->lexer.token.line, "more than %d scopes within each other", (int)MOST_DEPTH);
  ptx_push(reader, &reader->scopes, (ptx_scope){NULL, reader->pending.count, reader->local});
}

/* Labels asked for in the scope that it has; the others are looked for in the scopes around. */
static void settle_labels(ptx_reader *reader, const ptx_scope *scope, uint32_t depth) {
  size_t kept = scope->pending;
  for (size_t i = kept; i < reader->pending.count; i++) {
    const ptx_pending pending = reader->pending.at[i];
    const ptx_name *name = (const ptx_name *)(uintptr_t)pending.operand->bits;
    const ptx_symbol *symbol = name->symbol;
    if (symbol != NULL && symbol->kind == PTX_SYMBOL_LABEL && symbol->depth == depth) {
      pending.operand->bits = 0;
      pending.operand->index = symbol->index;
      if (symbol->list == NULL) continue;
      pending.operand->kind = PTX_OPERAND_VECTOR;
      pending.operand->elements = symbol->list;
      pending.operand->count = symbol->elements;
    } else if (depth == 1) {
      ptx_fail(reader, pending.line, "'%s' is not declared", name->text);
    } else {
      reader->pending.at[kept++] = pending;
    }
  }
  reader->pending.count = kept;
}

void ptx_scope_close(ptx_reader *reader) {
  const ptx_scope scope = reader->scopes.at[reader->scopes.count - 1];
  const uint32_t depth = (uint32_t)reader->scopes.count - 1;
  settle_labels(reader, &scope, depth);
  for (ptx_symbol *symbol = scope.symbols; symbol != NULL; symbol = symbol->next) {
    if (symbol->kind == PTX_SYMBOL_RANGE) symbol->name->range = symbol->outer;
    else symbol->name->symbol = symbol->outer;
  }
  reader->local = scope.local;
  reader->scopes.count--;
}

uint32_t ptx_new_rows(ptx_reader *reader, uint32_t count) {
  ptx_function *function = reader->function;
  if (function->rows + count > MOST_ROWS)
    ptx_fail(reader, reader->lexer.token.line, "%s uses more than %d registers and constants", function->name,
             (int)MOST_ROWS);
  function->rows += count;
  return function->rows - count;
}
