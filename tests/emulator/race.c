/* Who used a place before, and whether that was in order. */
#include <string.h>

#include "tests/emulator/block_order.h"

enum { UNIT_LOG_MOST = EMU_GROUP_LOG, UNIT_LOG_INLINE = 2 };

static inline emu_unit *units_of(emu_group *group) {
  return group->unit_log < UNIT_LOG_INLINE ? group->fine : group->units;
}

void emu_group_renew(emu_group *group, uint32_t stamp, bool written, uint32_t writer, uint32_t set) {
  group->stamp = stamp;
  group->unit_log = UNIT_LOG_MOST;
  group->written = written ? 0xffff : 0;
  group->units[0] = (emu_unit){.writer = writer, .who = EMU_WHO_WRITE, .set = set};
}

/* Makes units as fine as that; each part takes over what was known of the whole. */
static void split(emu_group *group, uint8_t unit_log) {
  emu_unit old[EMU_GROUP_BYTES / 2];
  unsigned shift = group->unit_log - unit_log, count = (unsigned)EMU_GROUP_BYTES >> unit_log;
  memcpy(old, units_of(group), (count >> shift) * sizeof *old);
  if (unit_log < UNIT_LOG_INLINE && (group->fine == NULL || group->fine_log != unit_log)) {
    if (group->fine != NULL) emu_units_give(group->fine, (unsigned)EMU_GROUP_BYTES >> group->fine_log);
    group->fine = emu_units_take(count);
    group->fine_log = unit_log;
  }
  group->unit_log = unit_log;
  emu_unit *units = units_of(group);
  for (unsigned i = 0; i < count; i++) units[i] = old[i >> shift];
}

static inline uint8_t log_of(uint32_t offset, uint32_t bytes) {
  return (uint8_t)__builtin_ctz(offset | bytes | EMU_GROUP_BYTES);
}

void emu_group_clear(emu_group *group, uint32_t offset, uint32_t bytes, bool written) {
  uint16_t mask = (uint16_t)(((1u << bytes) - 1) << offset);
  uint8_t log = log_of(offset, bytes);
  group->written = written ? group->written | mask : group->written & (uint16_t)~mask;
  if (log < group->unit_log) split(group, log);
  emu_unit *units = units_of(group);
  for (uint32_t i = offset >> group->unit_log; i < (offset + bytes) >> group->unit_log; i++)
    units[i] = (emu_unit){.writer = 0};
}

/* What this thread found out about other commands last. */
static _Thread_local struct {
  uint64_t command;
  uint32_t from, to;        /* actors of a command that is known */
  uint32_t set, set_access; /* a set without conflict */
} seen;

static inline void look_anew(const emu_user *user) {
  if (seen.command == user->command->number) return;
  seen.command = user->command->number;
  seen.from = seen.to = seen.set = 0;
}

static bool knows_command_of(const emu_user *user, uint32_t actor, uint32_t *out_index) {
  if (actor >= seen.from && actor < seen.to) return true;
  uint32_t index = emu_command_index(actor);
  *out_index = index;
  if (!emu_command_knows(user->command, index)) return false;
  seen.from = emu_command_at(index)->actor;
  seen.to = seen.from + emu_command_at(index)->actors;
  return true;
}

static bool knows_set(const emu_user *user, uint32_t set, emu_access access, uint32_t *out_element) {
  if (set == 0 || (set == seen.set && access == seen.set_access)) return true;
  if (emu_set_conflict(user->command, set, access, out_element)) return false;
  seen.set = set;
  seen.set_access = access;
  return true;
}

static inline bool may_conflict(uint32_t who, emu_access access, bool in_block) {
  if ((access & EMU_WRITE) == 0 && (who & EMU_WHO_WRITE) == 0) return false;
  if ((access & EMU_STRONG) == 0 || (who & EMU_WHO_STRONG) == 0) return true;
  return !in_block && ((access & EMU_OF_BLOCK) != 0 || (who & EMU_WHO_OF_BLOCK) != 0);
}

static void told(emu_conflict *conflict, emu_conflict_kind kind, uint32_t actor, uint32_t who,
                 uint32_t index) {
  if (conflict->kind != EMU_NO_CONFLICT) return;
  *conflict = (emu_conflict){kind, conflict->unwritten, actor, who, index};
}

static inline bool is_of_launch(const emu_user *user, uint32_t actor) {
  return actor - user->first < user->actors;
}

/* A use by one thread of this launch. Lanes of a warp that store by one instruction at one time are in no
   order, and need none: one of the values is stored. */
