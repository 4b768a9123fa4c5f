#include <stdlib.h>
#include <string.h>

#include "runtime/io/text.h"

typedef struct parser {
  lazyi_lexer lexer;
  lazyi_token token; /* the next one, not consumed */
  lazyi_text_document *document;
  int depth;
} parser;

static lazy_status advance(parser *p) { return lazyi_lexer_next(&p->lexer, &p->token); }
static bool at_mark(const parser *p, char mark) { return p->token.mark == mark; }

static lazy_status unexpected(const parser *p, const char *wanted) {
  const lazyi_text_source *source = &p->document->source;
  if (p->token.kind == LAZYI_TOKEN_END)
    return lazyi_text_fail(source, p->token.at, 0, LAZY_STATUS_PARSE, "found the end of the text, wanted %s",
                           wanted);
  return lazyi_text_fail(source, p->token.at, p->token.bytes, LAZY_STATUS_PARSE, "found '%.*s', wanted %s",
                         (int)(p->token.bytes < 60 ? p->token.bytes : 60), source->text + p->token.at,
                         wanted);
}

static lazy_status enter(parser *p, size_t at) {
  if (++p->depth <= LAZYI_TEXT_MAX_DEPTH) return LAZY_STATUS_OK;
  return lazyi_text_fail(&p->document->source, at, 1, LAZY_STATUS_LIMIT, "more than %d levels deep",
                         LAZYI_TEXT_MAX_DEPTH);
}

/* ---- arguments ---- */

/* A tuple or list is only checked here. */
static lazy_status skip_tuple(parser *p) {
  LAZY_TRY(enter(p, p->token.at));
  char close = at_mark(p, '(') ? ')' : ']';
  LAZY_TRY(advance(p));
  while (!at_mark(p, close)) {
    if (at_mark(p, '(') || at_mark(p, '[')) LAZY_TRY(skip_tuple(p));
    else if (p->token.kind == LAZYI_TOKEN_MARK || p->token.kind == LAZYI_TOKEN_END)
      return unexpected(p, "a value");
    else LAZY_TRY(advance(p));
    if (at_mark(p, ',')) LAZY_TRY(advance(p));
    else if (!at_mark(p, close)) return unexpected(p, close == ')' ? "',' or ')'" : "',' or ']'");
  }
  p->depth--;
  return advance(p);
}

static lazy_status read_value(parser *p, lazyi_text_argument *argument) {
  lazyi_token token = p->token;
  argument->value = (lazyi_text_slice){token.at, token.bytes};
  argument->integer = token.integer;
  argument->number = token.number;
  switch (token.kind) {
    case LAZYI_TOKEN_INT: argument->kind = LAZYI_TEXT_INT; break;
    case LAZYI_TOKEN_FLOAT: argument->kind = LAZYI_TEXT_FLOAT; break;
    case LAZYI_TOKEN_STRING: argument->kind = LAZYI_TEXT_STRING; break;
    case LAZYI_TOKEN_WORD: argument->kind = LAZYI_TEXT_WORD; break;
    default:
      if (!at_mark(p, '(') && !at_mark(p, '[')) return unexpected(p, "a value");
      argument->kind = LAZYI_TEXT_TUPLE;
      LAZY_TRY(skip_tuple(p));
      size_t end = p->token.at;
      while (strchr(")]", p->document->source.text[end - 1]) == NULL) end--;
      argument->value.bytes = end - token.at;
      return LAZY_STATUS_OK;
  }
  return advance(p);
}

/* ---- modules ---- */

static lazy_status read_node(parser *p, uint32_t *out_node);

static lazy_status add_child(parser *p, uint32_t parent, uint32_t *last, uint32_t child) {
  lazyi_text_node *nodes = p->document->nodes.at;
  if (*last == LAZYI_TEXT_NO_NODE) nodes[parent].first_child = child;
  else nodes[*last].next_sibling = child;
  *last = child;
  nodes[parent].modules += nodes[child].repeats * nodes[child].modules;
  if (nodes[parent].modules <= LAZYI_TEXT_MAX_MODULES) return LAZY_STATUS_OK;
  return lazyi_text_fail(&p->document->source, nodes[child].class_name.at, nodes[child].class_name.bytes,
                         LAZY_STATUS_LIMIT, "more than %d modules", LAZYI_TEXT_MAX_MODULES);
}

