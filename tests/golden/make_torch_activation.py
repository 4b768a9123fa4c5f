#!/usr/bin/env python3
"""Writes tests/golden/torch_activation.h: activations of PyTorch in f32, f64, f16 and bf16, and how it prints them.

    tests/golden/make_torch_activation.py > tests/golden/torch_activation.h

Inputs are those of the header, exact in every dtype; outputs are doubles of what PyTorch computed in the dtype.
"""
import math

import torch
from torch import nn

CASES = [
    'ReLU()', 'ReLU(True)', 'ReLU6()', 'ReLU6(inplace=True)', 'LeakyReLU()', 'LeakyReLU(0.25, True)',
    'LeakyReLU(negative_slope=-1.5)', 'ELU()', 'ELU(alpha=0.5)', 'ELU(-2.0, inplace=True)', 'SELU()', 'SELU(True)',
    'GELU()', "GELU(approximate='tanh')", 'SiLU()', 'SiLU(inplace=True)', 'Mish()', 'Mish(True)', 'Sigmoid()', 'Tanh()',
    'Hardsigmoid()', 'Hardsigmoid(True)', 'Hardswish()', 'Hardswish(inplace=True)', 'Hardtanh()',
    'Hardtanh(-2.0, 0.5, True)', 'Hardtanh(max_val=3.0)', 'Softplus()', 'Softplus(2.0, 3.5)', 'Softplus(beta=0.75)',
    'LogSigmoid()',
]
INPUTS = [0.0, -0.0, 2**-14, -2**-14, 0.25, -0.25, 0.5, -0.5, 0.75, -0.8125, 1.0, -1.0, 1.5, -1.75, 2.0, -2.0, 2.5, -2.625, 3.0,
          -3.0, 3.5, -3.5, 4.5, -4.75, 5.75, -5.5, 6.0, -6.0, 7.5, -7.0, 9.0, -9.5, 12.0, -13.0, 19.0, -17.0, 21.0, -24.0, 30.0,
          -31.0, 60.0, -64.0, math.inf, -math.inf, math.nan]
DTYPES = [('f32', torch.float32), ('f64', torch.float64), ('f16', torch.float16), ('bf16', torch.bfloat16)]


def number(x):
    return 'NAN' if math.isnan(x) else ('-' if x < 0 else '') + 'INFINITY' if math.isinf(x) else repr(x)


def rows(numbers, indent):
    return '\n'.join(indent + ' '.join(number(x) + ',' for x in numbers[i:i + 6]) for i in range(0, len(numbers), 6))


def main():
    print(f'/* Made by make_torch_activation.py with PyTorch {torch.__version__.split("+")[0]}, CPU. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_TORCH_ACTIVATION_H\n#define LAZYRT_TESTS_GOLDEN_TORCH_ACTIVATION_H\n\n'
          '#include <lazyrt/types.h>\n#include <math.h>\n')
    print(f'enum {{ GOLDEN_ACTIVATION_INPUTS = {len(INPUTS)} }};')
    print(f'static const double golden_activation_inputs[] = {{\n{rows(INPUTS, "    ")}\n}};')
    print('static const struct {\n  const char *text, *printed;\n  lazy_dtype dtype;\n'
          '  double wanted[GOLDEN_ACTIVATION_INPUTS];\n} golden_activations[] = {')
    for text in CASES:
        module = eval('nn.' + text)
        for name, dtype in DTYPES:
            if name != 'f32' and ('True' in text or 'inplace' in text):
                continue
            y = module(torch.tensor(INPUTS, dtype=dtype)).double().tolist()
            quoted = text.replace('"', '\\"')
            print(f'    {{"{quoted}",\n     "{module!r}",\n     LAZY_DTYPE_{name.upper()},\n     {{\n{rows(y, "         ")}\n     }}}},')
    print('};\n\n#endif')


main()
