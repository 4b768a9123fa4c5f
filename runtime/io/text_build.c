#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/io/suggest.h"
#include "runtime/io/text.h"
#include "runtime/module/module.h"
#include "runtime/module/options.h"
#include "runtime/module/queue.h"
#include "runtime/nn/nn.h"

enum { MAX_OPTIONS = 64 };

typedef struct builder {
  lazy_context *context;
  const lazyi_text_document *document;
  uint64_t made; /* modules */
} builder;

static const char *slice_text(const builder *b, lazyi_text_slice slice) {
  return b->document->source.text + slice.at;
}
static bool slice_is(const builder *b, lazyi_text_slice slice, const char *word) {
  return strlen(word) == slice.bytes && memcmp(slice_text(b, slice), word, slice.bytes) == 0;
}
/* For "%.*s". */
static int shown(lazyi_text_slice slice) { return (int)(slice.bytes < 60 ? slice.bytes : 60); }

#define FAIL_AT(b, slice, ...) \
  lazyi_text_fail(&(b)->document->source, (slice).at, (slice).bytes, LAZY_STATUS_PARSE, __VA_ARGS__)

/* ---- classes ---- */

static const lazy_class *find_class(const builder *b, lazyi_text_slice name) {
  const lazy_class *found = NULL;
  pthread_mutex_lock(&b->context->lock);
  for (size_t i = 0; i < b->context->classes.count && found == NULL; i++)
    if (slice_is(b, name, b->context->classes.at[i]->name)) found = b->context->classes.at[i];
  pthread_mutex_unlock(&b->context->lock);
  for (size_t i = 0; found == NULL && lazyi_nn_at(i) != NULL; i++)
    if (slice_is(b, name, lazyi_nn_at(i)->name)) found = lazyi_nn_at(i);
  return found;
}

static bool is_built_in(const lazy_class *type) {
  for (size_t i = 0; lazyi_nn_at(i) != NULL; i++)
    if (lazyi_nn_at(i) == type) return true;
  return false;
}

static lazy_status unknown_class(const builder *b, lazyi_text_slice name) {
  lazyi_suggestion suggestion = {.word = slice_text(b, name), .bytes = name.bytes};
  pthread_mutex_lock(&b->context->lock);
  for (size_t i = 0; i < b->context->classes.count; i++)
    lazyi_suggest(&suggestion, b->context->classes.at[i]->name);
  pthread_mutex_unlock(&b->context->lock);
  for (size_t i = 0; lazyi_nn_at(i) != NULL; i++) lazyi_suggest(&suggestion, lazyi_nn_at(i)->name);
  if (suggestion.best != NULL)
    return FAIL_AT(b, name, "unknown class '%.*s'; did you mean '%s'?", shown(name), slice_text(b, name),
                   suggestion.best);
  char names[256] = "";
  for (size_t i = 0, n = 0; lazyi_nn_at(i) != NULL && n < sizeof names; i++)
    n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i != 0 ? ", " : "", lazyi_nn_at(i)->name);
  return FAIL_AT(b, name, "unknown class '%.*s', and without children it is no container (known: %s)",
                 shown(name), slice_text(b, name), names);
}

/* "nn.Linear" and "torch.nn.Linear" are Linear. What is left begins with neither, so that a printed name is
   read as itself. */
static lazyi_text_slice plain_name(const builder *b, lazyi_text_slice name) {
  static const char *const prefixes[] = {"torch.nn.", "nn."};
  for (size_t i = 0; i < 2;) {
    size_t bytes = strlen(prefixes[i]);
    if (name.bytes > bytes && memcmp(slice_text(b, name), prefixes[i], bytes) == 0) {
      name = (lazyi_text_slice){name.at + bytes, name.bytes - bytes};
      i = 0;
    } else {
      i++;
    }
  }
  return name;
}

/* ---- options ---- */

static lazy_status wrong_value(const builder *b, const lazy_class *type, const lazy_option *option,
                               const lazyi_text_argument *argument, const char *wanted) {
  return FAIL_AT(b, argument->value, "'%s' of %s: found %.*s, wanted %s", option->name, type->name,
                 shown(argument->value), slice_text(b, argument->value), wanted);
}

