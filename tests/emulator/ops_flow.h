/* What changes where lanes stand: its parts. */
#ifndef LAZYRT_TESTS_EMULATOR_OPS_FLOW_H
#define LAZYRT_TESTS_EMULATOR_OPS_FLOW_H

#include "tests/emulator/run.h"

/* Sets what all of them have, and checks the end of the statement. */
bool emu_bind_flow(ptx_binder *binder, ptx_step step, uint32_t operands);

bool emu_bind_call(ptx_binder *binder); /* ops_call.c */
bool emu_bind_return(ptx_binder *binder);
bool emu_bind_barrier(ptx_binder *binder); /* ops_barrier.c */

#endif
