/* What the checkers remember of memory: for every 16 bytes a group, that says which bytes were written, and
   who wrote and read them last, in units as fine as the accesses are: 16 bytes to 1. Groups are made when a
   page is first used by parts; before that, and after a copy or a fill, a page is the same all over. What a
   group holds counts as long as its stamp is the page's. */
#ifndef LAZYRT_TESTS_EMULATOR_SHADOW_H
#define LAZYRT_TESTS_EMULATOR_SHADOW_H

#include "tests/emulator/commands.h"

enum {
  EMU_GROUP_LOG = 4,
  EMU_GROUP_BYTES = 1 << EMU_GROUP_LOG,
  EMU_PAGE_LOG = 12,
  EMU_PAGE_BYTES = 1 << EMU_PAGE_LOG,
  EMU_PAGE_GROUPS = EMU_PAGE_BYTES / EMU_GROUP_BYTES,
  EMU_CHUNK_LOG = 21,
  EMU_CHUNK_PAGES = 1 << (EMU_CHUNK_LOG - EMU_PAGE_LOG),
};

/* Who did it: thread, line of the PTX, how. */
enum { EMU_WHO_LINE = 10, EMU_WHO_LINES = (1 << 19) - 1 };
#define EMU_WHO_STRONG   ((uint32_t)1 << 29)
#define EMU_WHO_OF_BLOCK ((uint32_t)1 << 30)
#define EMU_WHO_WRITE    ((uint32_t)1 << 31)
static inline uint32_t emu_who_thread(uint32_t who) { return who & 1023; }
static inline uint32_t emu_who_line(uint32_t who) { return who >> EMU_WHO_LINE & EMU_WHO_LINES; }

/* A use: of lanes of a warp. */
typedef struct emu_mark {
  uint32_t actor, who, time, lanes; /* actor 0: none */
} emu_mark;

typedef struct emu_unit {
  uint32_t writer, who, time; /* the last write: actor 0: none */
  uint32_t set;               /* commands that used it since */
  emu_mark others[2];         /* uses since, by threads of the launch that used it last */
} emu_unit;

typedef struct emu_group {
  atomic_uchar lock;
  uint8_t unit_log, fine_log;   /* log2 of bytes: of the units, of those of `fine` */
  _Alignas(2) uint16_t written; /* a bit for each byte */
  uint32_t stamp;
  emu_unit *fine; /* units of 2 bytes or 1; in use where unit_log is fine_log */
  emu_unit units[4];
} emu_group;

/* All over a page, or a chunk. */
typedef struct emu_base {
  _Atomic uint32_t stamp, writer, set;
  atomic_bool written;
} emu_base;

typedef struct emu_page {
  emu_base base;
  _Atomic uint32_t chunk_stamp; /* that the base was taken from, or came after */
  atomic_uchar lock;            /* of the base and of making groups */
  emu_group *_Atomic groups;
} emu_page;

/* Who is at it. */
typedef struct emu_order emu_order;
typedef struct emu_user {
  emu_command *command;
  uint32_t actor, first, actors; /* its own; those of its launch */
  uint32_t thread, time;
  emu_order *order; /* of its block; NULL: a copy or a fill */
  bool is_shared;   /* memory of the block: no other command has it */
} emu_user;

typedef enum emu_conflict_kind {
  EMU_NO_CONFLICT,
  EMU_IN_BLOCK,
  EMU_IN_LAUNCH,
  EMU_AMONG_COMMANDS
} emu_conflict_kind;
typedef struct emu_conflict {
  emu_conflict_kind kind;
  bool unwritten;
  uint32_t actor, who; /* the other; actor 0: a command */
  uint32_t index;      /* its command */
} emu_conflict;

static inline void emu_lock(atomic_uchar *lock) {
  while (atomic_exchange_explicit(lock, 1, memory_order_acquire) != 0)
    while (atomic_load_explicit(lock, memory_order_relaxed) != 0) {
#if defined __x86_64__
      __builtin_ia32_pause();
#endif
    }
}
static inline void emu_unlock(atomic_uchar *lock) { atomic_store_explicit(lock, 0, memory_order_release); }

/* The page of a device address, and its groups, made if there are none. */
emu_page *emu_shadow_page(uint64_t address);
emu_group *emu_shadow_groups(emu_page *page);
uint32_t emu_shadow_stamp(void); /* a new one */
/* Memory for groups, zero or of any past: whole pages of them. */
emu_group *emu_groups_take(void);
void emu_groups_give(emu_group *groups);
/* 8 or 16 units for a group. */
emu_unit *emu_units_take(unsigned count);
void emu_units_give(emu_unit *units, unsigned count);

/* race.c. Under the group's lock: nobody used these bytes. */
void emu_group_clear(emu_group *group, uint32_t offset, uint32_t bytes, bool written);
/* Under the group's lock: makes it that of the stamp. */
void emu_group_renew(emu_group *group, uint32_t stamp, bool written, uint32_t writer, uint32_t set);
static inline void emu_group_check(emu_group *group, const emu_base *base) {
  uint32_t stamp = atomic_load_explicit(&base->stamp, memory_order_relaxed);
  if (group->stamp == stamp) return;
  emu_group_renew(group, stamp, atomic_load_explicit(&base->written, memory_order_relaxed),
                  atomic_load_explicit(&base->writer, memory_order_relaxed),
                  atomic_load_explicit(&base->set, memory_order_relaxed));
}
/* Under the group's lock: an access within it. `element`: bytes of what is read at once. */
void emu_group_access(emu_group *group, const emu_user *user, uint32_t offset, uint32_t bytes,
                      uint32_t element, uint32_t line, emu_access access, emu_conflict *conflict);
/* The same for what is not made of groups: a page, whose writer and set these are. */
void emu_base_access(emu_base *base, const emu_user *user, emu_access access, emu_conflict *conflict);

/* Memory comes (`written`: by the process) or goes. */
void emu_shadow_reset(uint64_t address, uint64_t bytes, bool written);
/* shadow_range.c. A command reads or writes a range. */
void emu_shadow_range(const emu_user *user, uint64_t address, uint64_t bytes, emu_access access,
                      emu_conflict *conflict);
/* Bytes of `to` are as written as those of `from`. */
void emu_shadow_take_over(uint64_t to, uint64_t from, uint64_t bytes);

#endif
