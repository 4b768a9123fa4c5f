/* The driver table: the calls lazyrt makes of a device, with the names and meaning of the CUDA driver API.

   One row per entry. Providers fill the table: `cuda` (libcuda.so.1, opened at run time), `host` (the CPU, in
   this process) and `fault` (wraps another: counts, logs, caps memory, fails the n-th call). Nothing above
   runtime/driver knows which provider it has. Results are CUresult values; outputs are untouched on error. */
#ifndef LAZYRT_DRIVER_H
#define LAZYRT_DRIVER_H

#include <lazyrt/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lazy_driver_context_ *lazy_driver_context;   /* CUcontext */
typedef struct lazy_driver_module_ *lazy_driver_module;     /* CUmodule */
typedef struct lazy_driver_function_ *lazy_driver_function; /* CUfunction */
typedef struct lazy_driver_stream_ *lazy_driver_stream;     /* CUstream */
typedef struct lazy_driver_event_ *lazy_driver_event;       /* CUevent */
typedef struct lazy_driver_graph_ *lazy_driver_graph;       /* CUgraph */
typedef struct lazy_driver_exec_ *lazy_driver_exec;         /* CUgraphExec */
typedef struct lazy_driver_node_ *lazy_driver_node;         /* CUgraphNode */
typedef uint64_t lazy_driver_address;                       /* CUdeviceptr: never followed on the host */

/* CUresult values that lazyrt tells apart. */
enum {
  LAZY_DRIVER_SUCCESS = 0,
  LAZY_DRIVER_INVALID_VALUE = 1,
  LAZY_DRIVER_OUT_OF_MEMORY = 2,
  LAZY_DRIVER_NOT_INITIALIZED = 3,
  LAZY_DRIVER_DEINITIALIZED = 4,
  LAZY_DRIVER_STUB_LIBRARY = 34,
  LAZY_DRIVER_NO_DEVICE = 100,
  LAZY_DRIVER_INVALID_DEVICE = 101,
  LAZY_DRIVER_INVALID_IMAGE = 200,
  LAZY_DRIVER_INVALID_CONTEXT = 201,
  LAZY_DRIVER_NO_BINARY_FOR_GPU = 209,
  LAZY_DRIVER_INVALID_HANDLE = 400,
  LAZY_DRIVER_ILLEGAL_STATE = 401,
  LAZY_DRIVER_NOT_FOUND = 500,
  LAZY_DRIVER_NOT_READY = 600,
  LAZY_DRIVER_ILLEGAL_ADDRESS = 700,
  LAZY_DRIVER_LAUNCH_OUT_OF_RESOURCES = 701,
  LAZY_DRIVER_LAUNCH_FAILED = 719,
  LAZY_DRIVER_NOT_PERMITTED = 800,
  LAZY_DRIVER_NOT_SUPPORTED = 801,
  LAZY_DRIVER_CAPTURE_UNSUPPORTED = 900,
  LAZY_DRIVER_CAPTURE_INVALIDATED = 901,
  LAZY_DRIVER_CAPTURE_MERGE = 902,
  LAZY_DRIVER_CAPTURE_UNMATCHED = 903,
  LAZY_DRIVER_CAPTURE_UNJOINED = 904,
  LAZY_DRIVER_CAPTURE_ISOLATION = 905,
  LAZY_DRIVER_CAPTURED_EVENT = 907,
  LAZY_DRIVER_CAPTURE_WRONG_THREAD = 908,
  LAZY_DRIVER_UNKNOWN = 999,
};

/* Device attributes (CUdevice_attribute) that lazyrt asks for. */
enum {
  LAZY_DRIVER_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 1,
  LAZY_DRIVER_ATTRIBUTE_MAX_SHARED_BYTES_PER_BLOCK = 8,
  LAZY_DRIVER_ATTRIBUTE_WARP_SIZE = 10,
  LAZY_DRIVER_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  LAZY_DRIVER_ATTRIBUTE_INTEGRATED = 18,
  LAZY_DRIVER_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR = 39,
  LAZY_DRIVER_ATTRIBUTE_COMPUTE_MAJOR = 75,
  LAZY_DRIVER_ATTRIBUTE_COMPUTE_MINOR = 76,
};

