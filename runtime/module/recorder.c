#include "runtime/module/recorder.h"

#include <stdio.h>

lazy_status lazyi_recorder_stick(lazy_recorder *recorder, lazy_status status) {
  if (recorder->status != LAZY_STATUS_OK || status == LAZY_STATUS_OK) return recorder->status;
  recorder->status = status;
  (void)snprintf(recorder->message, sizeof recorder->message, "%s", lazy_status_message());
  return status;
}
