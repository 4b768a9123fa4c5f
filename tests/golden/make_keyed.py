#!/usr/bin/env python3
"""Writes tests/golden/keyed.h: the stream keyed/1 told again in Python, from its description alone.

    tests/golden/make_keyed.py > tests/golden/keyed.h

Needs the packages xxhash and numpy. The model is Sequential(LazyLinear(5), LazyLinear(3)) on an input of 7 features, its root
named "net"; values are bits in state-dict order, for each dtype.
"""
import math
import struct

import numpy
import xxhash

SEED = 0x123456789ABCDEF0
LAYERS = [('0', 7, 5), ('1', 5, 3)]
MASK = (1 << 64) - 1


def finish(x):
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = ((x ^ x >> 33) * multiplier) & MASK
    return x ^ x >> 33


def key(parts):
    """Of the parameter at root name and path: parts kept apart by their lengths, then mixed with the seed."""
    text = b''.join(struct.pack('<I', len(part)) + part.encode() for part in parts)
    return finish(xxhash.xxh64_intdigest(text, seed=0) ^ finish((SEED + 0x9E3779B97F4A7C15) & MASK))


def philox(key64, block):
    """Philox4x32-10 with a 64-bit counter: four words."""
    c = [block & 0xFFFFFFFF, block >> 32, 0, 0]
    k = [key64 & 0xFFFFFFFF, key64 >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, p0 >> 32 ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def signed(word, bits):
    return word - (1 << bits) if word >> (bits - 1) else word


def uniform32(key64, bound, count):
    """float32: int32 -> float, times bound 2^-31, each step rounded."""
    scale = numpy.float32(bound * 2.0**-31)
    words = [philox(key64, e // 4)[e % 4] for e in range(count)]
    return [numpy.float32(signed(word, 32)) * scale for word in words]


def uniform64(key64, bound, count):
    scale = bound * 2.0**-63
    out = []
    for e in range(count):
        words = philox(key64, e // 2)
        low, high = words[2 * (e % 2)], words[2 * (e % 2) + 1]
        out.append(float(signed(high << 32 | low, 64)) * scale)
    return out


def bf16_bits(x):
    bits = struct.unpack('<I', struct.pack('<f', x))[0]
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def values(dtype):
    gain = math.sqrt(2.0 / (1.0 + math.sqrt(5.0)**2))
    for name, features, outputs in LAYERS:
        weight_bound = math.sqrt(3.0) * (gain / math.sqrt(features))
        bias_bound = 1 / math.sqrt(features)
        for parameter, bound, count in (('weight', weight_bound, features * outputs), ('bias', bias_bound, outputs)):
            key64 = key(['net', name, parameter])
            if dtype == 'f64':
                yield from (struct.unpack('<Q', struct.pack('<d', x))[0] for x in uniform64(key64, bound, count))
            else:
                for x in uniform32(key64, bound, count):
                    yield {'f32': lambda: struct.unpack('<I', struct.pack('<f', x))[0],
                           'f16': lambda: int(numpy.float16(x).view(numpy.uint16)),
                           'bf16': lambda: bf16_bits(x)}[dtype]()


def main():
    print('/* Made by make_keyed.py. */')
    print('#ifndef LAZYRT_TESTS_GOLDEN_KEYED_H\n#define LAZYRT_TESTS_GOLDEN_KEYED_H\n\n#include <stdint.h>\n')
    print(f'#define GOLDEN_KEYED_SEED 0x{SEED:016x}u')
    for dtype, word in (('f32', 'uint32_t'), ('f16', 'uint16_t'), ('bf16', 'uint16_t'), ('f64', 'uint64_t')):
        bits = list(values(dtype))
        digits = {'uint16_t': 4, 'uint32_t': 8, 'uint64_t': 16}[word]
        print(f'\nstatic const {word} golden_keyed_{dtype}[{len(bits)}] = {{')
        for i in range(0, len(bits), 6):
            print('    ' + ' '.join(f'0x{b:0{digits}x},' for b in bits[i:i + 6]))
        print('};')
    print('\n#endif')


if __name__ == '__main__':
    main()
