#!/usr/bin/env python3
"""lazyrt and PyTorch in turn, on the same cores, in one run: medians and their ratios.

    bench/against_torch.py [--build build/full] [--rounds 5] [--python PYTHON ...] [--device cuda]

Every round runs each program once, in turn, so that a drift of the machine's speed meets all of them. PyTorch is what the
given interpreters import (default: python3, /usr/bin/python3 and $LAZYRT_TORCH_PYTHON, where they have torch); the
faster of them is the rival of each row. On a GPU both draw eight times before they wait, and no ratio is wanted yet.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

RIVAL = r"""
import json, time, warnings
warnings.simplefilter('ignore')
import torch
from torch import nn
torch.set_num_threads(len(__import__('os').sched_getaffinity(0)))
device = __import__('os').environ.get('LAZYRT_BENCH_DEVICE', 'host').replace('host', 'cpu')
wait = torch.cuda.synchronize if device != 'cpu' else lambda: None
draws = 8 if device != 'cpu' else 1

def median(body, runs):
    body()
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - begun)
    return sorted(seconds)[runs // 2]

def first_forward(layers, features):
    x = torch.ones(1, features, device=device)
    def body():
        model = nn.Sequential(*[nn.LazyLinear(features, device=device) for _ in range(layers)])
        with torch.no_grad():
            model(x)
        wait()
    return body

def uniform(dtype, count):
    buffer = torch.empty(count, dtype=dtype, device=device)
    return lambda: ([buffer.uniform_(-0.5, 0.5) for _ in range(draws)], wait())

def normal(dtype, count):
    buffer = torch.empty(count, dtype=dtype, device=device)
    return lambda: ([buffer.normal_(0, 0.5) for _ in range(draws)], wait())

print(json.dumps({
    'version': torch.__version__,
    'chain': median(first_forward(1000, 4), 5),
    'wide': median(first_forward(8, 4096), 3),
    'uniform_f32': median(uniform(torch.float32, 1 << 26), 3),
    'uniform_bf16': median(uniform(torch.bfloat16, 1 << 26), 3),
    'normal_f32': median(normal(torch.float32, 1 << 26), 3),
    'normal_bf16': median(normal(torch.bfloat16, 1 << 26), 3),
}))
"""

# (row, our bench, the rival's figure, wanted ratio)
ROWS = [
    ('1,000 x LazyLinear(4): construct + dry run', 'first_forward', 'chain_of_4_dry_run/1000', 'chain', 50),
    ('1,000 x LazyLinear(4): construct + forward', 'first_forward', 'chain_of_4_forward/1000', 'chain', 20),
    ('8 x LazyLinear(4096): dry run, cold', 'first_forward', 'eight_of_4096_dry_run_cold', 'wide', 4),
    ('8 x LazyLinear(4096): dry run, warm arena', 'first_forward', 'eight_of_4096_dry_run_warm', 'wide', 12),
    ('8 x LazyLinear(4096): forward, cold', 'first_forward', 'eight_of_4096_forward_cold', 'wide', None),
    ('8 x LazyLinear(4096): forward, warm arena', 'first_forward', 'eight_of_4096_forward_warm', 'wide', None),
    ('draw 2^26 uniform f32', 'init', 'uniform_f32/67108864', 'uniform_f32', 14),
    ('draw 2^26 uniform bf16', 'init', 'uniform_bf16/67108864', 'uniform_bf16', 15),
    ('draw 2^26 normal f32', 'init', 'normal_f32/67108864', 'normal_f32', 6),
    ('draw 2^26 normal bf16', 'init', 'normal_bf16/67108864', 'normal_bf16', 20),
]


def interpreters(given):
    """Interpreters that have torch, each once, with the versions they report."""
    names = given or ['python3', '/usr/bin/python3'] + os.environ.get('LAZYRT_TORCH_PYTHON', '').split()
    found = {}
    for name in names:
        probe = subprocess.run([name, '-c', 'import torch, sys; print(torch.__version__)'], capture_output=True, text=True)
        if probe.returncode == 0:
            found.setdefault(probe.stdout.strip(), name)
    return found


def ours(build, program, row):
    """Seconds of one of our benches, one repetition."""
    out = subprocess.run(
        [os.path.join(build, 'bench', program), f'--benchmark_filter=^{row}(/(manual|real)_time)?$', '--benchmark_repetitions=1',
         '--benchmark_format=json'],
        capture_output=True, text=True, check=True)
    runs = [run for run in json.loads(out.stdout)['benchmarks'] if run.get('run_type') == 'iteration']
    scale = {'ns': 1e-9, 'us': 1e-6, 'ms': 1e-3, 's': 1.0}
    return runs[0]['real_time'] * scale[runs[0]['time_unit']]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='build/full')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--python', action='append', default=[])
    parser.add_argument('--device', default='host')
    options = parser.parse_args()
    os.environ['LAZYRT_BENCH_DEVICE'] = options.device
    if options.device != 'host':
        ROWS[:] = [row[:4] + (None,) for row in ROWS]
    rivals = interpreters(options.python)
    if not rivals:
        sys.exit('no interpreter with torch: install python3-torch, or name one with --python')
    figures = {row[2]: [] for row in ROWS}
    theirs = {version: [] for version in rivals}
    for _ in range(options.rounds):
        for _, program, row, _, _ in ROWS:
            figures[row].append(ours(options.build, program, row))
        for version, name in rivals.items():
            out = subprocess.run([name, '-c', RIVAL], capture_output=True, text=True, check=True)
            theirs[version].append(json.loads(out.stdout))
    print('| what | lazyrt | ' + ' | '.join(f'torch {version}' for version in rivals) + ' | ratio | wanted |')
    print('|---|---|' + '---|' * len(rivals) + '---|---|')
    short = False
    for label, _, row, figure, wanted in ROWS:
        mine = statistics.median(figures[row])
        others = [statistics.median(run[figure] for run in theirs[version]) for version in rivals]
        ratio = min(others) / mine
        short = short or (wanted is not None and ratio < wanted)
        print(f'| {label} | {mine * 1e3:.3f} ms | ' + ' | '.join(f'{value * 1e3:.1f} ms' for value in others)
              + f' | {ratio:.1f} x | ' + (f'{wanted} x' if wanted else '') + ' |')
    sys.exit(1 if short else 0)


if __name__ == '__main__':
    main()
