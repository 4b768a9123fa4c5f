// A CUDA program that uses lazyrt beside its own kernels: it owns a stream of the runtime API and hands it
// over, reads parameters where they lie, and exchanges tensors by DLPack, in both structs. On the host
// device, where there is no stream to own and memory is the CPU's, it does the same on the CPU.
#include <cuda_runtime.h>
#include <lazyrt/dlpack_types.h>
#include <lazyrt/lazyrt.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#define CUDA_OR_EXIT(expression)                                                          \
  do {                                                                                    \
    cudaError_t error = (expression);                                                     \
    if (error != cudaSuccess) {                                                           \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      std::exit(1);                                                                       \
    }                                                                                     \
  } while (0)
#define REQUIRE(condition)                                                         \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                \
    }                                                                              \
  } while (0)

constexpr int batch = 4, in = 20, out = 10;

// y = x W^T + b, one thread a value: the program's own idea of what the model computes.
__global__ void linear(float *y, const float *x, const float *weight, const float *bias) {
  int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= batch * out) return;
  float sum = bias[i % out];
  for (int k = 0; k < in; k++) sum += x[i / out * in + k] * weight[i % out * in + k];
  y[i] = sum;
}

struct side {
  bool gpu;
  cudaStream_t stream;  // null on the host device

  float *alloc(std::size_t count) const {
    void *memory = nullptr;
    if (gpu) CUDA_OR_EXIT(cudaMalloc(&memory, count * sizeof(float)));
    else memory = std::malloc(count * sizeof(float));
    REQUIRE(memory != nullptr);
    return static_cast<float *>(memory);
  }
  void free(float *memory) const {
    if (gpu) CUDA_OR_EXIT(cudaFree(memory));
    else std::free(memory);
  }
  void copy(float *to, const float *from, std::size_t count) const {
    if (!gpu) std::memcpy(to, from, count * sizeof(float));
    else CUDA_OR_EXIT(cudaMemcpyAsync(to, from, count * sizeof(float), cudaMemcpyDefault, stream));
  }
  void compute(float *y, const float *x, const float *weight, const float *bias) const {
    if (gpu) {
      linear<<<1, 64, 0, stream>>>(y, x, weight, bias);
      CUDA_OR_EXIT(cudaGetLastError());
      return;
    }
    for (int i = 0; i < batch * out; i++) {
      y[i] = bias[i % out];
      for (int k = 0; k < in; k++) y[i] += x[i / out * in + k] * weight[i % out * in + k];
    }
  }
  void wait() const {
    if (gpu) CUDA_OR_EXIT(cudaStreamSynchronize(stream));
  }
};

// A tensor of this program's, as another library would see it.
struct own_tensor {
  DLManagedTensorVersioned dl;
  int64_t shape[2];
  float *data;
  int deletions;
};
static void note_deletion(DLManagedTensorVersioned *self) {
  static_cast<own_tensor *>(self->manager_ctx)->deletions++;
}

// A parameter's memory, by the older of the two structs.
static DLManagedTensor *parameter(lazy_module *module, const char *path, const lazy_dlpack_options *options) {
  lazy_param *param = nullptr;  // borrowed
  lazy_array *array = nullptr;
  DLManagedTensor *tensor = nullptr;
  LAZY_OR_EXIT(lazy_module_find_param(module, path, &param));
  LAZY_OR_EXIT(lazy_param_array(param, &array));
  LAZY_OR_EXIT(lazy_array_to_dlpack_unversioned(array, options, &tensor));
  // The address for kernels: on a GPU the pointer itself, on the host device not to be followed.
  if (tensor->dl_tensor.device.device_type == kDLCUDA)
    REQUIRE(lazy_array_address(array) == reinterpret_cast<uint64_t>(tensor->dl_tensor.data));
  lazy_array_release(array);  // the tensor holds it
  return tensor;
}

