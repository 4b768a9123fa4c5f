/* Made by make_torch_spatial.py with PyTorch 2.15.0, CPU. */
#ifndef LAZYRT_TESTS_GOLDEN_TORCH_SPATIAL_H
#define LAZYRT_TESTS_GOLDEN_TORCH_SPATIAL_H

#include <lazyrt/types.h>
#include <stdint.h>

static const uint32_t golden_spatial_0[] = {
    0xbf2c0000, 0x3ef80000, 0x3fd20000, 0x3f8c0000, 0x3fd60000, 0x7fc00000, 0xbfde0000, 0x3f140000,
    0x3fde0000, 0x3f1c0000, 0x3fe20000, 0x3d800000, 0x3fe60000, 0x3dc00000, 0x7f800000, 0x3e000000,
    0x3fee0000, 0x7fc00000,
};
static const uint32_t golden_spatial_1[] = {
    0xbdc00000, 0xbdc00000, 0xbdc00000, 0x7f800000, 0x7f800000, 0x3f8c0000, 0x3f8c0000, 0x7fc00000,
    0x7fc00000, 0x7fc00000, 0x3f140000, 0x3fde0000, 0x3fde0000, 0x3fde0000, 0xbf900000,
};
static const uint32_t golden_spatial_2[] = {
    0xbf9c0000, 0x7f800000, 0x3f8c0000, 0x3fd60000, 0xbf980000, 0x7f800000, 0x7fc00000, 0x3fde0000,
    0xbf8c0000, 0x3d800000, 0x3f9c0000, 0x3fe60000, 0xbf880000, 0x3e000000, 0x3fa40000, 0x7f800000,
    0x7fc00000, 0x7fc00000, 0x3fa40000, 0x3ff20000, 0x80000000, 0x3e600000, 0x3fb00000, 0x3ff60000,
    0xbf680000, 0x7f800000, 0x7f800000, 0x3fb40000, 0xbf500000, 0x7f800000, 0x7fc00000, 0x7fc00000,
    0xbf480000, 0x3ec00000, 0x3fc80000, 0x3fc80000, 0xbf380000, 0xbe100000, 0x3fc80000, 0x3fc80000,
    0x7f800000, 0x7fc00000, 0x3fd40000, 0x3fd40000, 0x80000000, 0x7fc00000, 0x3fd80000, 0x3fd80000,
    0xbf080000, 0x3f200000, 0x7f800000, 0x3fe40000, 0xbf000000, 0x3f280000, 0x7f800000, 0x7fc00000,
    0xbee00000, 0x3f380000, 0x3fa60000, 0x80000000, 0xbec00000, 0x3f480000, 0x3ff80000, 0x3ff80000,
    0x7f800000, 0x7fc00000, 0x7fc00000, 0x3ffc0000, 0xbe800000, 0x7fc00000, 0x7fc00000, 0xbfb40000,
    0xbe800000, 0x3f700000, 0x7f800000, 0x7f800000, 0xbe200000, 0x3f800000, 0x7f800000, 0x7f800000,
};
static const uint32_t golden_spatial_3[] = {
    0xbf9c0000, 0x7f800000, 0xbd800000, 0x7f800000, 0x3f8c0000, 0x3fd60000, 0x3f8c0000, 0xbf980000,
    0x7f800000, 0x80000000, 0x7fc00000, 0x3f940000, 0x7fc00000, 0x3f940000, 0xbf8c0000, 0xbf0c0000,
    0x3d800000, 0x3f240000, 0x3f9c0000, 0x3fe60000, 0x3f9c0000, 0xbf880000, 0xbee80000, 0x3e000000,
    0x3f340000, 0x3fa40000, 0x7f800000, 0x3fa40000, 0xff800000, 0xbee80000, 0x3e000000, 0x3f340000,
    0x3fa40000, 0x3fee0000, 0x3fa40000, 0x7fc00000, 0x80000000, 0x7fc00000, 0x3f440000, 0x3fac0000,
    0x3ff60000, 0x3fac0000, 0xbf680000, 0x80000000, 0x3e800000, 0x3f540000, 0x3fb40000, 0x3ff60000,
    0x3fb40000, 0xbf580000, 0xbe880000, 0x7f800000, 0x3f640000, 0x7fc00000, 0x3f640000, 0x7fc00000,
    0xbf480000, 0xbe500000, 0x3ec00000, 0x3f640000, 0x7fc00000, 0x3f640000, 0x7fc00000, 0xbf480000,
    0xbe500000, 0x3ec00000, 0xbe500000, 0x3fc40000, 0xff800000, 0x3fc40000, 0xbf380000, 0xbe100000,
    0xbf380000, 0x3f820000, 0x3fc80000, 0x3f820000, 0x3fc80000, 0xbf280000, 0x7fc00000, 0x3f000000,
    0x7fc00000, 0x3fd40000, 0x3f860000, 0x3fd40000, 0x80000000, 0x7fc00000, 0x3f080000, 0x7fc00000,
    0x3fd80000, 0x3f920000, 0x3fd80000, 0xbf080000, 0x3c800000, 0x3f200000, 0x7f800000, 0x3fe40000,
    0x7f800000, 0x3fe40000, 0xbf080000, 0xff800000, 0x3f200000, 0x7f800000, 0x3fe40000, 0x7f800000,
    0x3fe40000,
};
static const uint32_t golden_spatial_4[] = {
    0xbf980000, 0x3fd60000, 0xbfe60000, 0x3f880000,
};
static const uint32_t golden_spatial_5[] = {
    0xbfa00000, 0xbdc00000, 0x3ef80000, 0xff800000, 0x3fd60000, 0x7f800000, 0x7f800000, 0xbd000000,
    0x7fc00000, 0x3fde0000, 0x3fde0000, 0xbf140000, 0xbf0c0000, 0x3f1c0000, 0x3fe20000, 0xff800000,
    0xbf880000, 0x3f240000, 0x3fe60000, 0x3fe60000, 0x7f800000, 0x7fc00000, 0x7fc00000, 0x3f340000,
    0x3f3c0000, 0x3ff20000, 0x80000000, 0xbec80000, 0x3f440000, 0x3ff60000, 0x3ff60000, 0xbf700000,
    0xbea80000, 0x7f800000, 0x7f800000, 0xff800000, 0xbfb60000, 0xbe880000, 0x3f640000, 0x3f640000,
    0x7fc00000, 0x3fc00000, 0x3eb00000, 0x3eb00000, 0x3ec00000, 0x3fc80000, 0x3fc80000, 0xbfa60000,
    0xbe100000, 0x3f820000, 0x3f820000, 0xbfec0000, 0x7f800000, 0x7fc00000, 0x7fc00000, 0x3fd00000,
    0x3fd80000, 0x3fd80000, 0x3f080000, 0x3f080000, 0x3f920000, 0x3f920000, 0xbf100000, 0xbf100000,
    0x3f180000, 0x7f800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x3f280000, 0x3fe80000, 0x3fe80000,
};
static const uint32_t golden_spatial_6[] = {
    0x3ef80000, 0x7fc00000, 0x7f800000, 0x3fde0000, 0x7f800000, 0x3fee0000, 0x7fc00000, 0x3ff20000,
    0x3ff60000, 0x7f800000, 0x3f5c0000, 0x3fb00000, 0x7fc00000, 0x3fc00000, 0x3ec00000, 0x7f800000,
};
static const uint32_t golden_spatial_7[] = {
    0xbf700000, 0x3e480000, 0xbda00000, 0xbf1eaaab, 0x3ec60000, 0xbd400000, 0xbea40000, 0x3f0eaaab,
    0xbe980000, 0xbe940000, 0x3ee20000, 0xbf715555, 0x3cc00000, 0x3ef20000, 0xbf4e0000, 0x3e700000,
    0x3eb00000, 0xbf460000, 0x3f760000, 0x3d955555, 0xbeae0000, 0x3f7e0000, 0xbe920000, 0xbdb55555,
};
static const uint32_t golden_spatial_8[] = {
    0xbfc50000, 0xbf2c0000, 0x3ef80000, 0x3e9aaaab, 0xbf9c0000, 0x3e680000, 0x3f8c0000, 0xbedaaaab,
    0xbf1c0000, 0x3f0c0000, 0xbc800000, 0xbf940000, 0x00000000, 0x3f940000, 0xbebaaaab,
};
static const uint32_t golden_spatial_9[] = {
    0xbf0c71c7, 0xbe7aaaab, 0x3f06aaab, 0xbd2aaaab, 0xbefeaaab, 0xbe5aaaab, 0x3f0c0000, 0x3ebaaaab,
    0xbf35c71c, 0xbe940000, 0x3f195555, 0x3edaaaab, 0xbf25c71c, 0x3d800000, 0x3ea40000, 0x3f00aaab,
    0xbe1aaaab, 0xbe780000, 0x3eac0000, 0x3ea00000, 0xbe8638e4, 0xbef80000, 0x3e92aaab, 0x3f1c71c7,
    0x3d555555, 0xbee80000, 0x3e400000, 0x3f65c71c, 0xbe355555, 0xbef00000, 0x3eb80000, 0x3f038e39,
    0xbdeaaaab, 0xbe980000, 0x3e100000, 0x3ec40000, 0xbea95555, 0xbed80000, 0x3e200000, 0x3e640000,
    0xbed80000, 0xbf395555, 0x3d400000, 0x3ebe38e4, 0xbd8aaaab, 0xbf315555, 0xbe300000, 0x3f09c71c,
    0xbf095555, 0xbf260000, 0x3df55555, 0x3f19c71c, 0xbef2aaab, 0xbf280000, 0xbd200000, 0x3e86aaab,
    0x3e22aaab, 0xbf1a0000, 0xbcc00000, 0x3e080000, 0x3e9f1c72, 0xbf0471c7, 0xbe455555, 0x3f140000,
    0x3ef6aaab, 0xbef8e38e, 0xbf080000, 0x3f200000, 0x3ee2aaab, 0xbe22aaab, 0xbdf55555, 0x3f300000,
    0x3f015555, 0xbf11c71c, 0xbe600000, 0x3e12aaab, 0x3f260000, 0xbde55555, 0xbe500000, 0x3d300000,
};
static const uint32_t golden_spatial_10[] = {
    0x7f800000, 0x3f4a0000, 0xff800000, 0x7fc00000, 0xff800000, 0xff800000, 0xff800000, 0xffc00000,
    0xff800000, 0xff800000, 0x7fc00000, 0xff800000, 0xbef80000, 0x3ef40000, 0xff800000, 0xff800000,
    0xff800000, 0x7f800000, 0xff800000, 0xff800000, 0x7fc00000, 0xff800000, 0xff800000, 0xff800000,
    0x7fc00000, 0xff800000, 0xff800000, 0x7fc00000, 0xff800000, 0xbcc00000,
};
static const uint32_t golden_spatial_11[] = {
    0xbf8a0000, 0xbf600000, 0x3f2aaaab, 0x3fbd5555, 0xbf7eaaab, 0xbf4aaaab, 0xbf355555, 0x3f555555,
    0x3f84aaab, 0xbf540000, 0xbf200000, 0x3f6aaaab,
};
static const uint32_t golden_spatial_12[] = {
    0x3ebb3333, 0x3e09999a, 0xbe4ccccd, 0x3e100000, 0x3db9999a, 0xbebe6666, 0xbd99999a, 0xbe49999a,
    0xbe166666, 0xbec1999a, 0xbed80000, 0xbda66666, 0x3f2c0000, 0x3e566666, 0x3e91999a, 0x3e266666,
};
static const uint32_t golden_spatial_13[] = {
    0xbf200000, 0x3f080000, 0xff800000, 0xff800000, 0xffc00000, 0xff800000, 0x7fc00000, 0xff800000,
    0xff800000, 0xffc00000, 0xff800000, 0xff800000, 0xff800000, 0x7fc00000, 0xff800000, 0xbf5caaab,
    0xff800000, 0xff800000, 0x7fc00000, 0xff800000, 0xff800000, 0xff800000, 0xffc00000, 0xff800000,
    0xff800000, 0x3eb80000, 0xbefc0000, 0x3ef80000, 0xff800000, 0xff800000, 0xffc00000, 0x7fc00000,
    0xff800000, 0xff800000, 0x7f800000, 0xff800000, 0xff800000, 0xbe9aaaab, 0xff800000, 0x7fc00000,
    0xff800000, 0xff800000, 0xff800000, 0xffc00000, 0xff800000, 0xff800000, 0x3cc00000, 0x3e800000,
    0xffc00000, 0xff800000, 0xff800000, 0x3ea00000, 0x7fc00000, 0xff800000,
};
static const uint32_t golden_spatial_14[] = {
    0xbfa00000, 0x3e480000, 0xbda00000, 0xbf240000, 0x3f8c0000, 0xbef20000, 0x3e840000, 0x3ebaaaab,
    0xbf140000, 0x3f5e0000, 0xbed20000, 0x3d000000, 0x3edaaaab, 0xbf4e0000, 0x3f6e0000, 0xbe9aaaab,
};
static const uint32_t golden_spatial_15[] = {
    0xbfa00000, 0xbdc00000, 0xff800000, 0xffc00000, 0xffc00000, 0xff800000, 0xbf980000, 0x7fc00000,
    0x7fc00000, 0xff800000, 0x00000000, 0x3f940000, 0xbf900000, 0xff800000, 0xff800000, 0xff800000,
    0xff800000, 0x3f9c0000, 0xff800000, 0xff800000, 0xffc00000, 0xff800000, 0x3e000000, 0x3fa40000,
};
static const uint32_t golden_spatial_16[] = {
    0xbe0d5555, 0x3d944444, 0x3e90cccd, 0xbe9eaaab, 0xbdcbbbbc, 0x3de33333,
};
static const uint32_t golden_spatial_17[] = {
    0xbe8d0000, 0xbe730000, 0xbe4c0000, 0xbe250000, 0xbdfc0000, 0x3e0c0000, 0x3e330000, 0x3e5a0000,
    0x00000000, 0xbe5a0000, 0xbd300000, 0xbba00000, 0x3d080000, 0x3d920000, 0x3de00000, 0x3ebd0000,
    0x3e200000, 0xbd680000, 0xbc980000, 0x3ca00000,
};
static const uint32_t golden_spatial_18[] = {
    0xbfea0000, 0xbfa00000, 0xbf2c0000, 0xbf2c0000, 0xbdc00000, 0x3ef80000, 0x3ef80000, 0xff800000,
    0x3fd20000, 0x3fd20000, 0xff800000, 0xbf9c0000, 0x7f800000, 0x7f800000, 0xbd800000, 0xbd800000,
    0x3f8c0000, 0x3f8c0000, 0x3fd60000, 0x3fd60000, 0xbfe20000, 0xbf980000, 0xbf1c0000, 0xbd000000,
    0xbd000000, 0x7fc00000, 0x7fc00000, 0x3f900000,
};
static const uint32_t golden_spatial_19[] = {
    0xbdc00000, 0x3ef80000, 0xbf2c0000, 0x3fd20000, 0x3ef80000, 0xbf9c0000, 0x7f800000, 0x3fd60000,
    0xbf9c0000, 0x3f8c0000, 0x3fd60000, 0xbd000000, 0x7fc00000, 0x3f900000, 0xbd000000, 0x80000000,
    0x3f140000, 0x3f940000, 0x3fde0000, 0x3f140000, 0x3f940000, 0x3fde0000, 0x3fe20000, 0x3f1c0000,
    0xbf8c0000, 0x3fe20000, 0x3d800000, 0x3f240000, 0x3f9c0000, 0x3fe60000, 0x3dc00000, 0xbf880000,
    0x3fa00000, 0x7f800000, 0xbfce0000, 0x3fa00000, 0x7f800000, 0x3fee0000, 0x3f340000, 0x7fc00000,
    0x3fee0000, 0xbfca0000, 0x7fc00000, 0xbed80000, 0x3ff20000, 0x3e400000, 0x3f440000, 0x3fac0000,
    0x3ff60000, 0x3f440000, 0x3fac0000, 0x3ff60000, 0x3e600000, 0xbf700000, 0x3fb00000, 0xbea80000,
    0x3e800000, 0x3f540000, 0x3fb40000, 0x3e800000,
};
static const uint32_t golden_spatial_20[] = {
    0x3fd60000, 0x7fc00000, 0x7f800000, 0x7fc00000, 0x7f800000, 0x3fee0000, 0x7fc00000, 0x3fee0000,
    0x3f5c0000, 0x7f800000, 0x3ff60000, 0x3fb40000, 0x7fc00000, 0x7f800000, 0x3fc80000, 0x3fc00000,
};

