/* What the lanes of a warp do together: shuffles, votes, matches, reductions. */
#include "tests/emulator/ops_float.h"

/* Carries out `body` for each group that is complete. In `body`: `group`; rows d and a. */
#define EMU_EACH_GROUP(group) \
  for (uint32_t group; (group = emu_meet(warp, at, &mask, &warp->rows[at->c])) != 0;)

static inline uint64_t *row(emu_warp *warp, uint32_t number) { return warp->rows[number].lane; }

static inline void copy_lanes(uint64_t *to, const uint64_t *from, uint32_t mask) {
  if (mask == ~(uint32_t)0) {
    for (unsigned lane = 0; lane < PTX_LANES; lane++) to[lane] = from[lane];
  } else {
    EMU_EACH_LANE(lane, mask) to[lane] = from[lane];
  }
}

static inline void fill_lanes(uint64_t *to, uint64_t value, uint32_t mask) {
  if (mask == ~(uint32_t)0) {
    for (unsigned lane = 0; lane < PTX_LANES; lane++) to[lane] = value;
  } else {
    EMU_EACH_LANE(lane, mask) to[lane] = value;
  }
}

/* ---- what binding shares ---- */

/* The end of the statement, and the member mask. */
static bool bind_together(ptx_binder *binder, ptx_step step, uint32_t operands, uint32_t members) {
  ptx_instruction *out = binder->out;
  out->kind = PTX_CLASS_MOVE;
  out->step = step;
  out->is_flow = true; /* lanes may wait */
  return ptx_check_end(binder, operands) && (out->c = ptx_source(binder, members, PTX_B32)) != PTX_NO_ROW;
}

/* d, or d|p. */
static bool bind_results(ptx_binder *binder, ptx_type type, uint32_t *out_value, uint32_t *out_predicate) {
  const ptx_operand *result = &binder->statement->operands[0];
  const bool is_pair = result->kind == PTX_OPERAND_PAIR;
  *out_value = ptx_result_operand(binder, is_pair ? &result->elements[0] : result, type, false);
  *out_predicate = PTX_NO_ROW;
  if (*out_value == PTX_NO_ROW || !is_pair) return *out_value != PTX_NO_ROW;
  *out_predicate = ptx_result_operand(binder, &result->elements[1], PTX_PRED, false);
  return *out_predicate != PTX_NO_ROW;
}

/* ---- shfl ---- */

enum { SHUFFLE_UP, SHUFFLE_DOWN, SHUFFLE_BFLY, SHUFFLE_IDX };

/* The lane that a lane would read from, and the one it may not go beyond. */
static inline int source_of(uint32_t mode, int lane, int b, uint32_t control, int *out_most) {
  const int segment = (int)(control >> 8 & 31), clamp = (int)(control & 31);
  *out_most = (lane & segment) | (clamp & ~segment);
  switch (mode) {
    case SHUFFLE_UP: return lane - b;
    case SHUFFLE_DOWN: return lane + b;
    case SHUFFLE_BFLY: return lane ^ b;
    default: return (lane & segment) | (b & ~segment);
  }
}

/* The list: d, p or none, a, b, the control. A lane outside the group has nothing to give: all ones are read.
 */
static void step_shuffle(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t *rows = emu_more_rows(warp, at), mode = at->flags;
  EMU_EACH_GROUP(group) {
    const uint64_t *a = row(warp, rows[2]), *b = row(warp, rows[3]), *control = row(warp, rows[4]);
    uint64_t values[PTX_LANES], in_range[PTX_LANES];
    for (int lane = 0; lane < PTX_LANES; lane++) { /* of others nothing is kept */
      int most, from = source_of(mode, lane, (int)(b[lane] & 31), (uint32_t)control[lane], &most);
      const bool is_in_range = mode == SHUFFLE_UP ? from >= most : from <= most;
      from = is_in_range ? from : lane;
      values[lane] = (group >> from & 1) != 0 ? a[from] : UINT32_MAX;
      in_range[lane] = is_in_range;
    }
    copy_lanes(row(warp, rows[0]), values, group);
    if (rows[1] != PTX_NO_ROW) copy_lanes(row(warp, rows[1]), in_range, group);
  }
}