static lazy_status set_int(const builder *b, const lazy_class *type, const lazy_option *option,
                           const lazyi_text_argument *argument, int64_t *field) {
  if (argument->kind != LAZYI_TEXT_INT) return wrong_value(b, type, option, argument, "an integer");
  if ((option->flags & LAZY_OPTION_INFERRED) && argument->integer != 0) {
    bool other = type->becomes != NULL;
    return FAIL_AT(b, argument->value, "'%s' of %s is inferred: found %lld, wanted 0%s%s%s", option->name,
                   type->name, (long long)argument->integer, other ? " (where it is known, write " : "",
                   other ? type->becomes->name : "", other ? ")" : "");
  }
  *field = argument->integer;
  return LAZY_STATUS_OK;
}

/* As Python takes a value for a condition. */
static lazy_status set_bool(const builder *b, const lazy_class *type, const lazy_option *option,
                            const lazyi_text_argument *argument, bool *field) {
  if (slice_is(b, argument->value, "True")) *field = true;
  else if (slice_is(b, argument->value, "False") || slice_is(b, argument->value, "None")) *field = false;
  else if (argument->kind == LAZYI_TEXT_INT || argument->kind == LAZYI_TEXT_FLOAT)
    *field = argument->number != 0;
  else return wrong_value(b, type, option, argument, "True or False");
  return LAZY_STATUS_OK;
}

static lazy_status set_dtype(const builder *b, const lazy_class *type, const lazy_option *option,
                             const lazyi_text_argument *argument, lazy_dtype *field) {
  char word[32];
  lazy_dtype dtype = LAZY_DTYPE_DEFAULT;
  if (!slice_is(b, argument->value, "None")) {
    if (argument->kind != LAZYI_TEXT_WORD || argument->value.bytes >= sizeof word)
      return wrong_value(b, type, option, argument, "a dtype, such as torch.float16");
    memcpy(word, slice_text(b, argument->value), argument->value.bytes);
    word[argument->value.bytes] = '\0';
    if (!lazy_dtype_parse(word, &dtype))
      return wrong_value(b, type, option, argument, "a dtype, such as torch.float16");
  }
  *field = dtype;
  return LAZY_STATUS_OK;
}

/* One size, or a tuple of them with no tuple inside. */
static lazy_status set_sizes(const builder *b, const lazy_class *type, const lazy_option *option,
                             const lazyi_text_argument *argument, lazy_shape *field) {
  lazy_ints ints = {0};
  lazy_shape sizes = {0};
  if (option->flags & LAZY_OPTION_INFERRED)
    return FAIL_AT(b, argument->value, "'%s' of %s is inferred", option->name, type->name);
  bool fits = lazyi_text_ints(&b->document->source, argument, NULL, &ints);
  sizes.rank = ints.count == 0 ? 1 : ints.count < 0 ? 0 : ints.count;
  for (int32_t i = 0; i < sizes.rank; i++) {
    sizes.dims[i] = ints.at[i];
    fits = fits && ints.at[i] != LAZY_INT_NONE;
  }
  if (!fits) return wrong_value(b, type, option, argument, "a size or a tuple of at most 8");
  *field = sizes;
  return LAZY_STATUS_OK;
}

/* One number, a tuple or one of the option's words. */
static lazy_status set_ints(const builder *b, const lazy_class *type, const lazy_option *option,
                            const lazyi_text_argument *argument, lazy_ints *field) {
  char wanted[96] = "an integer or a tuple of at most 8";
  if (lazyi_text_ints(&b->document->source, argument, option->text, field)) return LAZY_STATUS_OK;
  if (option->text != NULL)
    snprintf(wanted, sizeof wanted, "an integer, a tuple of at most 8 or one of %s", option->text);
  return wrong_value(b, type, option, argument, wanted);
}

