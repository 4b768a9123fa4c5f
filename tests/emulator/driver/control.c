/* The table that the tests find by its name. */
#include "tests/emulator/control.h"

#include "runtime/driver/host_state.h"
#include "tests/emulator/checks.h"
#include "tests/emulator/counters.h"

static void wrote(lazy_driver_address address, size_t bytes) {
  pthread_mutex_lock(&lazyi_host.lock);
  emu_check_written(address, bytes);
  pthread_mutex_unlock(&lazyi_host.lock);
}
static void set_checks(bool on) { emu_checks_on = on; }

extern LAZY_API const emu_control emu_control_table;
const emu_control emu_control_table = {
    .set_strict = lazyi_host_set_strict,
    .set_order = lazyi_host_set_order,
    .set_schedule = lazyi_host_set_schedule,
    .fault_at = lazyi_host_fault_at,
    .lose = lazyi_host_lose,
    .live = lazyi_host_live,
    .damaged = lazyi_host_damaged,
    .adopt = lazyi_host_adopt,
    .give_up = lazyi_host_give_up,
    .wrote = wrote,
    .report_count = emu_report_count,
    .report_text = emu_report_text,
    .report_clear = emu_report_clear,
    .set_checks = set_checks,
    .count_launches = emu_count_launches,
    .last_launch = emu_counters_latest,
};
