#!/usr/bin/env python3
"""Writes torch_cpu.h: what PyTorch's CPU generator draws, once with and once without fused multiply-add.

Needs Debian's python3-torch (1.13) on a CPU with AVX2:  /usr/bin/python3 tests/golden/make_torch_cpu.py > tests/golden/torch_cpu.h
"""
import os
import subprocess
import sys

SEEDS = [0, 1, 42, 1234, 2**32 - 1, 2**40 + 7]
DTYPES = ["F64", "F32", "F16", "BF16"]
RANGES = [(0.0, 1.0), (-0.3, 0.7), (-0.5773502691896257, 0.5773502691896257), (2.0, 5.0)]
COUNTS = [1, 7, 1000, 2501]
# (in_features, out_features), drawn one after the other: weight, bias, weight, bias, ...
CHAIN = [(3, 2), (1, 1), (2, 5), (5, 130), (7, 3), (64, 64), (100, 10), (129, 33), (1000, 3), (4097, 2)]


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def rows(fma):
    import torch

    types = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    words = {"F64": torch.int64, "F32": torch.int32, "F16": torch.int16, "BF16": torch.int16}

    def bits(name, tensor):
        size = tensor.element_size()
        values = tensor.detach().flatten().view(words[name]).tolist()
        return [value & (1 << 8 * size) - 1 for value in values], size

    def digest(name, tensor):
        values, size = bits(name, tensor)
        return fnv1a(b"".join(value.to_bytes(size, "little") for value in values))

    for seed in SEEDS:
        for name in DTYPES:
            for low, high in RANGES:
                torch.manual_seed(seed)
                for count in COUNTS:
                    tensor = torch.empty(count, dtype=types[name]).uniform_(low, high)
                    first = bits(name, tensor)[0][0]
                    print(f"U {fma} {seed}u LAZY_DTYPE_{name} {low!r} {high!r} {count} {first:#x}u {digest(name, tensor):#x}u")
    for seed in SEEDS:
        for name in DTYPES:
            torch.manual_seed(seed)
            for inputs, outputs in CHAIN:
                layer = torch.nn.Linear(inputs, outputs, dtype=types[name])
                print(f"L {fma} {seed}u LAZY_DTYPE_{name} {inputs} {outputs} "
                      f"{digest(name, layer.weight):#x}u {digest(name, layer.bias):#x}u")


def main():
    if len(sys.argv) > 1:
        rows(sys.argv[1])
        return
    lines = []
    for fma, capability in (("false", "default"), ("true", "avx2")):
        environment = dict(os.environ, ATEN_CPU_CAPABILITY=capability)
        result = subprocess.run([sys.executable, __file__, fma], env=environment, check=True, capture_output=True, text=True)
        lines += result.stdout.splitlines()
    print("/* Made by make_torch_cpu.py. Runs of uniform_ of one range share a generator, and so do the layers of a chain.\n"
          "   Hashes are FNV-1a of the values' bytes. */")
    print("static const golden_uniform golden_uniforms[] = {")
    for line in lines:
        if line[0] == "U":
            print("    {" + ", ".join(line.split()[1:]) + "},")
    print("};\nstatic const golden_linear golden_linears[] = {")
    for line in lines:
        if line[0] == "L":
            print("    {" + ", ".join(line.split()[1:]) + "},")
    print("};")


if __name__ == "__main__":
    main()
