#!/usr/bin/env python3
"""Writes tests/golden/torch_softmax.h: softmax and its logarithm by PyTorch, in f32, f64, f16 and bf16.

    tests/golden/make_torch_softmax.py > tests/golden/torch_softmax.h

Inputs are a formula of the index that the test repeats, see there; with `specials`, some are infinite or NaN.
"""
import math
import warnings

import torch
from torch import nn

CASES = [
    ('Softmax(dim=1)', (3, 10), 0), ('Softmax(0)', (4, 7), 0), ('Softmax(dim=-2)', (2, 5, 4), 1), ('Softmax()', (3, 2, 4), 0),
    ('Softmax(None)', (3, 6), 1), ('Softmax(-1)', (2, 80), 1), ('Softmax(0)', (), 0), ('LogSoftmax(dim=1)', (3, 10), 0),
    ('LogSoftmax(dim=-1)', (2, 90), 1), ('LogSoftmax()', (2, 3, 2, 2), 0), ('LogSoftmax(2)', (2, 2, 5, 3), 1),
    ('LogSoftmax(dim=0)', (1,), 0), ('LogSoftmax(dim=1)', (1, 70, 2), 0),
]
DTYPES = [('f32', torch.float32), ('f64', torch.float64), ('f16', torch.float16), ('bf16', torch.bfloat16)]


def value(i, specials):
    if specials and i % 17 == 5:
        return math.nan if i % 34 == 5 and i > 60 else -math.inf
    return ((i * 37 + 11) % 61 - 30) / 8


def number(x):
    return 'NAN' if math.isnan(x) else ('-' if x < 0 else '') + 'INFINITY' if math.isinf(x) else repr(x)


def main():
    warnings.simplefilter('ignore')
    print(f'/* Made by make_torch_softmax.py with PyTorch {torch.__version__.split("+")[0]}, CPU. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_TORCH_SOFTMAX_H\n#define LAZYRT_TESTS_GOLDEN_TORCH_SOFTMAX_H\n\n'
          '#include <lazyrt/types.h>\n#include <math.h>\n')
    tables = []
    for case, (text, shape, specials) in enumerate(CASES):
        module = eval('nn.' + text)
        for name, dtype in DTYPES:
            x = torch.tensor([value(i, specials) for i in range(math.prod(shape))], dtype=dtype).reshape(shape)
            y = module(x).double().flatten().tolist()
            print(f'static const double golden_softmax_{case}_{name}[] = {{')
            for i in range(0, len(y), 6):
                print('    ' + ' '.join(number(v) + ',' for v in y[i:i + 6]))
            print('};')
            of = '{.rank = %d, .dims = {%s}}' % (len(shape), ', '.join(str(d) for d in shape) or '0')
            tables.append(f'    {{"{text}", "{module!r}", {of}, {specials}, LAZY_DTYPE_{name.upper()}, golden_softmax_{case}_{name}}},')
    print('\nstatic const struct {\n  const char *text, *printed;\n  lazy_shape shape;\n  int specials;\n'
          '  lazy_dtype dtype;\n  const double *wanted;\n} golden_softmax[] = {')
    print('\n'.join(tables))
    print('};\n\n#endif')


main()
