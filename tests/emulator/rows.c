/* Registers that are not in use at the same time share a row, so that a warp stays within the caches: nvcc
   gives every value a register of its own.

   A lane's way through a function is that of a thread, and its column of a row its own; so what holds for
   threads holds for rows. A register is taken to be in use from the first to the last statement, in the order
   of the text, between which its value may be wanted. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { WORD_BITS = 64, MOST_WORDS = 1 << 22 };
#define NONE UINT32_MAX

typedef struct block {
  uint32_t first, end; /* statements */
  uint32_t targets;    /* in reader->targets, to those of the next block: statements that may follow */
  bool goes_on;        /* into the next block */
  uint64_t *wanted, *given, *in; /* registers read before they are written; written; in use at its start */
} block;

typedef struct sharing {
  ptx_reader *reader;
  uint32_t statements, registers, blocks, crossing, words;
  uint32_t *block_of;          /* by statement: the block that begins with it; NONE */
  uint32_t *bit, *register_of; /* registers whose values cross from block to block have a bit */
  uint32_t *first, *last;      /* by register: statements; NONE */
  block *at;
} sharing;

static void *take(const sharing *now, size_t count, size_t bytes) {
  return ptx_take_memory(now->reader, &now->reader->body, count * bytes);
}

static uint32_t *take_none(const sharing *now, size_t count) {
  return memset(take(now, count, sizeof(uint32_t)), 0xff, count * sizeof(uint32_t));
}

static const ptx_touch *touches_of(const sharing *now, uint32_t statement, const ptx_touch **out_end) {
  const ptx_reader *reader = now->reader;
  const uint32_t first = statement == 0 ? 0 : reader->statements.at[statement - 1].touches_end;
  *out_end = reader->touches.at + reader->statements.at[statement].touches_end;
  return reader->touches.at + first;
}

/* ---- blocks ---- */

static void add_targets(const sharing *now, const ptx_operand *operands, uint32_t count) {
  ptx_reader *reader = now->reader;
  for (uint32_t i = 0; i < count; i++) {
    if (operands[i].kind == PTX_OPERAND_VECTOR) add_targets(now, operands[i].elements, operands[i].count);
    if (operands[i].kind != PTX_OPERAND_LABEL) continue;
    const uint32_t target = operands[i].index - reader->function->first;
    if (target < now->statements) ptx_push(reader, &reader->targets, target);
  }
}

/* Whether the statement behind this one never follows it. */
static bool is_end(const ptx_body_statement *at) {
  static const char *const ends[] = {"bra", "brx", "ret", "exit"};
  if (at->guard != PTX_NO_ROW) return false;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (strcmp(at->statement.opcode, ends[i]) == 0) return true;
  }
  return false;
}

/* Blocks begin at targets, and behind what has some or ends the way. */
static void find_blocks(sharing *now) {
  ptx_reader *reader = now->reader;
  uint32_t *targets = take(now, now->statements, sizeof *targets);
  bool *begins = take(now, (size_t)now->statements + 1, sizeof *begins);
  reader->targets.count = 0;
  begins[0] = true;
  for (uint32_t i = 0; i < now->statements; i++) {
    const ptx_statement *statement = &reader->statements.at[i].statement;
    targets[i] = (uint32_t)reader->targets.count;
    add_targets(now, statement->operands, statement->operand_count);
    begins[i + 1] = reader->targets.count > targets[i] || is_end(&reader->statements.at[i]);
  }
  for (size_t i = 0; i < reader->targets.count; i++) begins[reader->targets.at[i]] = true;
  now->block_of = take_none(now, now->statements);
  for (uint32_t i = 0; i < now->statements; i++) {
    if (begins[i]) now->block_of[i] = now->blocks++;
  }
  now->at = take(now, (size_t)now->blocks + 1, sizeof *now->at);
  for (uint32_t i = 0, b = 0; i < now->statements; i++) {
    if (now->block_of[i] == NONE) continue;
    b = now->block_of[i];
    now->at[b].first = i;
    now->at[b].targets = targets[i];
    if (b > 0) now->at[b - 1].end = i;
  }
  block *end = &now->at[now->blocks];
  end[-1].end = end->first = now->statements;
  end->targets = (uint32_t)reader->targets.count;
  for (block *at = now->at; at < end; at++)
    at->goes_on = at + 1 < end && !is_end(&reader->statements.at[at->end - 1]);
}

/* ---- what crosses from block to block ---- */

/* Registers that some block reads before it writes them have a bit. */
static void number_crossing(sharing *now) {
  uint32_t *written_in = take_none(now, now->registers);
  now->bit = take_none(now, now->registers);
  now->register_of = take(now, now->registers, sizeof *now->register_of);
  for (uint32_t b = 0; b < now->blocks; b++) {
    for (uint32_t i = now->at[b].first; i < now->at[b].end; i++) {
      const ptx_touch *end, *touch = touches_of(now, i, &end);
      const bool may_not = now->reader->statements.at[i].guard != PTX_NO_ROW;
      for (const ptx_touch *read = touch; read < end; read++) {
        if ((read->is_result && !may_not) || written_in[read->row] == b || now->bit[read->row] != NONE)
          continue;
        now->register_of[now->crossing] = read->row;
        now->bit[read->row] = now->crossing++;
      }
      for (; touch < end; touch++) {
        if (touch->is_result && !may_not) written_in[touch->row] = b;
      }
    }
  }
  now->words = (now->crossing + WORD_BITS - 1) / WORD_BITS;
}

