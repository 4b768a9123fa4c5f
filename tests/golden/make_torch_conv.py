#!/usr/bin/env python3
"""Writes tests/golden/torch_conv.h: convolutions of PyTorch in f32: outputs and initial parameters.

    tests/golden/make_torch_conv.py > tests/golden/torch_conv.h

Inputs are a formula of the index, exact in every floating dtype, that the test repeats. Parameters are those that the
constructor draws after torch.manual_seed(11); they are kept as a sum of their bits, weighted by place, and their
first. Outputs are the bits of float32.
"""
import math
import struct

import torch
from torch import nn

# Constructor, shape of the input, output_size.
CASES = [
    ('Conv1d(3, 4, 3)', (2, 3, 7), None),
    ('Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2)', (2, 4, 9), None),
    ('Conv1d(2, 3, 4, padding="same", padding_mode="circular")', (2, 6), None),
    ('Conv2d(3, 8, kernel_size=3, padding=1)', (1, 3, 5, 6), None),
    ('Conv2d(4, 5, 1, bias=False)', (2, 4, 3, 4), None),
    ('Conv2d(6, 6, (3, 2), stride=(2, 1), groups=6)', (1, 6, 7, 5), None),
    ('Conv2d(2, 3, (2, 3), padding="same", dilation=(1, 2))', (1, 2, 5, 6), None),
    ('Conv2d(2, 3, 3, padding=(2, 1), padding_mode="reflect")', (2, 2, 4, 5), None),
    ('Conv2d(2, 3, 3, padding=(1, 2), padding_mode="replicate", stride=2)', (2, 5, 4), None),
    ('Conv2d(4, 8, 3, padding="valid", groups=4)', (1, 4, 5, 5), None),
    ('Conv3d(2, 3, (2, 3, 2), stride=(1, 2, 1), padding=(1, 0, 1))', (1, 2, 4, 5, 3), None),
    ('Conv3d(1, 2, 2, padding=1, padding_mode="circular")', (1, 3, 3, 3), None),
    ('ConvTranspose1d(3, 2, 4, stride=2, padding=1)', (2, 3, 5), None),
    ('ConvTranspose1d(4, 4, 3, stride=3, output_padding=2, groups=2, bias=False)', (4, 4), None),
    ('ConvTranspose2d(3, 4, 3, stride=2)', (1, 3, 4, 3), None),
    ('ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 0), dilation=(2, 1), groups=2)', (2, 4, 3, 3), (8, 10)),
    ('ConvTranspose2d(2, 2, 1)', (1, 2, 3, 4), None),
    ('ConvTranspose3d(2, 3, (2, 1, 3), stride=(2, 1, 1), padding=(0, 0, 1))', (1, 2, 3, 2, 4), None),
]


def value(i):
    return ((i * 37 + 11) % 127 - 63) / 64


def bits(tensor):
    return [struct.unpack('<I', struct.pack('<f', x))[0] for x in tensor.detach().flatten().tolist()]


def main():
    print(f'/* Made by make_torch_conv.py with PyTorch {torch.__version__.split("+")[0]}, CPU. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_TORCH_CONV_H\n#define LAZYRT_TESTS_GOLDEN_TORCH_CONV_H\n\n'
          '#include <lazyrt/types.h>\n#include <stdint.h>\n')
    rows = []
    for number, (text, shape, output_size) in enumerate(CASES):
        torch.manual_seed(11)
        module = eval('nn.' + text)
        x = torch.tensor([value(i) for i in range(math.prod(shape))], dtype=torch.float32).reshape(shape)
        y = module(x) if output_size is None else module(x, output_size)
        drawn = [w for p in module.parameters() for w in bits(p)]
        check = sum(w * (i + 1) for i, w in enumerate(drawn)) % (1 << 64)
        found = bits(y)
        print(f'static const uint32_t golden_conv_{number}[] = {{')
        for i in range(0, len(found), 8):
            print('    ' + ' '.join(f'0x{w:08x},' for w in found[i:i + 8]))
        print('};')
        dims, out = (', '.join(str(d) for d in s) for s in (shape, y.shape))
        wanted = (0,) if output_size is None else output_size
        quoted = text.replace('"', '\\"')
        rows.append(f'    {{"{quoted}", "{module!r}", {{.rank = {len(shape)}, .dims = {{{dims}}}}}, '
                    f'{{.rank = {len(y.shape)}, .dims = {{{out}}}}}, {{{", ".join(str(d) for d in wanted)}}}, '
                    f'0x{check:016x}u, {len(drawn)}, golden_conv_{number}}},')
    print('\nstatic const struct {\n  const char *text, *printed;\n  lazy_shape in, out;\n'
          '  int64_t output_size[2]; /* 0: not given */\n'
          '  uint64_t check; /* of the parameters: each one\'s bits times its number from 1 on, summed */\n'
          '  int64_t param_count;\n  const uint32_t *values;\n} golden_convs[] = {')
    print('\n'.join(rows))
    print('};\n\n#endif')


main()
