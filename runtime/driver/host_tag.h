/* The tag that strict mode puts on the host provider's device addresses, and how kernels take it off. */
#ifndef LAZYI_DRIVER_HOST_TAG_H
#define LAZYI_DRIVER_HOST_TAG_H

#include <stdint.h>

/* With bit 62 set no x86-64 or AArch64 address is canonical: host code that follows it faults at once.
   Offsets add to a tagged address as to a plain one. */
#define LAZYI_HOST_TAG ((uint64_t)1 << 62)

/* The memory behind a device address, tagged or not. */
static inline uint64_t lazyi_host_untag(uint64_t address) { return address & ~LAZYI_HOST_TAG; }

#endif
