/* The README's job, in C: a lazy model, its sizes, its initial values. */
#include <lazyrt/lazyrt.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  lazy_context *context = NULL;
  lazy_module *mlp = NULL;
  lazy_param *weight = NULL; /* borrowed */
  lazy_array *values = NULL;
  float host[10 * 20];

  LAZY_OR_EXIT(lazy_context_open(argc > 1 ? argv[1] : "auto", NULL, &context));
  LAZY_OR_EXIT(lazy_module_parse(context,
                                 "LazyMLP(\n"
                                 "  (fc1): LazyLinear(out_features=10)\n"
                                 "  (relu1): ReLU()\n"
                                 "  (fc2): LazyLinear(out_features=1)\n"
                                 ")",
                                 &mlp));
  LAZY_OR_EXIT(lazy_module_dry_run(mlp, LAZY_ARGS(LAZY_INPUT(4, 20)), NULL));
  LAZY_OR_EXIT(lazy_module_find_param(mlp, "fc1.weight", &weight));
  LAZY_OR_EXIT(lazy_param_array(weight, &values));
  LAZY_OR_EXIT(lazy_array_download(values, host, sizeof host));

  /* Drawn from (-1, 1) / sqrt(20), so neither all zero nor past the bound. */
  float most = 0;
  for (int i = 0; i < 200; i++) most = host[i] > most ? host[i] : -host[i] > most ? -host[i] : most;
  lazy_array_release(values);
  lazy_module_release(mlp);
  printf("%s: largest of 10 x 20 weights %g\n", lazy_context_device_name(context), (double)most);
  lazy_context_close(context);
  return most > 0.1f && most <= 0.2237f ? 0 : 1;
}
