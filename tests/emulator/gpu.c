/* The GPUs there are to choose from. */
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/machine.h"

static const struct {
  const char *choice;
  emu_gpu gpu;
} gpus[] = {
    {"sm_75",
     {.name = "Tesla T4, emulated",
      .major = 7,
      .minor = 5,
      .multiprocessors = 40,
      .threads_per_multiprocessor = 1024,
      .blocks_per_multiprocessor = 16,
      .shared_per_block = 48 << 10,
      .shared_per_block_optin = 64 << 10,
      .memory_bytes = 15843721216}},
    {"sm_80",
     {.name = "NVIDIA A100-SXM4-40GB, emulated",
      .major = 8,
      .minor = 0,
      .multiprocessors = 108,
      .threads_per_multiprocessor = 2048,
      .blocks_per_multiprocessor = 32,
      .shared_per_block = 48 << 10,
      .shared_per_block_optin = 163 << 10,
      .memory_bytes = 42505273344}},
    {"sm_90",
     {.name = "NVIDIA H100 80GB HBM3, emulated",
      .major = 9,
      .minor = 0,
      .multiprocessors = 132,
      .threads_per_multiprocessor = 2048,
      .blocks_per_multiprocessor = 32,
      .shared_per_block = 48 << 10,
      .shared_per_block_optin = 227 << 10,
      .memory_bytes = 85029158912}},
    {"sm_100",
     {.name = "NVIDIA B200, emulated",
      .major = 10,
      .minor = 0,
      .multiprocessors = 148,
      .threads_per_multiprocessor = 2048,
      .blocks_per_multiprocessor = 32,
      .shared_per_block = 48 << 10,
      .shared_per_block_optin = 227 << 10,
      .memory_bytes = (size_t)183359 << 20}},
};

const emu_gpu *emu_gpu_chosen(void) {
  const char *choice = getenv("LAZYRT_EMULATOR_GPU");
  for (size_t i = 0; choice != NULL && i < sizeof gpus / sizeof *gpus; i++)
    if (strcmp(choice, gpus[i].choice) == 0) return &gpus[i].gpu;
  return &gpus[0].gpu;
}