static lazy_status set_option(const builder *b, const lazy_class *type, const lazy_option *option,
                              const lazyi_text_argument *argument, unsigned char *self) {
  void *field = self + option->offset;
  if (option->flags & LAZY_OPTION_IGNORED) return LAZY_STATUS_OK;
  switch (option->kind) {
    case LAZY_OPTION_INT: return set_int(b, type, option, argument, field);
    case LAZY_OPTION_BOOL: return set_bool(b, type, option, argument, field);
    case LAZY_OPTION_DTYPE: return set_dtype(b, type, option, argument, field);
    case LAZY_OPTION_SHAPE: return set_sizes(b, type, option, argument, field);
    case LAZY_OPTION_MAYBE_FLOAT:
      if (slice_is(b, argument->value, "None")) {
        *(double *)field = NAN;
        return LAZY_STATUS_OK;
      }
      if (argument->kind != LAZYI_TEXT_FLOAT && argument->kind != LAZYI_TEXT_INT)
        return wrong_value(b, type, option, argument, "a number or None");
      *(double *)field = argument->number;
      return LAZY_STATUS_OK;
    case LAZY_OPTION_FLOAT:
      if (argument->kind != LAZYI_TEXT_FLOAT && argument->kind != LAZYI_TEXT_INT)
        return wrong_value(b, type, option, argument, "a number");
      *(double *)field = argument->number;
      return LAZY_STATUS_OK;
    case LAZY_OPTION_TEXT:
      if (argument->kind == LAZYI_TEXT_WORD && (option->flags & LAZY_OPTION_UNQUOTED) &&
          argument->value.bytes < LAZY_OPTION_TEXT_BYTES) {
        memset(field, 0, LAZY_OPTION_TEXT_BYTES);
        memcpy(field, slice_text(b, argument->value), argument->value.bytes);
        return LAZY_STATUS_OK;
      }
      if (argument->kind != LAZYI_TEXT_STRING ||
          !lazyi_text_string(&b->document->source, argument->value, field, LAZY_OPTION_TEXT_BYTES))
        return wrong_value(b, type, option, argument, "a short string in quotes");
      return LAZY_STATUS_OK;
    case LAZY_OPTION_INTS: return set_ints(b, type, option, argument, field);
    case LAZY_OPTION_FLOATS:
      if (!lazyi_text_floats(&b->document->source, argument, field))
        return wrong_value(b, type, option, argument, "a number or a tuple of at most 8");
      return LAZY_STATUS_OK;
  }
  return LAZY_STATUS_OK;
}

/* Flags of options that stand in no position of the constructor. */
enum { NO_POSITION = LAZY_OPTION_INFERRED | LAZY_OPTION_KEYWORD };

/* "LazyConv2d(0, 8, kernel_size=(3, 3))" is what print shows of LazyConv2d(8, 3): a size to infer stands
   among the arguments, and taking it for one of them would give the option of the last position twice. Its
   place, or SIZE_MAX for a constructor's form. */
static size_t inferred_place(const builder *b, const lazyi_text_node *node, const lazy_class *type) {
  if (node->argument_count == 0) return SIZE_MAX; /* and perhaps no list of arguments */
  const lazyi_text_argument *arguments = &b->document->arguments.at[node->first_argument];
  const unsigned bare = LAZY_OPTION_INFERRED | LAZY_OPTION_BARE;
  size_t count = 0, last = 0, place = 0;
  while (place < type->option_count && (type->options[place].flags & bare) != bare) place++;
  while (count < node->argument_count && arguments[count].name.bytes == 0) count++;
  if (place >= count || place >= type->option_count) return SIZE_MAX;
  if (arguments[place].kind != LAZYI_TEXT_INT || arguments[place].integer != 0) return SIZE_MAX;
  for (size_t i = 0, left = count; i < type->option_count && left > 0; i++)
    if (!(type->options[i].flags & NO_POSITION)) left--, last = i;
  for (size_t i = count; i < node->argument_count; i++)
    if (slice_is(b, arguments[i].name, type->options[last].name)) return place;
  return SIZE_MAX;
}

