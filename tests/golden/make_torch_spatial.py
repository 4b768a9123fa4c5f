#!/usr/bin/env python3
"""Writes tests/golden/torch_spatial.h: what PyTorch makes of inputs in layers without parameters, in f32.

    tests/golden/make_torch_spatial.py > tests/golden/torch_spatial.h

Inputs are formulas of the index that the test repeats, see there; with `specials`, some are NaN, infinite or -0. Values
are the bits of float32.
"""
import math
import struct

import torch
from torch import nn

# Constructor, shape of the input, specials, outputs that are sums: they may differ by rounding.
CASES = [
    ('MaxPool1d(3)', (2, 3, 10), 1, 0),
    ('MaxPool1d(3, 2, 1, 2, ceil_mode=True)', (3, 11), 1, 0),
    ('MaxPool2d(3, stride=2, padding=1)', (2, 2, 9, 7), 1, 0),
    ('MaxPool2d((3, 2), stride=(2, 1), padding=(1, 1), dilation=(1, 2), ceil_mode=True)', (3, 8, 7), 1, 0),
    ('MaxPool2d(2, stride=2, padding=1, dilation=4, ceil_mode=True)', (1, 1, 4, 4), 0, 0),
    ('MaxPool3d((1, 2, 3), stride=(1, 2, 2), padding=(0, 1, 1), ceil_mode=True)', (1, 2, 3, 5, 6), 1, 0),
    ('MaxPool3d(2)', (2, 4, 4, 4), 1, 0),
    ('AvgPool1d(4, 3, 1, True)', (2, 3, 10), 0, 1),
    ('AvgPool1d(3, 2, 1, False, False)', (3, 10), 0, 1),
    ('AvgPool2d(3, stride=2, padding=1, ceil_mode=True)', (2, 2, 6, 8), 0, 1),
    ('AvgPool2d((3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True, count_include_pad=False)', (2, 8, 9), 1, 1),
    ('AvgPool2d(2, divisor_override=3)', (1, 2, 5, 6), 0, 1),
    ('AvgPool3d(2, stride=3, padding=1, ceil_mode=True, divisor_override=-5)', (1, 2, 4, 5, 3), 0, 1),
    ('AvgPool3d((3, 2, 2), stride=2, padding=(1, 1, 0), count_include_pad=False)', (2, 5, 4, 6), 1, 1),
    ('AdaptiveAvgPool1d(4)', (2, 2, 11), 0, 1),
    ('AdaptiveAvgPool2d((None, 3))', (1, 2, 4, 7), 1, 1),
    ('AdaptiveAvgPool2d(1)', (2, 3, 5, 6), 0, 1),
    ('AdaptiveAvgPool3d((2, 1, 5))', (1, 2, 3, 4, 3), 0, 1),
    ('AdaptiveMaxPool1d(7)', (2, 2, 5), 1, 0),
    ('AdaptiveMaxPool2d((5, None))', (2, 2, 7, 3), 1, 0),
    ('AdaptiveMaxPool3d(2)', (1, 2, 5, 3, 4), 1, 0),
]


def value(i, specials):
    if specials and i % 13 in (5, 7, 9, 11):
        return {5: math.nan, 7: -math.inf, 9: math.inf, 11: -0.0}[i % 13] if i % 3 == 0 else -math.inf
    return ((i * 37 + 11) % 257 - 128) / 64


def main():
    print(f'/* Made by make_torch_spatial.py with PyTorch {torch.__version__.split("+")[0]}, CPU. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_TORCH_SPATIAL_H\n#define LAZYRT_TESTS_GOLDEN_TORCH_SPATIAL_H\n\n'
          '#include <lazyrt/types.h>\n#include <stdint.h>\n')
    tables = []
    for number, (text, shape, specials, sums) in enumerate(CASES):
        module = eval('nn.' + text)
        x = torch.tensor([value(i, specials) for i in range(math.prod(shape))], dtype=torch.float32).reshape(shape)
        y = module(x)
        words = struct.unpack(f'<{y.numel()}I', struct.pack(f'<{y.numel()}f', *y.flatten().tolist()))
        print(f'static const uint32_t golden_spatial_{number}[] = {{')
        for i in range(0, len(words), 8):
            print('    ' + ' '.join(f'0x{w:08x},' for w in words[i:i + 8]))
        print('};')
        of = ['{.rank = %d, .dims = {%s}}' % (len(s), ', '.join(str(d) for d in s)) for s in (shape, y.shape)]
        tables.append(f'    {{"{text}", "{module!r}", {of[0]}, {of[1]}, {specials}, {sums}, golden_spatial_{number}}},')
    print('\nstatic const struct {\n  const char *text, *printed;\n  lazy_shape in, out;\n  int specials, sums;\n'
          '  const uint32_t *values;\n} golden_spatial[] = {')
    print('\n'.join(tables))
    print('};\n\n#endif')


main()
