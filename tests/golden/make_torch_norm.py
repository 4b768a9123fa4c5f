#!/usr/bin/env python3
"""Writes tests/golden/torch_norm.h: norms of PyTorch over three steps, in f32: two in training, one in evaluation.

    tests/golden/make_torch_norm.py > tests/golden/torch_norm.h

Run with PyTorch 2.12 or later, whose norms have bias=. Inputs and weights are formulas of the index, exact in every
floating dtype, that the test repeats; see there. Values are the bits of float32.
"""
import math
import struct
import sys
import warnings

import torch
from torch import nn

warnings.simplefilter('ignore')

# Constructor, shape of the input; PyTorch's constructor where it has none of that name.
CASES = [
    ('LazyBatchNorm1d()', (5, 3)),
    ('LazyBatchNorm1d(0.5, None)', (4, 3, 5)),
    ('LazyBatchNorm1d(affine=False)', (4, 3, 5)),
    ('LazyBatchNorm1d(track_running_stats=False)', (4, 2, 3)),
    ('LazyBatchNorm2d(momentum=0.25, bias=False)', (2, 3, 4, 2)),
    ('BatchNorm2d(3, momentum=0.0)', (2, 3, 4, 2)),
    ('BatchNorm2d(3, affine=False, track_running_stats=False)', (2, 3, 4, 2)),
    ('LazyBatchNorm3d()', (2, 2, 2, 3, 2)),
    ('LazyInstanceNorm1d()', (2, 3, 5)),
    ('LazyInstanceNorm1d(momentum=None)', (2, 3, 5)),
    ('InstanceNorm1d(3)', (3, 6)),
    ('InstanceNorm2d(3, affine=True)', (3, 4, 2)),
    ('LazyInstanceNorm2d(0.5, 0.25, bias=False)', (2, 3, 4, 2)),
    ('LazyInstanceNorm3d(affine=False)', (2, 2, 2, 3, 2)),
    ('LayerNorm(7)', (3, 7)),
    ('LayerNorm((3, 4), 0.5, bias=False)', (2, 3, 4)),
    ('LayerNorm((5, 2), elementwise_affine=False)', (2, 2, 5, 2)),
    ('LazyLayerNorm()', (2, 3, 8), 'LayerNorm(8)'),
    ('LazyLayerNorm(3, 0.25)', (2, 3, 2, 4), 'LayerNorm((3, 2, 4), 0.25)'),
    ('RMSNorm(6)', (4, 6)),
    ('RMSNorm((3, 4), eps=0.5, elementwise_affine=False)', (2, 3, 4)),
    ('GroupNorm(2, 6)', (2, 6, 3)),
    ('GroupNorm(3, 6, 0.5, bias=False)', (2, 6, 2, 3)),
    ('LazyGroupNorm(2)', (3, 4), 'GroupNorm(2, 4)'),
    ('LazyGroupNorm(1, affine=False)', (2, 3, 2, 2, 2), 'GroupNorm(1, 3, affine=False)'),
]


def value(i, step):
    return ((i * 37 + 11 + step * 53) % 257 - 128) / 64 + step / 4


def words(tensor):
    return [struct.unpack('<I', struct.pack('<f', x))[0] for x in tensor.flatten().tolist()]


def main():
    print(f'/* Made by make_torch_norm.py with PyTorch {torch.__version__.split("+")[0]}, CPU. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_TORCH_NORM_H\n#define LAZYRT_TESTS_GOLDEN_TORCH_NORM_H\n\n#include <lazyrt/types.h>\n#include <stdint.h>\n')
    tables = []
    for number, (text, shape, *other) in enumerate(CASES):
        torch.manual_seed(0)
        module = eval('nn.' + (other[0] if other else text))
        found = []
        for step in range(3):
            x = torch.tensor([value(i, step) for i in range(math.prod(shape))], dtype=torch.float32).reshape(shape)
            module.train(step < 2)
            if step == 0 and 'Lazy' in text and not other:
                module.initialize_parameters(x)
            if step == 0:
                with torch.no_grad():
                    for name, factor in (('weight', 8), ('bias', 4)):
                        param = getattr(module, name, None)
                        if param is not None:
                            param.copy_((torch.arange(param.numel()) % 16 / factor + 0.5).reshape(param.shape))
            found += words(module(x).detach())
        for name, buffer in module.named_buffers():
            if name != 'num_batches_tracked':
                found += words(buffer)
        batches = getattr(module, 'num_batches_tracked', None)
        print(f'static const uint32_t golden_norm_{number}[] = {{')
        for i in range(0, len(found), 8):
            print('    ' + ' '.join(f'0x{w:08x},' for w in found[i:i + 8]))
        print('};')
        dims = ', '.join(str(d) for d in shape)
        tables.append(f'    {{"{text}", "{module!r}", {{.rank = {len(shape)}, .dims = {{{dims}}}}}, '
                      f'{-1 if batches is None else int(batches)}, golden_norm_{number}}},')
    print('\nstatic const struct {\n  const char *text, *becomes;\n  lazy_shape shape;\n  int64_t batches; /* -1: none */\n'
          '  const uint32_t *values; /* three outputs, running_mean, running_var */\n} golden_norms[] = {')
    print('\n'.join(tables))
    print('};\n\n#endif')


if __name__ == '__main__':
    sys.exit(main())
