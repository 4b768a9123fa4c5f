/* Commands of streams as the checkers know them: what each knew when it began, and the sets of those that
   used a place. A launch is as many actors as it has blocks, any other command one; the numbers of actors are
   never used again, so that a mark in memory says who left it. */
#ifndef LAZYRT_TESTS_EMULATOR_COMMANDS_H
#define LAZYRT_TESTS_EMULATOR_COMMANDS_H

#include <pthread.h>

#include "tests/emulator/checks.h"
#include "tests/emulator/clock.h"

/* What stays of a command for good. */
typedef struct emu_past_command {
  uint32_t actor, actors;     /* the first, and how many */
  uint32_t timeline, tick;    /* its place in the order: timeline 0 is known to everybody */
  uint64_t number;            /* of the process's commands, from 1 */
  uint32_t grid[3], block[3]; /* of a launch */
  const char *name;
} emu_past_command;

typedef struct emu_place emu_place; /* where releases of a launch were left */

/* A command that runs: emu_launch.clock. */
typedef struct emu_command {
  uint32_t *ticks; /* by timeline: the last that it knows */
  uint32_t timelines, timeline, tick;
  bool knows_all; /* outside any stream: after all that was before */
  uint64_t number;
  const char *name;
  _Atomic uint32_t actor; /* 0: none taken yet */
  uint32_t actors, index; /* set before `actor` is */
  pthread_mutex_t lock;   /* of what follows */
  emu_place *places;
  uint32_t place_count, place_capacity;
  _Atomic uint32_t releases; /* places ever left */
} emu_command;

/* The command of a launch, made where nobody gave one. */
emu_command *emu_command_of(emu_launch *launch);
/* Takes its actors, the first time: the first of them. */
uint32_t emu_command_actors(emu_command *command, uint32_t count, const emu_shape *shape);
/* The number and the command of an actor. */
uint32_t emu_command_index(uint32_t actor);
const emu_past_command *emu_command_at(uint32_t index);
/* Whether that one ended before this began, by what both waited for. */
bool emu_command_knows(const emu_command *command, uint32_t index);

/* Sets of commands that used a place since it was last written, by number; 0 is empty. An element is a
   command's index with these flags. */
enum { EMU_SET_STRONG = 1, EMU_SET_WRITE = 2, EMU_SET_SHIFT = 2 };
/* The set with a use by this command in it, without those that this use stands for. */
uint32_t emu_set_add(emu_command *command, uint32_t set, uint32_t flags);
/* The set with a use of another command in it. */
uint32_t emu_set_add_other(uint32_t set, uint32_t element);
/* An element that conflicts with an access of this command and is not known to it. */
bool emu_set_conflict(const emu_command *command, uint32_t set, emu_access access, uint32_t *out_element);

#endif
