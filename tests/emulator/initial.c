/* Initial values of variables: lists in braces, numbers, addresses of other variables. */
#include <string.h>

#include "tests/emulator/reader.h"

enum { MOST_INITIAL_BYTES = 64 << 20 };

typedef struct filler {
  ptx_reader *reader;
  ptx_variable *variable;
  const ptx_dims *dims;
  ptx_type type;
  uint64_t end; /* of the whole, UINT64_MAX if it is not known */
} filler;

static void store(const filler *fill, uint64_t at, uint64_t bits, uint32_t line) {
  ptx_reader *reader = fill->reader;
  const unsigned bytes = ptx_type_bytes(fill->type);
  if (at + bytes > MOST_INITIAL_BYTES) ptx_fail(reader, line, "initial values of more than 64 MiB");
  if (at + bytes > reader->initial.count) {
    const size_t extra = at + bytes - reader->initial.count;
    if (lazyi_vector_reserve(&reader->initial, extra) != LAZY_STATUS_OK) ptx_fail_memory(reader);
    memset(reader->initial.at + reader->initial.count, 0, extra);
    reader->initial.count += extra;
  }
  memcpy(reader->initial.at + at, &bits, bytes < 8 ? bytes : 8);
}

static void store_address(const filler *fill, uint64_t at, const ptx_value *value, uint64_t mask,
                          uint32_t line) {
  ptx_reader *reader = fill->reader;
  const unsigned bytes = ptx_type_bytes(fill->type);
  const uint32_t shift = (uint32_t)__builtin_ctzll(mask);
  const uint64_t whole = bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << bytes * 8) - 1;
  if (mask >> shift != whole || shift % 8 != 0 || bytes > 8)
    ptx_fail(reader, line, "an address does not fit an element of %u bytes", bytes);
  if (value->kind == PTX_OPERAND_FUNCTION) {
    store(fill, at, ptx_function_address(value->function) >> shift, line);
    return;
  }
  if (value->variable->space != PTX_GLOBAL && value->variable->space != PTX_CONST)
    ptx_fail(reader, line, "'%s' has no address before a launch", value->variable->name);
  store(fill, at, 0, line);
  ptx_push(reader, &reader->addresses,
           (ptx_initial_address){.in = fill->variable,
                                 .at = at,
                                 .variable = value->variable,
                                 .bits = value->bits,
                                 .shift = shift,
                                 .bytes = bytes,
                                 .is_generic = value->is_generic});
}

static void read_element(const filler *fill, uint64_t at) {
  ptx_reader *reader = fill->reader;
  const ptx_token token = reader->lexer.token;
  if (token.kind == PTX_TOKEN_INTEGER && token.bits != 0 && ptx_lexer_peek(&reader->lexer) == '(') {
    ptx_next(reader); /* a mask: 0xFF00(address) */
    ptx_next(reader);
    const ptx_value value = ptx_value_read(reader);
    ptx_expect_sign(reader, ')');
    if (value.kind != PTX_OPERAND_VARIABLE && value.kind != PTX_OPERAND_FUNCTION)
      ptx_fail(reader, token.line, "a mask is of an address");
    store_address(fill, at, &value, token.bits, token.line);
    return;
  }
  const ptx_value value = ptx_value_read(reader);
  if (value.kind == PTX_OPERAND_VARIABLE || value.kind == PTX_OPERAND_FUNCTION) {
    store_address(fill, at, &value, UINT64_MAX, token.line);
    return;
  }
  uint64_t bits;
  if (!ptx_number_bits(value.kind == PTX_OPERAND_FLOAT, value.type, value.bits, value.number, fill->type,
                       &bits))
    ptx_fail(reader, token.line, "a number that the variable's type cannot hold");
  store(fill, at, bits, token.line);
}

/* What lies in the braces of the dimension `level`, which begins at `start`; the end of what was filled. */
static uint64_t read_list(const filler *fill, uint32_t level, uint64_t start) {
  ptx_reader *reader = fill->reader;
  const uint64_t element = ptx_type_bytes(fill->type);
  uint64_t within = element, at = start;
  for (uint32_t i = level + 1; i < fill->dims->count; i++) within *= fill->dims->size[i];
  const uint64_t end = level == 0                  ? fill->end
                       : level < fill->dims->count ? start + within * fill->dims->size[level]
                                                   : start + element;
  ptx_expect_sign(reader, '{');
  while (!ptx_at_sign(reader, '}')) {
    const uint32_t line = reader->lexer.token.line;
    if (at >= end) ptx_fail(reader, line, "more initial values than '%s' has elements", fill->variable->name);
    if (ptx_at_sign(reader, '{')) {
      if (level >= fill->dims->count || (at - start) % within != 0)
        ptx_fail(reader, line, "a list of initial values where an element is expected");
      read_list(fill, level + 1, at);
      at += within;
    } else {
      read_element(fill, at);
      at += element;
    }
    if (!ptx_take_sign(reader, ',')) break;
  }
  ptx_expect_sign(reader, '}');
  return at;
}

void ptx_read_initial(ptx_reader *reader, ptx_variable *variable, ptx_type type, ptx_dims *dims) {
  const uint32_t line = reader->lexer.token.line;
  const bool is_open = dims->count > 0 && dims->size[0] == 0;
  const filler fill = {reader, variable, dims, type, is_open ? UINT64_MAX : variable->bytes};
  reader->initial.count = 0;
  uint64_t end = 0;
  if (dims->count > 0 || ptx_at_sign(reader, '{')) {
    end = read_list(&fill, 0, 0);
  } else {
    read_element(&fill, 0);
  }
  if (is_open) {
    uint64_t row = ptx_type_bytes(type);
    for (uint32_t i = 1; i < dims->count; i++) row *= dims->size[i];
    dims->size[0] = (end + row - 1) / row;
    if (dims->size[0] == 0) ptx_fail(reader, line, "'%s' has no elements", variable->name);
    variable->bytes = dims->size[0] * row;
  }
  reader->initial_bytes += variable->bytes;
  if (variable->bytes > MOST_INITIAL_BYTES || reader->initial_bytes > MOST_INITIAL_BYTES)
    ptx_fail(reader, line, "initial values of more than 64 MiB");
  unsigned char *initial = ptx_take_memory(reader, &reader->storage, variable->bytes);
  if (reader->initial.count > 0) memcpy(initial, reader->initial.at, reader->initial.count);
  variable->initial = initial;
}