/* The option an argument is for: by name, or the next one that the constructor takes. */
static lazy_status find_option(const builder *b, const lazy_class *type, const lazyi_text_argument *argument,
                               size_t *position, const lazy_option **out_option) {
  if (argument->name.bytes == 0) {
    while (*position < type->option_count && (type->options[*position].flags & NO_POSITION)) ++*position;
    if (*position == type->option_count) {
      size_t most = 0;
      for (size_t i = 0; i < type->option_count; i++) most += !(type->options[i].flags & NO_POSITION);
      return FAIL_AT(b, argument->value, "%s takes %zu argument%s, and this is one more", type->name, most,
                     most == 1 ? "" : "s");
    }
    *out_option = &type->options[(*position)++];
    return LAZY_STATUS_OK;
  }
  lazyi_suggestion suggestion = {.word = slice_text(b, argument->name), .bytes = argument->name.bytes};
  for (size_t i = 0; i < type->option_count; i++) {
    lazyi_suggest(&suggestion, type->options[i].name);
    if (!slice_is(b, argument->name, type->options[i].name)) continue;
    *out_option = &type->options[i];
    return LAZY_STATUS_OK;
  }
  bool near = suggestion.best != NULL;
  return FAIL_AT(b, argument->name, "unknown argument '%.*s' of %s%s%s%s", shown(argument->name),
                 slice_text(b, argument->name), type->name, near ? "; did you mean '" : "",
                 near ? suggestion.best : "", near ? "'?" : "");
}

static lazy_status read_options(const builder *b, const lazyi_text_node *node, const lazy_class *type,
                                unsigned char *self) {
  uint64_t given = 0;
  size_t position = 0;
  const size_t inferred = inferred_place(b, node, type);
  lazyi_options_default(type, self);
  if (type == &lazy_class_identity) return LAZY_STATUS_OK;
  if (type->option_count > MAX_OPTIONS)
    return FAIL_AT(b, node->class_name, "%s has %zu options; %d is the most", type->name, type->option_count,
                   MAX_OPTIONS);
  for (size_t i = 0; i < node->argument_count; i++) {
    const lazyi_text_argument *argument = &b->document->arguments.at[node->first_argument + i];
    const lazy_option *option = type->options + (i == inferred ? i : 0);
    if (i != inferred) LAZY_TRY(find_option(b, type, argument, &position, &option));
    uint64_t bit = (uint64_t)1 << (option - type->options);
    if (given & bit)
      return FAIL_AT(b, argument->name.bytes != 0 ? argument->name : argument->value,
                     "'%s' of %s is given twice", option->name, type->name);
    given |= bit;
    LAZY_TRY(set_option(b, type, option, argument, self));
  }
  for (size_t i = 0; i < type->option_count; i++)
    if ((type->options[i].flags & (LAZY_OPTION_REQUIRED | LAZY_OPTION_INFERRED)) == LAZY_OPTION_REQUIRED &&
        !(given & (uint64_t)1 << i))
      return FAIL_AT(b, node->class_name, "%s needs '%s'", type->name, type->options[i].name);
  return LAZY_STATUS_OK;
}

/* ---- modules ---- */

static lazy_status build_node(builder *b, const lazyi_text_node *node, lazy_module **out_module);

/* A failure of the module layer, with the place in the text. */
static lazy_status at_place(const builder *b, lazyi_text_slice place, lazy_status status) {
  if (status == LAZY_STATUS_OK || status == LAZY_STATUS_OUT_OF_MEMORY) return status;
  return FAIL_AT(b, place, "%s", lazy_status_message());
}

