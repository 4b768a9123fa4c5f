#!/usr/bin/env python3
"""Writes tests/golden/torch_recurrent.h: LSTM and GRU of PyTorch in f32: outputs, states and initial parameters.

    tests/golden/make_torch_recurrent.py > tests/golden/torch_recurrent.h

Inputs and states are formulas of the index, exact in every floating dtype, that the test repeats. Parameters are
those that the constructor draws after torch.manual_seed(7). Values are the bits of float32.
"""
import math
import struct

import torch
from torch import nn

# Constructor, shape of the input, whether states are given.
CASES = [
    ('LSTM(3, 4)', (5, 2, 3), False),
    ('LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=True)', (2, 4, 3), True),
    ('LSTM(5, 4, bias=False)', (3, 5), True),
    ('LSTM(3, 5, proj_size=2, num_layers=2, bidirectional=True)', (4, 3, 3), True),
    ('GRU(3, 4)', (5, 2, 3), False),
    ('GRU(3, 4, num_layers=3, batch_first=True)', (2, 4, 3), True),
    ('GRU(2, 3, bias=False, bidirectional=True)', (4, 2), True),
]


def value(i, what):
    return ((i * 29 + 7 + what * 41) % 127 - 63) / 64


def words(tensor):
    return [struct.unpack('<I', struct.pack('<f', x))[0] for x in tensor.detach().flatten().tolist()]


def filled(shape, what):
    return torch.tensor([value(i, what) for i in range(math.prod(shape))], dtype=torch.float32).reshape(shape)


def main():
    print(f'/* Made by make_torch_recurrent.py with PyTorch {torch.__version__.split("+")[0]}, CPU. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_TORCH_RECURRENT_H\n#define LAZYRT_TESTS_GOLDEN_TORCH_RECURRENT_H\n\n'
          '#include <lazyrt/types.h>\n#include <stdint.h>\n')
    rows = []
    for number, (text, shape, has_state) in enumerate(CASES):
        torch.manual_seed(7)
        module = eval('nn.' + text)
        is_lstm = text.startswith('LSTM')
        stack = module.num_layers * (2 if module.bidirectional else 1)
        batch = () if len(shape) == 2 else (shape[0] if module.batch_first else shape[1],)
        hx = None
        if has_state:
            h = filled((stack, *batch, module.proj_size or module.hidden_size), 1)
            hx = (h, filled((stack, *batch, module.hidden_size), 2)) if is_lstm else h
        y, state = module(filled(shape, 0), hx)
        states = list(state) if is_lstm else [state]
        drawn = [w for p in module.parameters() for w in words(p)]
        found = words(y) + [w for s in states for w in words(s)]
        for name, values in (('params', drawn), ('values', found)):
            print(f'static const uint32_t golden_recurrent_{name}_{number}[] = {{')
            for i in range(0, len(values), 8):
                print('    ' + ' '.join(f'0x{w:08x},' for w in values[i:i + 8]))
            print('};')
        dims = ', '.join(str(d) for d in shape)
        rows.append(f'    {{"{text}", "{module!r}", {{.rank = {len(shape)}, .dims = {{{dims}}}}}, '
                    f'{"true" if has_state else "false"}, golden_recurrent_params_{number}, {len(drawn)}, '
                    f'golden_recurrent_values_{number}, {len(found)}}},')
    print('\nstatic const struct {\n  const char *text, *printed;\n  lazy_shape shape;\n  bool has_state;\n'
          '  const uint32_t *params; /* as drawn, in order */\n  int64_t param_count;\n'
          '  const uint32_t *values; /* output, h_n, of an LSTM c_n */\n  int64_t value_count;\n'
          '} golden_recurrents[] = {')
    print('\n'.join(rows))
    print('};\n\n#endif')


main()