/* "FIRST-LAST" in decimal. */
static bool read_range(const char *text, size_t bytes, uint64_t *out_first, uint64_t *out_last) {
  uint64_t numbers[2] = {0, 0};
  int part = 0;
  size_t digits = 0;
  for (size_t i = 0; i < bytes; i++) {
    if (text[i] == '-' && part == 0 && digits != 0) {
      part = 1;
      digits = 0;
    } else if (text[i] >= '0' && text[i] <= '9' && digits < 9) {
      numbers[part] = numbers[part] * 10 + (uint64_t)(text[i] - '0');
      digits++;
    } else {
      return false;
    }
  }
  *out_first = numbers[0];
  *out_last = numbers[1];
  return part == 1 && digits != 0;
}

/* After "(name):": a count of repetitions, if there is one, and the module. */
static lazy_status read_child(parser *p, lazyi_text_slice name, uint32_t *out_node) {
  const lazyi_text_source *source = &p->document->source;
  uint64_t first = 0, last = 0, repeats = 1;
  lazyi_token count = p->token;
  if (name.bytes == 0)
    return lazyi_text_fail(source, name.at, 1, LAZY_STATUS_PARSE, "found ')', wanted the name of a module");
  if (count.kind == LAZYI_TOKEN_INT) {
    LAZY_TRY(advance(p));
    if (p->token.kind != LAZYI_TOKEN_WORD || p->token.bytes != 1 || source->text[p->token.at] != 'x')
      return unexpected(p, "'x' after a count of modules");
    LAZY_TRY(advance(p));
    if (!read_range(source->text + name.at, name.bytes, &first, &last) || last < first)
      return lazyi_text_fail(source, name.at, name.bytes, LAZY_STATUS_PARSE,
                             "repeated modules are named (FIRST-LAST), as in (0-3): 4 x Linear(...)");
    repeats = last - first + 1;
    if (count.integer != (int64_t)repeats)
      return lazyi_text_fail(source, count.at, count.bytes, LAZY_STATUS_PARSE,
                             "found %lld modules, (%.*s) names %llu", (long long)count.integer,
                             (int)name.bytes, source->text + name.at, (unsigned long long)repeats);
    name.bytes = 0;
  }
  LAZY_TRY(read_node(p, out_node));
  lazyi_text_node *node = &p->document->nodes.at[*out_node];
  node->name = name;
  node->number = (uint32_t)first;
  node->repeats = (uint32_t)repeats;
  return LAZY_STATUS_OK;
}

/* One of the things between a module's parentheses, up to the comma or parenthesis after it. */
static lazy_status read_argument(parser *p, uint32_t node, uint32_t *last, uint32_t *unnamed) {
  const lazyi_text_source *source = &p->document->source;
  lazyi_text_argument argument = {0};
  if (p->token.kind == LAZYI_TOKEN_WORD) {
    lazyi_token word = p->token;
    lazyi_lexer rewind = p->lexer;
    LAZY_TRY(advance(p));
    if (at_mark(p, '(')) { /* a module in constructor form: Sequential(LazyLinear(10), ReLU()) */
      uint32_t child;
      p->lexer = rewind;
      p->token = word;
      LAZY_TRY(read_node(p, &child));
      p->document->nodes.at[child].number = (*unnamed)++;
      return add_child(p, node, last, child);
    }
    if (at_mark(p, '=')) {
      argument.name = (lazyi_text_slice){word.at, word.bytes};
      LAZY_TRY(advance(p));
      LAZY_TRY(read_value(p, &argument));
    } else {
      argument.value = (lazyi_text_slice){word.at, word.bytes};
      argument.kind = LAZYI_TEXT_WORD;
    }
  } else {
    LAZY_TRY(read_value(p, &argument));
  }
  lazyi_text_node *owner = &p->document->nodes.at[node];
  if (argument.name.bytes == 0 && owner->argument_count != 0 &&
      p->document->arguments.at[p->document->arguments.count - 1].name.bytes != 0)
    return lazyi_text_fail(source, argument.value.at, argument.value.bytes, LAZY_STATUS_PARSE,
                           "a positional argument after one with a name");
  if (owner->argument_count == 0) owner->first_argument = p->document->arguments.count;
  else if (owner->first_argument + owner->argument_count != p->document->arguments.count)
    return lazyi_text_fail(source, argument.value.at, argument.value.bytes, LAZY_STATUS_PARSE,
                           "an argument after a module: arguments come first");
  LAZY_TRY(lazyi_vector_push(&p->document->arguments, argument));
  owner->argument_count++;
  return LAZY_STATUS_OK;
}