static bool bind_shuffle(ptx_binder *binder) {
  static const char *const modes[] = {"up", "down", "bfly", "idx", NULL};
  const int mode = ptx_take(binder, "sync") ? ptx_take_one(binder, modes) : -1;
  if (mode < 0) return ptx_refuse(binder, "it is .sync.up, .down, .bfly or .idx");
  if (!ptx_take(binder, "b32")) return ptx_refuse(binder, "a shuffle is of .b32");
  if (!bind_together(binder, step_shuffle, 5, 4)) return false;
  uint32_t result, predicate;
  if (!bind_results(binder, PTX_B32, &result, &predicate)) return false;
  const uint32_t rows[] = {result, predicate, ptx_source(binder, 1, PTX_B32), ptx_source(binder, 2, PTX_B32),
                           ptx_source(binder, 3, PTX_B32)};
  for (unsigned i = 0; i < 5; i++) {
    if (rows[i] == PTX_NO_ROW && i != 1) return false;
    ptx_more(binder, rows[i]);
  }
  binder->out->flags = (uint32_t)mode;
  return true;
}

/* ---- vote, activemask ---- */

enum { VOTE_ALL, VOTE_ANY, VOTE_UNI, VOTE_BALLOT, VOTE_NEGATED };

static void step_vote(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const uint32_t which = at->flags & 3, flip = (at->flags & VOTE_NEGATED) != 0 ? ~(uint32_t)0 : 0;
  EMU_EACH_GROUP(group) {
    const uint32_t holds = (emu_lanes_of(&warp->rows[at->a]) ^ flip) & group;
    uint64_t result = holds;
    if (which == VOTE_ALL) result = holds == group;
    if (which == VOTE_ANY) result = holds != 0;
    if (which == VOTE_UNI) result = holds == 0 || holds == group;
    fill_lanes(row(warp, at->d), result, group);
  }
}

static bool bind_vote(ptx_binder *binder) {
  static const char *const names[] = {"all", "any", "uni", "ballot", NULL};
  const int which = ptx_take(binder, "sync") ? ptx_take_one(binder, names) : -1;
  if (which < 0) return ptx_refuse(binder, "it is .sync.all, .any, .uni or .ballot");
  const bool is_ballot = which == VOTE_BALLOT;
  if (!ptx_take(binder, is_ballot ? "b32" : "pred")) return ptx_refuse(binder, "a vote of another type");
  if (!bind_together(binder, step_vote, 3, 2)) return false;
  ptx_instruction *out = binder->out;
  bool is_negated = false;
  out->d = ptx_result(binder, 0, is_ballot ? PTX_B32 : PTX_PRED);
  out->a = ptx_source_negatable(binder, 1, &is_negated);
  out->flags = (uint32_t)which | (is_negated ? VOTE_NEGATED : 0u);
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
}

static void step_active(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  fill_lanes(row(warp, at->d), mask, mask);
}

static bool bind_active(ptx_binder *binder) {
  if (!ptx_take(binder, "b32")) return ptx_refuse(binder, "activemask is .b32");
  binder->out->kind = PTX_CLASS_MOVE;
  binder->out->step = step_active;
  return ptx_check_end(binder, 1) && (binder->out->d = ptx_result(binder, 0, PTX_B32)) != PTX_NO_ROW;
}

/* ---- match ---- */

static uint32_t equals(const uint64_t *a, uint64_t value, uint32_t group) {
  uint32_t found = 0;
  EMU_EACH_LANE(lane, group) found |= (uint32_t)(a[lane] == value) << lane;
  return found;
}

static void step_match_any(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_GROUP(group) {
    const uint64_t *a = row(warp, at->a);
    uint64_t values[PTX_LANES] = {0};
    for (uint32_t left = group, same; left != 0; left &= ~same) {
      same = equals(a, a[__builtin_ctz(left)], left);
      fill_lanes(values, same, same);
    }
    copy_lanes(row(warp, at->d), values, group);
  }
}

/* b: the row of the predicate, or none */
static void step_match_all(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_GROUP(group) {
    const uint64_t *a = row(warp, at->a);
    const bool all = equals(a, a[__builtin_ctz(group)], group) == group;
    fill_lanes(row(warp, at->d), all ? group : 0, group);
    if (at->b != PTX_NO_ROW) fill_lanes(row(warp, at->b), all, group);
  }
}

static bool bind_match(ptx_binder *binder) {
  static const char *const names[] = {"any", "all", NULL};
  const int which = ptx_take_one(binder, names);
  if (which < 0 || !ptx_take(binder, "sync")) return ptx_refuse(binder, "it is .any.sync or .all.sync");
  const ptx_type type = ptx_take_type(binder, 1u << PTX_B32 | 1u << PTX_B64);
  if (type == PTX_TYPE_NONE) return false;
  if (!bind_together(binder, which == 0 ? step_match_any : step_match_all, 3, 2)) return false;
  ptx_instruction *out = binder->out;
  if (!bind_results(binder, PTX_B32, &out->d, &out->b)) return false;
  if (which == 0 && out->b != PTX_NO_ROW) return ptx_refuse(binder, "match.any yields no predicate");
  return (out->a = ptx_source(binder, 1, type)) != PTX_NO_ROW;
}

