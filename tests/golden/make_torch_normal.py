#!/usr/bin/env python3
"""Writes torch_normal.h: what PyTorch's normal_ draws on the CPU, where the build fuses multiply and add.

Needs Debian's python3-torch (1.13) on a CPU with AVX2:  /usr/bin/python3 tests/golden/make_torch_normal.py > tests/golden/torch_normal.h
"""
import torch

from make_torch_cpu import fnv1a

SEEDS = [0, 42, 2**32 - 1]
TYPES = {"F64": (torch.float64, torch.int64), "F32": (torch.float32, torch.int32),
         "F16": (torch.float16, torch.int16), "BF16": (torch.bfloat16, torch.int16)}
PARAMETERS = [(0.0, 1.0), (0.25, 0.5), (-3.0, 0.02)]
# Below sixteen values come one by one, and an odd count leaves one for the next tensor.
COUNTS = [1, 7, 15, 16, 17, 3, 31, 1000, 1, 2501]


def main():
    print("/* Made by make_torch_normal.py. Runs of one seed, type and mean share a generator. Hashes are FNV-1a of the values' bytes. */")
    print("static const golden_normal golden_normals[] = {")
    for seed in SEEDS:
        for name, (dtype, word) in TYPES.items():
            for mean, deviation in PARAMETERS:
                torch.manual_seed(seed)
                for index, count in enumerate(COUNTS):
                    tensor = torch.empty(count, dtype=dtype).normal_(mean, deviation)
                    size = tensor.element_size()
                    values = [value & (1 << 8 * size) - 1 for value in tensor.view(word).tolist()]
                    digest = fnv1a(b"".join(value.to_bytes(size, "little") for value in values))
                    print(f"    {{{index}, {seed}u, LAZY_DTYPE_{name}, {mean!r}, {deviation!r}, {count}, {values[0]:#x}u, {digest:#x}u}},")
    print("};")


main()