static bool has(const uint64_t *set, uint32_t bit) {
  return (set[bit / WORD_BITS] >> bit % WORD_BITS & 1) != 0;
}
static void add(uint64_t *set, uint32_t bit) { set[bit / WORD_BITS] |= UINT64_C(1) << bit % WORD_BITS; }

static void read_block(const sharing *now, block *at) {
  at->wanted = take(now, now->words, sizeof(uint64_t));
  at->given = take(now, now->words, sizeof(uint64_t));
  at->in = take(now, now->words, sizeof(uint64_t));
  for (uint32_t i = at->first; i < at->end; i++) {
    const ptx_touch *end, *touch = touches_of(now, i, &end);
    const bool may_not = now->reader->statements.at[i].guard != PTX_NO_ROW; /* then the old value may stay */
    for (const ptx_touch *read = touch; read < end; read++) {
      const uint32_t bit = now->bit[read->row];
      if (bit != NONE && (!read->is_result || may_not) && !has(at->given, bit)) add(at->wanted, bit);
    }
    for (; touch < end; touch++) {
      const uint32_t bit = now->bit[touch->row];
      if (bit != NONE && touch->is_result && !may_not) add(at->given, bit);
    }
  }
}

/* What is in use at the end of a block: word `word`. */
static uint64_t in_use_behind(const sharing *now, const block *at, uint32_t word) {
  uint64_t bits = at->goes_on ? at[1].in[word] : 0;
  for (uint32_t i = at->targets; i < at[1].targets; i++)
    bits |= now->at[now->block_of[now->reader->targets.at[i]]].in[word];
  return bits;
}

static void follow(const sharing *now) {
  for (uint32_t b = 0; b < now->blocks; b++) read_block(now, &now->at[b]);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t b = now->blocks; b-- > 0;) {
      block *at = &now->at[b];
      for (uint32_t word = 0; word < now->words; word++) {
        const uint64_t in = at->wanted[word] | (in_use_behind(now, at, word) & ~at->given[word]);
        changed |= in != at->in[word];
        at->in[word] = in;
      }
    }
  }
}

/* ---- from where to where registers are in use ---- */

static void extend(const sharing *now, uint32_t row, uint32_t statement) {
  if (now->first[row] == NONE || now->first[row] > statement) now->first[row] = statement;
  if (now->last[row] == NONE || now->last[row] < statement) now->last[row] = statement;
}

static void extend_all(const sharing *now, uint64_t bits, uint32_t word, uint32_t statement) {
  for (; bits != 0; bits &= bits - 1)
    extend(now, now->register_of[word * WORD_BITS + (uint32_t)__builtin_ctzll(bits)], statement);
}

static void find_uses(sharing *now) {
  now->first = take_none(now, now->registers);
  now->last = take_none(now, now->registers);
  for (uint32_t i = 0; i < now->statements; i++) {
    const ptx_touch *end, *touch = touches_of(now, i, &end);
    for (; touch < end; touch++) extend(now, touch->row, i);
  }
  for (uint32_t b = 0; b < now->blocks; b++) {
    const block *at = &now->at[b];
    for (uint32_t word = 0; word < now->words; word++) {
      extend_all(now, at->in[word], word, at->first);
      extend_all(now, in_use_behind(now, at, word), word, at->end - 1);
    }
  }
}

/* ---- rows ---- */

/* Registers by the statement at which `when` has them, as lists. */
static uint32_t *lists_of(const sharing *now, const uint32_t *when, uint32_t *next) {
  uint32_t *head = take_none(now, now->statements);
  for (uint32_t row = now->registers; row-- > 0;) {
    if (when[row] == NONE) continue;
    next[row] = head[when[row]];
    head[when[row]] = row;
  }
  return head;
}

/* The row that became free last is given out first. One that is last read by a statement is no result of it.
 */
static uint32_t give_rows(const sharing *now, uint32_t *map) {
  uint32_t *next_begun = take(now, now->registers, sizeof *next_begun);
  uint32_t *next_ended = take(now, now->registers, sizeof *next_ended);
  uint32_t *freed = take(now, now->registers, sizeof *freed);
  const uint32_t *begun = lists_of(now, now->first, next_begun),
                 *ended = lists_of(now, now->last, next_ended);
  uint32_t rows = 0, count = 0;
  for (uint32_t i = 0; i < now->statements; i++) {
    for (uint32_t row = begun[i]; row != NONE; row = next_begun[row])
      map[row] = count > 0 ? freed[--count] : rows++;
    for (uint32_t row = ended[i]; row != NONE; row = next_ended[row]) freed[count++] = map[row];
  }
  return rows;
}

uint32_t *ptx_share_rows(ptx_reader *reader) {
  sharing now = {.reader = reader,
                 .statements = (uint32_t)reader->statements.count,
                 .registers = reader->function->rows};
  if (now.statements == 0 || now.registers == 0) return NULL;
  find_blocks(&now);
  number_crossing(&now);
  if ((uint64_t)now.words * now.blocks > MOST_WORDS) return NULL;
  follow(&now);
  find_uses(&now);
  uint32_t *map = take_none(&now, now.registers);
  reader->function->rows = give_rows(&now, map);
  return map;
}