/* ---- redux ---- */

enum { REDUX_ADD, REDUX_MIN, REDUX_MAX, REDUX_AND, REDUX_OR, REDUX_XOR };

static uint32_t reduce(uint32_t which, bool is_signed, uint32_t x, uint32_t y) {
  const bool is_less = is_signed ? (int32_t)x < (int32_t)y : x < y;
  switch (which) {
    case REDUX_ADD: return x + y;
    case REDUX_MIN: return is_less ? x : y;
    case REDUX_MAX: return is_less ? y : x;
    case REDUX_AND: return x & y;
    case REDUX_OR: return x | y;
    default: return x ^ y;
  }
}

static void step_reduce(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_GROUP(group) {
    const uint64_t *a = row(warp, at->a);
    uint32_t result = (uint32_t)a[__builtin_ctz(group)];
    EMU_EACH_LANE(lane, group & (group - 1))
    result = reduce(at->flags, at->type == PTX_S32, result, (uint32_t)a[lane]);
    fill_lanes(row(warp, at->d), result, group);
  }
}

/* redux.sync.op.f32: min and max{.abs}{.NaN} */
enum { REDUX_SIZES = 8, REDUX_NAN = 16 };

static void step_reduce_number(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  const emu_operation which = (at->flags & 7) == REDUX_MIN ? EMU_MIN : EMU_MAX;
  const uint32_t flags =
      emu_float_flags(which, EMU_FORMAT_F32) | ((at->flags & REDUX_NAN) != 0 ? EMU_NAN : 0u);
  const uint64_t kept = (at->flags & REDUX_SIZES) != 0 ? INT32_MAX : UINT32_MAX;
  EMU_EACH_GROUP(group) {
    const uint64_t *a = row(warp, at->a);
    uint64_t result = a[__builtin_ctz(group)] & kept;
    EMU_EACH_LANE(lane, group) result = emu_compute(flags, result, a[lane] & kept, 0);
    fill_lanes(row(warp, at->d), result, group);
  }
}

static bool bind_reduce(ptx_binder *binder) {
  static const char *const names[] = {"add", "min", "max", "and", "or", "xor", NULL};
  const int which = ptx_take(binder, "sync") ? ptx_take_one(binder, names) : -1;
  if (which < 0) return ptx_refuse(binder, "it is .sync.add, .min, .max, .and, .or or .xor");
  ptx_instruction *out = binder->out;
  uint32_t flags = (uint32_t)which;
  if (ptx_take(binder, "abs")) flags |= REDUX_SIZES;
  if (ptx_take(binder, "NaN")) flags |= REDUX_NAN;
  uint32_t allowed = which >= REDUX_AND ? 1u << PTX_B32 : 1u << PTX_U32 | 1u << PTX_S32;
  if (which == REDUX_MIN || which == REDUX_MAX) allowed |= 1u << PTX_F32;
  if (flags != (uint32_t)which) allowed &= 1u << PTX_F32;
  const ptx_type type = ptx_take_type(binder, allowed);
  if (type == PTX_TYPE_NONE) return false;
  if (!bind_together(binder, type == PTX_F32 ? step_reduce_number : step_reduce, 3, 2)) return false;
  out->flags = flags;
  out->type = (uint8_t)type;
  out->d = ptx_result(binder, 0, type);
  out->a = ptx_source(binder, 1, type);
  return out->d != PTX_NO_ROW && out->a != PTX_NO_ROW;
}

/* ---- elect ---- */

/* The lowest lane is elected. b: the row of the predicate */
static void step_elect(emu_warp *warp, const ptx_instruction *at, uint32_t mask) {
  EMU_EACH_GROUP(group) {
    const unsigned leader = (unsigned)__builtin_ctz(group);
    fill_lanes(row(warp, at->d), leader, group);
    if (at->b == PTX_NO_ROW) continue;
    EMU_EACH_LANE(lane, group) row(warp, at->b)[lane] = lane == leader;
  }
}

static bool bind_elect(ptx_binder *binder) {
  if (!ptx_take(binder, "sync")) return ptx_refuse(binder, "elect is .sync");
  return bind_together(binder, step_elect, 2, 1) &&
         bind_results(binder, PTX_B32, &binder->out->d, &binder->out->b);
}

const ptx_opcode ptx_opcodes_warp[] = {
    {"shfl", bind_shuffle}, {"vote", bind_vote},    {"activemask", bind_active},
    {"match", bind_match},  {"redux", bind_reduce}, {"elect", bind_elect},
    {NULL, NULL},
};