static lazy_status create_class(builder *b, const lazyi_text_node *node, lazy_module **out_module) {
  lazyi_text_slice name = plain_name(b, node->class_name);
  const lazy_class *type = find_class(b, name);
  bool has_children = node->first_child != LAZYI_TEXT_NO_NODE;
  if (type == NULL) {
    if (!has_children) return unknown_class(b, name);
    if (node->argument_count != 0)
      return FAIL_AT(b, b->document->arguments.at[node->first_argument].value,
                     "'%.*s' is no class lazyrt knows, and a container takes no arguments", shown(name),
                     slice_text(b, name));
    LAZY_TRY(lazy_module_create(b->context, &lazy_class_sequential, NULL, out_module));
    lazy_module *module = *out_module;
    module->class_name = lazyi_memory_alloc(name.bytes + 1);
    if (module->class_name == NULL) {
      lazyi_context_return_ordinals(b->context, module->ordinal, 1);
      lazy_module_release(module);
      return LAZY_STATUS_OUT_OF_MEMORY;
    }
    memcpy(module->class_name, slice_text(b, name), name.bytes);
    module->class_name[name.bytes] = '\0';
    return LAZY_STATUS_OK;
  }
  if (has_children && is_built_in(type) && !type->is_container)
    return FAIL_AT(b, b->document->nodes.at[node->first_child].class_name, "%s has no children", type->name);
  unsigned char *self = lazyi_memory_alloc(type->self_bytes);
  LAZYI_TRY_ALLOC(self);
  lazy_status status = read_options(b, node, type, self);
  if (status == LAZY_STATUS_OK)
    status = at_place(b, node->class_name, lazy_module_create(b->context, type, self, out_module));
  lazyi_memory_free(self);
  return status;
}

static lazy_status create_module(builder *b, const lazyi_text_node *node, lazy_module **out_module) {
  LAZY_TRY(create_class(b, node, out_module));
  b->made++;
  return LAZY_STATUS_OK;
}

/* A module of a text that failed. */
static void drop_module(lazy_module *module) {
  lazyi_queue_forget(module);
  lazy_module_release(module);
}

static lazy_status add_child(builder *b, lazy_module *parent, const lazyi_text_node *node,
                             uint32_t repetition) {
  char name[256];
  lazy_module *child;
  lazyi_text_slice place = node->name.bytes != 0 ? node->name : node->class_name;
  if (node->name.bytes >= sizeof name)
    return FAIL_AT(b, place, "a name of %zu bytes; %zu is the most", node->name.bytes, sizeof name - 1);
  if (node->name.bytes != 0)
    snprintf(name, sizeof name, "%.*s", (int)node->name.bytes, slice_text(b, node->name));
  else snprintf(name, sizeof name, "%u", node->number + repetition);
  LAZY_TRY(build_node(b, node, &child));
  lazy_status status = at_place(b, place, lazy_module_add_child(parent, name, child));
  if (status == LAZY_STATUS_OK) lazy_module_release(child);
  else drop_module(child);
  return status;
}

static lazy_status add_children(builder *b, lazy_module *module, const lazyi_text_node *node) {
  for (uint32_t index = node->first_child; index != LAZYI_TEXT_NO_NODE;) {
    const lazyi_text_node *child = &b->document->nodes.at[index];
    for (uint32_t i = 0; i < child->repeats; i++) LAZY_TRY(add_child(b, module, child, i));
    index = child->next_sibling;
  }
  return LAZY_STATUS_OK;
}

static lazy_status build_node(builder *b, const lazyi_text_node *node, lazy_module **out_module) {
  lazy_module *module;
  LAZY_TRY(create_module(b, node, &module));
  lazy_status status = add_children(b, module, node);
  if (status == LAZY_STATUS_OK) *out_module = module;
  else drop_module(module);
  return status;
}

lazy_status lazy_module_parse_named(lazy_context *context, const char *text, const char *file_name,
                                    lazy_module **out_module) {
  if (context == NULL || text == NULL)
    return lazy_status_fail(LAZY_STATUS_INVALID_VALUE, "no context or no text");
  lazyi_text_source source = {file_name, text, strlen(text)};
  lazyi_text_document document = {0};
  uint64_t first = context->next_ordinal;
  lazy_status status = lazyi_text_read(&source, &document);
  if (status == LAZY_STATUS_OK) {
    builder b = {.context = context, .document = &document};
    status = build_node(&b, &document.nodes.at[0], out_module);
    if (status != LAZY_STATUS_OK) lazyi_context_return_ordinals(context, first, b.made);
    lazyi_text_document_deinit(&document);
  }
  if (status != LAZY_STATUS_OUT_OF_MEMORY) return status;
  return lazy_status_annotate(status, "%s", file_name != NULL ? file_name : "model text");
}

lazy_status lazy_module_parse(lazy_context *context, const char *text, lazy_module **out_module) {
  return lazy_module_parse_named(context, text, NULL, out_module);
}