static lazy_status read_body(parser *p, uint32_t node) {
  uint32_t last = LAZYI_TEXT_NO_NODE, unnamed = 0, child;
  bool only_children = false, after_argument = false;
  while (!at_mark(p, ')')) {
    lazyi_text_slice name;
    if (at_mark(p, '(') && lazyi_lexer_child_name(&p->lexer, &p->token, &name.at, &name.bytes)) {
      only_children = true;
      LAZY_TRY(advance(p));
      LAZY_TRY(read_child(p, name, &child));
      LAZY_TRY(add_child(p, node, &last, child));
      continue;
    }
    if (only_children) return unexpected(p, "')' or '(name): Module(...)'");
    if (after_argument) return unexpected(p, "',', ')' or '(name): Module(...)'");
    LAZY_TRY(read_argument(p, node, &last, &unnamed));
    after_argument = true;
    if (at_mark(p, ',')) {
      LAZY_TRY(advance(p));
      after_argument = false;
    }
  }
  return advance(p);
}

static lazy_status read_node(parser *p, uint32_t *out_node) {
  if (p->token.kind != LAZYI_TOKEN_WORD)
    return unexpected(p, "a module, such as LazyLinear(out_features=10)");
  LAZY_TRY(enter(p, p->token.at));
  uint32_t node = (uint32_t)p->document->nodes.count;
  lazyi_text_node fresh = {.class_name = {p->token.at, p->token.bytes},
                           .repeats = 1,
                           .modules = 1,
                           .first_child = LAZYI_TEXT_NO_NODE,
                           .next_sibling = LAZYI_TEXT_NO_NODE};
  LAZY_TRY(lazyi_vector_push(&p->document->nodes, fresh));
  LAZY_TRY(advance(p));
  if (!at_mark(p, '(')) return unexpected(p, "'(' after the name of a class");
  LAZY_TRY(advance(p));
  LAZY_TRY(read_body(p, node));
  p->depth--;
  *out_node = node;
  return LAZY_STATUS_OK;
}

static lazy_status read_document(parser *p) {
  uint32_t root;
  LAZY_TRY(advance(p));
  LAZY_TRY(read_node(p, &root));
  if (p->token.kind != LAZYI_TOKEN_END) return unexpected(p, "the end of the text: one model a text");
  return LAZY_STATUS_OK;
}

lazy_status lazyi_text_read(const lazyi_text_source *source, lazyi_text_document *out_document) {
  if (source->bytes > LAZYI_TEXT_MAX_BYTES)
    return lazy_status_fail(LAZY_STATUS_LIMIT, "%s%s%zu bytes of model text; %d is the most",
                            source->name != NULL ? source->name : "", source->name != NULL ? ": " : "",
                            source->bytes, LAZYI_TEXT_MAX_BYTES);
  lazyi_text_document document = {.source = *source};
  parser p = {.lexer = {&document.source, 0}, .document = &document};
  lazy_status status = read_document(&p);
  if (status == LAZY_STATUS_OK) *out_document = document;
  else lazyi_text_document_deinit(&document);
  return status;
}

void lazyi_text_document_deinit(lazyi_text_document *document) {
  lazyi_vector_deinit(&document->nodes);
  lazyi_vector_deinit(&document->arguments);
}