/* Flags, with CUDA's values. */
enum {
  LAZY_DRIVER_STREAM_NON_BLOCKING = 1,
  LAZY_DRIVER_EVENT_DISABLE_TIMING = 2,
  LAZY_DRIVER_CAPTURE_MODE_GLOBAL = 0,
  LAZY_DRIVER_CAPTURE_MODE_THREAD_LOCAL = 1,
  LAZY_DRIVER_CAPTURE_MODE_RELAXED = 2,
};

/* What stream_is_capturing yields. */
enum { LAZY_DRIVER_CAPTURE_NONE = 0, LAZY_DRIVER_CAPTURE_ACTIVE = 1, LAZY_DRIVER_CAPTURE_DEAD = 2 };

/* CUDA_KERNEL_NODE_PARAMS_v1 */
typedef struct lazy_driver_kernel_node_params {
  lazy_driver_function function;
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
  void **parameters, **extra;
} lazy_driver_kernel_node_params;

/* X(field, symbol, version, required, parameters)
   version: the CUDA release (1000 major + 10 minor) whose ABI of the symbol lazyrt was written for. */
#define LAZY_DRIVER_ROWS(X)                                                                               \
  X(init, "cuInit", 2000, 1, (unsigned flags))                                                            \
  X(driver_get_version, "cuDriverGetVersion", 2020, 1, (int *out_version))                                \
  X(get_error_name, "cuGetErrorName", 6000, 1, (int result, const char **out_name))                       \
  X(device_get_count, "cuDeviceGetCount", 2000, 1, (int *out_count))                                      \
  X(device_get, "cuDeviceGet", 2000, 1, (int *out_device, int ordinal))                                   \
  X(device_get_name, "cuDeviceGetName", 2000, 1, (char *out_name, int bytes, int device))                 \
  X(device_get_attribute, "cuDeviceGetAttribute", 2000, 1, (int *out_value, int attribute, int device))   \
  X(device_total_mem, "cuDeviceTotalMem", 3020, 1, (size_t * out_bytes, int device))                      \
  X(primary_retain, "cuDevicePrimaryCtxRetain", 7000, 1, (lazy_driver_context * out_context, int device)) \
  X(primary_release, "cuDevicePrimaryCtxRelease", 11000, 1, (int device))                                 \
  X(ctx_push, "cuCtxPushCurrent", 4000, 1, (lazy_driver_context context))                                 \
  X(ctx_pop, "cuCtxPopCurrent", 4000, 1, (lazy_driver_context * out_context))                             \
  X(mem_alloc, "cuMemAlloc", 3020, 1, (lazy_driver_address * out_address, size_t bytes))                  \
  X(mem_free, "cuMemFree", 3020, 1, (lazy_driver_address address))                                        \
  X(mem_get_info, "cuMemGetInfo", 3020, 1, (size_t * out_free, size_t * out_total))                       \
  X(host_alloc, "cuMemHostAlloc", 2020, 1, (void **out_memory, size_t bytes, unsigned flags))             \
  X(host_free, "cuMemFreeHost", 2000, 1, (void *memory))                                                  \
  X(memcpy_htod_async, "cuMemcpyHtoDAsync", 3020, 1,                                                      \
    (lazy_driver_address to, const void *from, size_t bytes, lazy_driver_stream stream))                  \
  X(memcpy_dtoh_async, "cuMemcpyDtoHAsync", 3020, 1,                                                      \
    (void *to, lazy_driver_address from, size_t bytes, lazy_driver_stream stream))                        \
  X(memcpy_dtod_async, "cuMemcpyDtoDAsync", 3020, 1,                                                      \
    (lazy_driver_address to, lazy_driver_address from, size_t bytes, lazy_driver_stream stream))          \
  X(memset_d8_async, "cuMemsetD8Async", 3020, 1,                                                          \
    (lazy_driver_address to, unsigned char value, size_t bytes, lazy_driver_stream stream))               \
  X(stream_create, "cuStreamCreate", 2000, 1, (lazy_driver_stream * out_stream, unsigned flags))          \
  X(stream_destroy, "cuStreamDestroy", 4000, 1, (lazy_driver_stream stream))                              \
  X(stream_synchronize, "cuStreamSynchronize", 2000, 1, (lazy_driver_stream stream))                      \
  X(stream_query, "cuStreamQuery", 2000, 1, (lazy_driver_stream stream))                                  \
  X(stream_wait_event, "cuStreamWaitEvent", 3020, 1,                                                      \
    (lazy_driver_stream stream, lazy_driver_event event, unsigned flags))                                 \
  X(event_create, "cuEventCreate", 2000, 1, (lazy_driver_event * out_event, unsigned flags))              \
  X(event_destroy, "cuEventDestroy", 4000, 1, (lazy_driver_event event))                                  \
  X(event_record, "cuEventRecord", 2000, 1, (lazy_driver_event event, lazy_driver_stream stream))         \
  X(event_query, "cuEventQuery", 2000, 1, (lazy_driver_event event))                                      \
  X(event_synchronize, "cuEventSynchronize", 2000, 1, (lazy_driver_event event))                          \
  X(event_elapsed_time, "cuEventElapsedTime", 2000, 1,                                                    \
    (float *out_milliseconds, lazy_driver_event start, lazy_driver_event end))                            \
  X(module_load, "cuModuleLoadData", 2000, 1, (lazy_driver_module * out_module, const void *image))       \
  X(module_unload, "cuModuleUnload", 2000, 1, (lazy_driver_module module))                                \
  X(module_get_function, "cuModuleGetFunction", 2000, 1,                                                  \
    (lazy_driver_function * out_function, lazy_driver_module module, const char *name))                   \
  X(launch_kernel, "cuLaunchKernel", 4000, 1,                                                             \
    (lazy_driver_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,  \
     unsigned block_y, unsigned block_z, unsigned shared_bytes, lazy_driver_stream stream,                \
     void **parameters, void **extra))                                                                    \
  X(launch_host_func, "cuLaunchHostFunc", 10000, 1,                                                       \
    (lazy_driver_stream stream, void (*function)(void *user), void *user))                                \
  X(stream_begin_capture, "cuStreamBeginCapture", 10010, 0, (lazy_driver_stream stream, int mode))        \
  X(stream_end_capture, "cuStreamEndCapture", 10000, 0,                                                   \
    (lazy_driver_stream stream, lazy_driver_graph * out_graph))                                           \
  X(graph_instantiate, "cuGraphInstantiateWithFlags", 11040, 0,                                           \
    (lazy_driver_exec * out_exec, lazy_driver_graph graph, unsigned long long flags))                     \
  X(graph_launch, "cuGraphLaunch", 10000, 0, (lazy_driver_exec exec, lazy_driver_stream stream))          \
  X(graph_exec_destroy, "cuGraphExecDestroy", 10000, 0, (lazy_driver_exec exec))                          \
  X(graph_destroy, "cuGraphDestroy", 10000, 0, (lazy_driver_graph graph))                                 \
  X(profiler_start, "cuProfilerStart", 4000, 0, (void))                                                   \
  X(profiler_stop, "cuProfilerStop", 4000, 0, (void))                                                     \
  X(stream_is_capturing, "cuStreamIsCapturing", 10000, 0, (lazy_driver_stream stream, int *out_status))   \
  X(graph_get_nodes, "cuGraphGetNodes", 10000, 0,                                                         \
    (lazy_driver_graph graph, lazy_driver_node * out_nodes, size_t * count))                              \
  X(graph_exec_kernel_node_set_params, "cuGraphExecKernelNodeSetParams", 10010, 0,                        \
    (lazy_driver_exec exec, lazy_driver_node node, const lazy_driver_kernel_node_params *params))

/* The table. A missing optional row is NULL. */
typedef struct lazy_driver {
  size_t struct_size;
  const char *provider; /* "cuda", "host", "fault" */
#define LAZY_DRIVER_FIELD(field, symbol, version, required, parameters) int(*field) parameters;
  LAZY_DRIVER_ROWS(LAZY_DRIVER_FIELD)
#undef LAZY_DRIVER_FIELD
} lazy_driver;

/* One number per row, in table order: LAZY_DRIVER_CALL_mem_alloc, ... */
enum {
#define LAZY_DRIVER_NUMBER(field, symbol, version, required, parameters) LAZY_DRIVER_CALL_##field,
  LAZY_DRIVER_ROWS(LAZY_DRIVER_NUMBER)
#undef LAZY_DRIVER_NUMBER
      LAZY_DRIVER_CALL_COUNT
};

#ifdef __cplusplus
}
#endif
#endif
