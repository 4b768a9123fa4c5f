#!/usr/bin/env python3
"""Writes torch_truncated.h: what PyTorch's trunc_normal_ draws on the CPU, once with and once without fused multiply-add.

Needs Debian's python3-torch (1.13) on a CPU with AVX2:  /usr/bin/python3 tests/golden/make_torch_truncated.py > tests/golden/torch_truncated.h
"""
import os
import subprocess
import sys

from make_torch_cpu import fnv1a

SEEDS = [0, 42, 2**32 - 1]
PARAMETERS = [(0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -2.0, 2.0), (0.25, 0.5, -0.1, 1.5), (-1.0, 2.0, 0.5, 4.0)]
COUNTS = [1, 7, 16, 1000, 2501]


def rows(fma):
    import torch

    types = {"F64": (torch.float64, torch.int64), "F32": (torch.float32, torch.int32), "BF16": (torch.bfloat16, torch.int16)}
    for seed in SEEDS:
        for name, (dtype, word) in types.items():
            for mean, deviation, low, high in PARAMETERS:
                torch.manual_seed(seed)
                for index, count in enumerate(COUNTS):
                    tensor = torch.nn.init.trunc_normal_(torch.empty(count, dtype=dtype), mean, deviation, low, high)
                    size = tensor.element_size()
                    values = [value & (1 << 8 * size) - 1 for value in tensor.view(word).tolist()]
                    digest = fnv1a(b"".join(value.to_bytes(size, "little") for value in values))
                    print(f"    {{{index}, {fma}, {seed}u, LAZY_DTYPE_{name}, {mean!r}, {deviation!r}, {low!r}, {high!r}, {count}, {values[0]:#x}u, {digest:#x}u}},")


def main():
    if len(sys.argv) > 1:
        rows(sys.argv[1])
        return
    print("/* Made by make_torch_truncated.py. Runs of one seed, type and normal share a generator. Hashes are FNV-1a of the values' bytes. */")
    print("static const golden_truncated golden_truncateds[] = {", flush=True)
    for fma, capability in (("0", "default"), ("1", "avx2")):
        subprocess.run([sys.executable, __file__, fma], env={**os.environ, "ATEN_CPU_CAPABILITY": capability}, check=True)
    print("};")


main()
