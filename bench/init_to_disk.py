#!/usr/bin/env python3
"""Writes a transformer's initial values to disk, against dd writing as many zeros to the same disk.

    bench/init_to_disk.py [--build BUILD] [--folder FOLDER] [--blocks N] [--rounds N]

Rounds are interleaved: dd with conv=fdatasync, `lazyrt init --stream-out`, `lazyrt init -o`, each followed by a sync and by
removing what it wrote. Both of ours sync before they rename. Prints every round, medians and ratios to dd.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

WIDTH = 2048
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def model_text(blocks):
    """Per block what a transformer's has: four projections and two layers of four times the width between them."""
    lines = [f"# input: 1x{WIDTH}", "Net("]
    for block in range(blocks):
        lines.append(f"  (block{block}): Sequential(")
        for index, width in enumerate((WIDTH, WIDTH, WIDTH, WIDTH, 4 * WIDTH, WIDTH)):
            lines.append(f"    ({index}): LazyLinear({width})")
        lines.append("  )")
    return "\n".join(lines + [")", ""])


def timed(command, output):
    os.sync()
    begun = time.monotonic()
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.monotonic() - begun
    if os.path.isdir(output):
        shutil.rmtree(output)
    else:
        os.remove(output)
    return seconds, found.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "full"))
    parser.add_argument("--folder", help="on the disk to measure; default: a temporary one")
    parser.add_argument("--blocks", type=int, default=20, help="20 are 1,007,001,600 parameters")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        model, zeros, streamed, whole = (os.path.join(folder, n) for n in ("model.txt", "zeros", "streamed", "whole"))
        with open(model, "w", encoding="utf-8") as file:
            file.write(model_text(options.blocks))
        tool = [os.path.join(options.build, "lazyrt"), "init", model, "--dtype", "bf16", "--quiet"]
        ways = {"dd": None, "init --stream-out": ([*tool, "--stream-out", streamed], streamed),
                "init -o": ([*tool, "-o", whole], whole)}
        size = 0
        seconds = {name: [] for name in ways}
        for number in range(options.rounds + 1):  # the first one finds the size, and warms up
            for name, way in ways.items():
                if way is None:
                    if size == 0:
                        continue
                    way = (["dd", "if=/dev/zero", f"of={zeros}", "bs=4M", f"count={size}", "iflag=count_bytes",
                            "conv=fdatasync"], zeros)
                took, text = timed(*way)
                if name != "dd":
                    size = int(re.search(r"data_bytes=(\d+)", text)[1])
                if number > 0:
                    seconds[name].append(took)
            if number > 0:
                print(f"round {number}: " + ", ".join(f"{name} {times[-1]:.2f} s" for name, times in seconds.items()),
                      flush=True)
        base = statistics.median(seconds["dd"])
        for name, times in seconds.items():
            middle = statistics.median(times)
            print(f"{name}: {middle:.2f} s, {size / middle / 1e6:.0f} MB/s, {middle / base:.2f} x dd")


main()
