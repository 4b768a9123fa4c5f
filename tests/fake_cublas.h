/* What a test sees and sets of the library in cuBLAS's place: its symbol fake_cublas_state. */
#ifndef LAZYRT_TESTS_FAKE_CUBLAS_H
#define LAZYRT_TESTS_FAKE_CUBLAS_H

#include <lazyrt/driver.h>

typedef struct fake_cublas {
  int (*launch_host_func)(lazy_driver_stream stream, void (*function)(void *user), void *user);
  void (*wrote)(lazy_driver_address address,
                size_t bytes); /* told of what products write; NULL: nobody asks */
  int live_handles, products, batched_products, math_mode;
  int refuse; /* the status that the next product gets instead */
  int streams,
      shared_workspaces; /* on which products ran; products whose workspace is another stream's too */
} fake_cublas;

#endif