static bool is_ordered(const emu_user *user, uint32_t actor, uint32_t thread, uint32_t time) {
  if (actor == user->actor)
    return (time == user->time && thread / PTX_LANES == user->thread / PTX_LANES) ||
           emu_order_knows_own(user->order, user->thread, thread, time);
  return emu_order_knows(user->order, user->thread, actor, thread, time);
}

static void check_writer(const emu_unit *unit, const emu_user *user, emu_access access,
                         emu_conflict *conflict) {
  if (is_of_launch(user, unit->writer)) {
    bool in_block = unit->writer == user->actor;
    if (!may_conflict(unit->who, access, in_block) ||
        is_ordered(user, unit->writer, emu_who_thread(unit->who), unit->time))
      return;
    told(conflict, in_block ? EMU_IN_BLOCK : EMU_IN_LAUNCH, unit->writer, unit->who, 0);
  } else if (may_conflict(unit->who, access, false)) {
    uint32_t index;
    if (!knows_command_of(user, unit->writer, &index))
      told(conflict, EMU_AMONG_COMMANDS, unit->writer, unit->who, index);
  }
}

static bool mark_is_ordered(const emu_user *user, const emu_mark *mark, uint32_t *out_thread) {
  uint32_t warp = emu_who_thread(mark->who) & ~(uint32_t)(PTX_LANES - 1);
  EMU_EACH_LANE(lane, mark->lanes) {
    if (is_ordered(user, mark->actor, warp + lane, mark->time)) continue;
    *out_thread = warp + lane;
    return false;
  }
  return true;
}

static void check_others(const emu_unit *unit, const emu_user *user, emu_access access,
                         emu_conflict *conflict) {
  for (int i = 0; i < 2; i++) {
    const emu_mark *mark = &unit->others[i];
    uint32_t thread;
    if (mark->actor == 0 || !is_of_launch(user, mark->actor)) continue;
    bool in_block = mark->actor == user->actor;
    if (!may_conflict(mark->who, access, in_block) || mark_is_ordered(user, mark, &thread)) continue;
    uint32_t who = (mark->who & ~(uint32_t)1023) | thread;
    told(conflict, in_block ? EMU_IN_BLOCK : EMU_IN_LAUNCH, mark->actor, who, 0);
  }
}

/* Whoever comes after a use with these flags comes after the mark's too, which is over. */
static bool is_superseded(const emu_user *user, const emu_mark *mark, uint32_t who) {
  uint32_t thread;
  if (mark->actor == 0 || !is_of_launch(user, mark->actor)) return true;
  if ((who & EMU_WHO_STRONG) != 0 && (mark->who & EMU_WHO_STRONG) == 0) return false;
  if ((mark->who & EMU_WHO_WRITE) != 0 && (who & EMU_WHO_WRITE) == 0) return false;
  return mark_is_ordered(user, mark, &thread) && mark->time != user->time;
}

static void note_use(emu_unit *unit, const emu_user *user, uint32_t who) {
  uint32_t bit = (uint32_t)1 << user->thread % PTX_LANES;
  emu_mark *to = NULL;
  for (int i = 0; i < 2; i++) {
    emu_mark *mark = &unit->others[i];
    if (mark->actor == user->actor && emu_who_thread(mark->who ^ who) < PTX_LANES &&
        ((mark->who ^ who) & (EMU_WHO_STRONG | EMU_WHO_WRITE | EMU_WHO_OF_BLOCK)) == 0 &&
        mark->time >= user->order->warps[user->thread / PTX_LANES].latest) {
      /* No lane of the warp has met anybody since: the uses stand in order with the same others. */
      mark->who = who;
      mark->time = user->time;
      mark->lanes |= bit;
      return;
    }
    if (to == NULL && is_superseded(user, mark, who)) to = mark;
  }
  if (to == NULL) to = &unit->others[1];
  *to = (emu_mark){user->actor, who, user->time, bit};
}

