/* A plan's run as a graph of the driver: captured once, then one call. */
#include "runtime/graph/plan.h"

bool lazyi_capture_is_possible(const lazyi_device *device) {
  const lazy_driver *driver = device->driver;
  return driver->stream_begin_capture != NULL && driver->stream_end_capture != NULL &&
         driver->graph_instantiate != NULL && driver->graph_launch != NULL &&
         driver->graph_exec_destroy != NULL && driver->graph_destroy != NULL;
}

void lazyi_capture_drop(lazyi_capture *capture) {
  if (capture->device != NULL) (void)capture->device->driver->graph_exec_destroy(capture->exec);
  *capture = (lazyi_capture){.seen = capture->seen};
}

/* The capture is ended in any case, so that the stream takes work again. */
static lazy_status record(const lazyi_capture_job *job, lazy_driver_graph *out_graph) {
  const lazyi_device *device = job->device;
  LAZY_TRY(
      LAZYI_DRIVER(device, stream_begin_capture, job->capture_stream, LAZY_DRIVER_CAPTURE_MODE_THREAD_LOCAL));
  lazy_status status = job->queue(job->user, job->capture_stream);
  if (status != LAZY_STATUS_OK) {
    (void)device->driver->stream_end_capture(job->capture_stream, out_graph);
    return lazy_status_annotate(status, "while the run was captured");
  }
  return LAZYI_DRIVER(device, stream_end_capture, job->capture_stream, out_graph);
}

static lazy_status capture(const lazyi_capture_job *job) {
  const lazyi_device *device = job->device;
  lazy_driver_graph graph = NULL;
  lazy_driver_exec exec = NULL;
  lazy_status status = record(job, &graph);
  if (status == LAZY_STATUS_OK) status = LAZYI_DRIVER(device, graph_instantiate, &exec, graph, 0);
  if (graph != NULL) (void)device->driver->graph_destroy(graph);
  if (status != LAZY_STATUS_OK) return status;
  *job->capture = (lazyi_capture){device, exec, job->slab, job->capture->seen};
  return LAZY_STATUS_OK;
}

lazy_status lazyi_capture_run(const lazyi_capture_job *job) {
  if (job->capture->device != NULL && job->capture->slab != job->slab) lazyi_capture_drop(job->capture);
  if (job->capture->device == NULL) LAZY_TRY(capture(job));
  return LAZYI_DRIVER(job->device, graph_launch, job->capture->exec, job->stream);
}
