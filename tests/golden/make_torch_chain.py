#!/usr/bin/env python3
"""Writes tests/golden/torch_chain.h: parameters of small models as PyTorch 1.13 draws them on the CPU.

    tests/golden/make_torch_chain.py > tests/golden/torch_chain.h

Run with Debian's python3-torch on a CPU with AVX2. One process per instruction set: with AVX2 that build fuses the multiply and
add of uniform_, with ATEN_CPU_CAPABILITY=default it does not. Values are the bits of float32, in state-dict order.
"""
import os
import struct
import subprocess
import sys

SEED = 42


def models(nn):
    """Name -> maker. Each is called on ones(2, 11) right after it was made."""
    return {
        'lazy_chain': lambda: nn.Sequential(nn.LazyLinear(7), nn.ReLU(), nn.LazyLinear(5, bias=False), nn.LazyLinear(3)),
        # The ordinary layer draws when it is made, the lazy ones at their first call.
        'mixed': lambda: nn.Sequential(nn.LazyLinear(6), nn.Linear(6, 4), nn.LazyLinear(2)),
    }


def draw():
    import warnings
    warnings.simplefilter('ignore')
    import torch
    from torch import nn
    for name, make in models(nn).items():
        torch.manual_seed(SEED)
        model = make()
        model(torch.ones(2, 11))
        words = []
        for value in model.state_dict().values():
            words += [struct.unpack('<I', struct.pack('<f', x))[0] for x in value.flatten().tolist()]
        print(name, *words)


def main():
    if len(sys.argv) > 1:
        return draw()
    print('/* Made by make_torch_chain.py with PyTorch 1.13 (Debian 12), x86-64 with AVX2. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_TORCH_CHAIN_H\n#define LAZYRT_TESTS_GOLDEN_TORCH_CHAIN_H\n\n#include <stdint.h>\n')
    print(f'enum {{ GOLDEN_CHAIN_SEED = {SEED} }};')
    for suffix, capability in (('fma', 'avx2'), ('plain', 'default')):
        environment = dict(os.environ, ATEN_CPU_CAPABILITY=capability)
        out = subprocess.run([sys.executable, __file__, 'draw'], env=environment, capture_output=True, text=True, check=True)
        for line in out.stdout.splitlines():
            name, *words = line.split()
            print(f'\nstatic const uint32_t golden_{name}_{suffix}[{len(words)}] = {{')
            for i in range(0, len(words), 8):
                print('    ' + ' '.join(f'0x{int(w):08x},' for w in words[i:i + 8]))
            print('};')
    print('\n#endif')


if __name__ == '__main__':
    main()
