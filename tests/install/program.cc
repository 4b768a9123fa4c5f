// The README's job, in C++: handles in unique_ptr, arguments as plain structs.
#include <lazyrt/lazyrt.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

template <auto release>
struct releaser {
  template <typename T>
  void operator()(T *object) const {
    release(object);
  }
};
using context_ptr = std::unique_ptr<lazy_context, releaser<lazy_context_close>>;
using module_ptr = std::unique_ptr<lazy_module, releaser<lazy_module_release>>;
using array_ptr = std::unique_ptr<lazy_array, releaser<lazy_array_release>>;

int main(int argc, char **argv) {
  lazy_context *opened = nullptr;
  LAZY_OR_EXIT(lazy_context_open(argc > 1 ? argv[1] : "auto", nullptr, &opened));
  context_ptr context(opened);

  lazy_linear_options options = LAZY_LINEAR_DEFAULTS;
  options.out_features = 10;
  lazy_module *made = nullptr;
  LAZY_OR_EXIT(lazy_module_create(context.get(), &lazy_class_lazy_linear, &options, &made));
  module_ptr linear(made);

  const lazy_spec input = {LAZY_DTYPE_DEFAULT, {2, {4, 20}}};
  const lazy_value value = lazy_value_spec(&input);
  const lazy_args args = {&value, 1, nullptr, 0};
  LAZY_OR_EXIT(lazy_module_dry_run(linear.get(), &args, nullptr));

  lazy_param *weight = nullptr;  // borrowed
  lazy_array *retained = nullptr;
  LAZY_OR_EXIT(lazy_module_find_param(linear.get(), "weight", &weight));
  LAZY_OR_EXIT(lazy_param_array(weight, &retained));
  array_ptr values(retained);
  const lazy_shape shape = lazy_array_shape(values.get());
  std::vector<float> host(static_cast<std::size_t>(lazy_array_element_count(values.get())));
  LAZY_OR_EXIT(lazy_array_download(values.get(), host.data(), host.size() * sizeof(float)));

  float most = 0;
  for (float x : host) most = std::fmax(most, std::fabs(x));
  std::printf("%s: largest of %lld x %lld weights %g\n", lazy_context_device_name(context.get()),
              static_cast<long long>(shape.dims[0]), static_cast<long long>(shape.dims[1]),
              static_cast<double>(most));
  return host.size() == 200 && most > 0.1f && most <= 0.2237f ? 0 : 1;
}