static void write_unit(emu_unit *unit, const emu_user *user, uint32_t who, emu_access access,
                       emu_conflict *conflict) {
  uint32_t element;
  if (user->order != NULL) check_others(unit, user, access, conflict);
  if (!user->is_shared && !knows_set(user, unit->set, access, &element))
    told(conflict, EMU_AMONG_COMMANDS, 0, (element & EMU_SET_WRITE) != 0 ? EMU_WHO_WRITE : 0,
         element >> EMU_SET_SHIFT);
  if ((access & EMU_STRONG) == 0) {
    *unit = (emu_unit){.writer = user->actor, .who = who, .time = user->time};
    return;
  }
  /* Others that are strong too go on beside it. */
  if (unit->writer != 0 && (unit->who & EMU_WHO_STRONG) != 0 && unit->writer != user->actor &&
      !is_of_launch(user, unit->writer) && !user->is_shared) {
    uint32_t index;
    if (!knows_command_of(user, unit->writer, &index))
      unit->set = emu_set_add_other(unit->set, index << EMU_SET_SHIFT | EMU_SET_STRONG | EMU_SET_WRITE);
  } else if (user->order != NULL && unit->writer != 0 && is_of_launch(user, unit->writer) &&
             (unit->who & EMU_WHO_STRONG) != 0) {
    emu_mark last = {unit->writer, unit->who, unit->time, (uint32_t)1 << unit->who % PTX_LANES};
    if (!is_superseded(user, &last, who)) {
      emu_mark *to = is_superseded(user, &unit->others[0], who) ? &unit->others[0] : &unit->others[1];
      if (to->actor != last.actor || emu_who_thread(to->who ^ last.who) >= PTX_LANES ||
          (to->who & EMU_WHO_WRITE) == 0)
        *to = last;
      else *to = (emu_mark){last.actor, last.who, last.time, to->lanes | last.lanes};
    }
  }
  for (int i = 0; i < 2; i++)
    if (is_superseded(user, &unit->others[i], who)) unit->others[i].actor = 0;
  if (unit->set != 0) unit->set = emu_set_add(user->command, unit->set, EMU_SET_STRONG | EMU_SET_WRITE);
  unit->writer = user->actor;
  unit->who = who;
  unit->time = user->time;
}

static void read_unit(emu_unit *unit, const emu_user *user, uint32_t who, emu_access access,
                      emu_conflict *conflict) {
  uint32_t element;
  if (user->order != NULL) {
    for (int i = 0; i < 2; i++) /* atomic writes beside the last */
      if (unit->others[i].who & EMU_WHO_WRITE) check_others(unit, user, access, conflict);
    note_use(unit, user, who);
  }
  if (user->is_shared) return;
  if (!knows_set(user, unit->set, access, &element))
    told(conflict, EMU_AMONG_COMMANDS, 0, EMU_WHO_WRITE, element >> EMU_SET_SHIFT);
  unit->set = emu_set_add(user->command, unit->set, (access & EMU_STRONG) != 0 ? EMU_SET_STRONG : 0);
}

/* Bytes of whole elements, or of the words of larger ones, of which not one was written. */
static bool reads_nothing(uint32_t written, uint32_t offset, uint32_t bytes, uint32_t element) {
  uint32_t piece = element == 0 || element > 4 ? 4 : element;
  if (piece > bytes) piece = bytes;
  for (uint32_t at = 0; at < bytes; at += piece)
    if ((written >> (offset + at) & ((1u << piece) - 1)) == 0) return true;
  return false;
}

void emu_group_access(emu_group *group, const emu_user *user, uint32_t offset, uint32_t bytes,
                      uint32_t element, uint32_t line, emu_access access, emu_conflict *conflict) {
  uint32_t mask = ((1u << bytes) - 1) << offset;
  uint8_t log = log_of(offset, bytes);
  uint32_t who = user->thread | (line < EMU_WHO_LINES ? line : EMU_WHO_LINES) << EMU_WHO_LINE |
                 ((access & EMU_WRITE) != 0 ? EMU_WHO_WRITE : 0) |
                 ((access & EMU_STRONG) != 0 ? EMU_WHO_STRONG : 0) |
                 ((access & EMU_OF_BLOCK) != 0 ? EMU_WHO_OF_BLOCK : 0);
  look_anew(user);
  if ((access & EMU_READ) != 0 && (group->written & mask) != mask && user->order != NULL &&
      reads_nothing(group->written, offset, bytes, element))
    conflict->unwritten = true;
  if ((access & EMU_WRITE) != 0) group->written |= (uint16_t)mask;
  if (log < group->unit_log) split(group, log);
  emu_unit *units = units_of(group);
  for (uint32_t i = offset >> group->unit_log; i < (offset + bytes) >> group->unit_log; i++) {
    if (units[i].writer != 0) check_writer(&units[i], user, access, conflict);
    if ((access & EMU_WRITE) != 0) write_unit(&units[i], user, who, access, conflict);
    else read_unit(&units[i], user, who, access, conflict);
  }
}

void emu_base_access(emu_base *base, const emu_user *user, emu_access access, emu_conflict *conflict) {
  emu_unit unit = {.writer = base->writer, .who = EMU_WHO_WRITE, .set = base->set};
  look_anew(user);
  if (unit.writer != 0) check_writer(&unit, user, access, conflict);
  if ((access & EMU_WRITE) != 0) write_unit(&unit, user, EMU_WHO_WRITE, access, conflict);
  else read_unit(&unit, user, 0, access, conflict);
  base->writer = unit.writer;
  base->set = unit.set;
}