static const struct {
  const char *text, *printed;
  lazy_shape in, out;
  int specials, sums;
  const uint32_t *values;
} golden_spatial[] = {
    {"MaxPool1d(3)", "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)", {.rank = 3, .dims = {2, 3, 10}}, {.rank = 3, .dims = {2, 3, 3}}, 1, 0, golden_spatial_0},
    {"MaxPool1d(3, 2, 1, 2, ceil_mode=True)", "MaxPool1d(kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True)", {.rank = 2, .dims = {3, 11}}, {.rank = 2, .dims = {3, 5}}, 1, 0, golden_spatial_1},
    {"MaxPool2d(3, stride=2, padding=1)", "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)", {.rank = 4, .dims = {2, 2, 9, 7}}, {.rank = 4, .dims = {2, 2, 5, 4}}, 1, 0, golden_spatial_2},
    {"MaxPool2d((3, 2), stride=(2, 1), padding=(1, 1), dilation=(1, 2), ceil_mode=True)", "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=(1, 1), dilation=(1, 2), ceil_mode=True)", {.rank = 3, .dims = {3, 8, 7}}, {.rank = 3, .dims = {3, 5, 7}}, 1, 0, golden_spatial_3},
    {"MaxPool2d(2, stride=2, padding=1, dilation=4, ceil_mode=True)", "MaxPool2d(kernel_size=2, stride=2, padding=1, dilation=4, ceil_mode=True)", {.rank = 4, .dims = {1, 1, 4, 4}}, {.rank = 4, .dims = {1, 1, 2, 2}}, 0, 0, golden_spatial_4},
    {"MaxPool3d((1, 2, 3), stride=(1, 2, 2), padding=(0, 1, 1), ceil_mode=True)", "MaxPool3d(kernel_size=(1, 2, 3), stride=(1, 2, 2), padding=(0, 1, 1), dilation=1, ceil_mode=True)", {.rank = 5, .dims = {1, 2, 3, 5, 6}}, {.rank = 5, .dims = {1, 2, 3, 3, 4}}, 1, 0, golden_spatial_5},
    {"MaxPool3d(2)", "MaxPool3d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)", {.rank = 4, .dims = {2, 4, 4, 4}}, {.rank = 4, .dims = {2, 2, 2, 2}}, 1, 0, golden_spatial_6},
    {"AvgPool1d(4, 3, 1, True)", "AvgPool1d(kernel_size=(4,), stride=(3,), padding=(1,))", {.rank = 3, .dims = {2, 3, 10}}, {.rank = 3, .dims = {2, 3, 4}}, 0, 1, golden_spatial_7},
    {"AvgPool1d(3, 2, 1, False, False)", "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))", {.rank = 2, .dims = {3, 10}}, {.rank = 2, .dims = {3, 5}}, 0, 1, golden_spatial_8},
    {"AvgPool2d(3, stride=2, padding=1, ceil_mode=True)", "AvgPool2d(kernel_size=3, stride=2, padding=1)", {.rank = 4, .dims = {2, 2, 6, 8}}, {.rank = 4, .dims = {2, 2, 4, 5}}, 0, 1, golden_spatial_9},
    {"AvgPool2d((3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True, count_include_pad=False)", "AvgPool2d(kernel_size=(3, 2), stride=(2, 3), padding=(1, 0))", {.rank = 3, .dims = {2, 8, 9}}, {.rank = 3, .dims = {2, 5, 3}}, 1, 1, golden_spatial_10},
    {"AvgPool2d(2, divisor_override=3)", "AvgPool2d(kernel_size=2, stride=2, padding=0)", {.rank = 4, .dims = {1, 2, 5, 6}}, {.rank = 4, .dims = {1, 2, 2, 3}}, 0, 1, golden_spatial_11},
    {"AvgPool3d(2, stride=3, padding=1, ceil_mode=True, divisor_override=-5)", "AvgPool3d(kernel_size=2, stride=3, padding=1)", {.rank = 5, .dims = {1, 2, 4, 5, 3}}, {.rank = 5, .dims = {1, 2, 2, 2, 2}}, 0, 1, golden_spatial_12},
    {"AvgPool3d((3, 2, 2), stride=2, padding=(1, 1, 0), count_include_pad=False)", "AvgPool3d(kernel_size=(3, 2, 2), stride=2, padding=(1, 1, 0))", {.rank = 4, .dims = {2, 5, 4, 6}}, {.rank = 4, .dims = {2, 3, 3, 3}}, 1, 1, golden_spatial_13},
    {"AdaptiveAvgPool1d(4)", "AdaptiveAvgPool1d(output_size=4)", {.rank = 3, .dims = {2, 2, 11}}, {.rank = 3, .dims = {2, 2, 4}}, 0, 1, golden_spatial_14},
    {"AdaptiveAvgPool2d((None, 3))", "AdaptiveAvgPool2d(output_size=(None, 3))", {.rank = 4, .dims = {1, 2, 4, 7}}, {.rank = 4, .dims = {1, 2, 4, 3}}, 1, 1, golden_spatial_15},
    {"AdaptiveAvgPool2d(1)", "AdaptiveAvgPool2d(output_size=1)", {.rank = 4, .dims = {2, 3, 5, 6}}, {.rank = 4, .dims = {2, 3, 1, 1}}, 0, 1, golden_spatial_16},
    {"AdaptiveAvgPool3d((2, 1, 5))", "AdaptiveAvgPool3d(output_size=(2, 1, 5))", {.rank = 5, .dims = {1, 2, 3, 4, 3}}, {.rank = 5, .dims = {1, 2, 2, 1, 5}}, 0, 1, golden_spatial_17},
    {"AdaptiveMaxPool1d(7)", "AdaptiveMaxPool1d(output_size=7)", {.rank = 3, .dims = {2, 2, 5}}, {.rank = 3, .dims = {2, 2, 7}}, 1, 0, golden_spatial_18},
    {"AdaptiveMaxPool2d((5, None))", "AdaptiveMaxPool2d(output_size=(5, None))", {.rank = 4, .dims = {2, 2, 7, 3}}, {.rank = 4, .dims = {2, 2, 5, 3}}, 1, 0, golden_spatial_19},
    {"AdaptiveMaxPool3d(2)", "AdaptiveMaxPool3d(output_size=2)", {.rank = 5, .dims = {1, 2, 5, 3, 4}}, {.rank = 5, .dims = {1, 2, 2, 2, 2}}, 1, 0, golden_spatial_20},
};

#endif