int main(int argc, char **argv) {
  lazy_context *context = nullptr;
  LAZY_OR_EXIT(lazy_context_open(argc > 1 ? argv[1] : "auto", nullptr, &context));
  int ordinal = 0;
  const bool gpu = std::sscanf(lazy_context_device_name(context), "cuda:%d", &ordinal) == 1;
  if (gpu) CUDA_OR_EXIT(cudaSetDevice(ordinal));
  side here = {gpu, nullptr};
  if (gpu) CUDA_OR_EXIT(cudaStreamCreateWithFlags(&here.stream, cudaStreamNonBlocking));
  const lazy_dlpack_options exchange = {sizeof exchange, here.stream};

  // The model, on this program's stream.
  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = out;
  lazy_module *model = nullptr;
  lazy_graph *graph = nullptr;
  LAZY_OR_EXIT(lazy_module_create(context, &lazy_class_lazy_linear, &options, &model));
  lazy_graph_options graph_options = {};
  graph_options.struct_size = sizeof graph_options;
  graph_options.stream = here.stream;
  LAZY_OR_EXIT(lazy_graph_create(model, &graph_options, &graph));

  // Its input, in memory of this program's, by the newer struct.
  std::vector<float> host(batch * in);
  for (std::size_t i = 0; i < host.size(); i++) host[i] = static_cast<float>(i % 7) - 3.0f;
  own_tensor input = {};
  input.data = here.alloc(host.size());
  here.copy(input.data, host.data(), host.size());
  input.shape[0] = batch, input.shape[1] = in;
  input.dl.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
  input.dl.manager_ctx = &input;
  input.dl.deleter = note_deletion;
  input.dl.flags = DLPACK_FLAG_BITMASK_READ_ONLY;
  input.dl.dl_tensor = {
      input.data, {gpu ? kDLCUDA : kDLCPU, ordinal}, 2, {kDLFloat, 32, 1}, input.shape, nullptr, 0};
  lazy_array *x = nullptr;
  LAZY_OR_EXIT(lazy_array_from_dlpack(context, &input.dl, &exchange, &x));

  const lazy_value value = lazy_value_array(x);
  const lazy_args args = {&value, 1, nullptr, 0};
  lazy_outputs outputs;
  LAZY_OR_EXIT(lazy_graph_forward(graph, &args, &outputs));
  float found[batch * out];
  LAZY_OR_EXIT(lazy_graph_download(graph, outputs.at[0], found, sizeof found));

  // The same by this program, from the parameters where they lie.
  DLManagedTensor *weight = parameter(model, "weight", &exchange),
                  *bias = parameter(model, "bias", &exchange);
  REQUIRE(weight->dl_tensor.ndim == 2 && weight->dl_tensor.shape[0] == out &&
          weight->dl_tensor.shape[1] == in);
  float wanted[batch * out], *y = here.alloc(batch * out);
  here.compute(y, input.data, static_cast<float *>(weight->dl_tensor.data),
               static_cast<float *>(bias->dl_tensor.data));
  here.copy(wanted, y, batch * out);
  here.wait();
  float most = 0;
  for (int i = 0; i < batch * out; i++) {
    REQUIRE(std::fabs(found[i] - wanted[i]) <= 1e-5f);
    most = std::fmax(most, std::fabs(found[i]));
  }
  REQUIRE(most > 0.1f);

  // And out again by the newer struct: a view of the input stays read-only.
  DLManagedTensorVersioned *again = nullptr;
  LAZY_OR_EXIT(lazy_array_to_dlpack(x, &exchange, &again));
  REQUIRE(again->dl_tensor.data == input.data && again->flags == DLPACK_FLAG_BITMASK_READ_ONLY);
  lazy_array_release(x);
  REQUIRE(input.deletions == 0);
  again->deleter(again);
  REQUIRE(input.deletions == 1);

  lazy_graph_destroy(graph);
  lazy_module_release(model);
  std::printf("%s: %d outputs agree, largest %g\n", lazy_context_device_name(context), batch * out,
              static_cast<double>(most));
  lazy_context_close(context);
  here.wait();
  weight->deleter(weight);  // parameters outlive the model while they are lent
  bias->deleter(bias);
  here.free(y);
  here.free(input.data);
  if (gpu) CUDA_OR_EXIT(cudaStreamDestroy(here.stream));
  return 0;
}
