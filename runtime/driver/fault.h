/* The fault provider: another driver table, with every call counted, logged and able to fail. For tests.

   One per process, as a driver is: the settings and counts below are shared by every device opened through
   it. Nothing here allocates, so that counting does not disturb what is counted. Thread-safe. */
#ifndef LAZYI_DRIVER_FAULT_H
#define LAZYI_DRIVER_FAULT_H

#include <lazyrt/driver.h>

/* The table around `inner`; static storage. INVALID_STATE while it wraps another. */
LAZY_MUST_USE lazy_status lazyi_fault_driver(const lazy_driver *inner, const lazy_driver **out_driver);

/* Forgets counts, log, armed failures and the cap; the peak becomes what is live. Blocks stay known. */
void lazyi_fault_reset(void);

/* Calls of one row (LAZY_DRIVER_CALL_mem_alloc, ...) since the reset, failed ones included. */
uint64_t lazyi_fault_count(int row);
/* Calls of all rows since the reset but get_error_name, which reporting a failure calls. */
uint64_t lazyi_fault_total(void);
/* The row's field name, "mem_alloc"; "?" for a number that is none. Static storage. */
const char *lazyi_fault_row_name(int row);

/* The n-th call from now (1 = the next) fails with `result`; `row` counts calls of that row alone. One
   failure of each kind is armed at a time; n = 0 disarms. get_error_name never fails. A row that gives
   something back (frees, destroys, unloads, releases, pops) does its work and then reports the failure, as a
   driver does for the error of earlier work; any other row does nothing. */
void lazyi_fault_fail_at(uint64_t n, int result);
void lazyi_fault_fail_row_at(int row, uint64_t n, int result);
/* The n-th call from now and every later one fail with `result`, as on a device that is lost; a host device
   behind it is lost with it, work that waits is dropped. n = 0 disarms, and ends the loss here. */
void lazyi_fault_lose_at(uint64_t n, int result);
/* Failures made so far, since the reset: whether an armed one was reached. */
uint64_t lazyi_fault_failures(void);

/* mem_alloc beyond this many live bytes is OUT_OF_MEMORY; SIZE_MAX for no cap. */
void lazyi_fault_cap_bytes(size_t bytes);
/* Device memory live now, and the most since the reset: the sum of the bytes asked for. */
size_t lazyi_fault_live_bytes(void);
size_t lazyi_fault_peak_bytes(void);

/* One call; `bytes` of allocations, copies and fills (0 else), `stream` of the rows that take one (NULL
 * else). */
typedef struct lazyi_fault_entry {
  int row, result;
  lazy_driver_stream stream;
  size_t bytes;
} lazyi_fault_entry;
enum { LAZYI_FAULT_LOG_ENTRIES = 8192 };
/* Calls logged since the reset; the log keeps the last LAZYI_FAULT_LOG_ENTRIES. */
uint64_t lazyi_fault_log_count(void);
/* The call of that number, 0 the first since the reset; false if it is not, or no longer, in the log. */
bool lazyi_fault_log_at(uint64_t index, lazyi_fault_entry *out_entry);

#endif
