#!/usr/bin/env bash
# Holds the GPU kernels to kernels/budgets.txt: registers, shared memory, and nothing on the stack, as ptxas reports them.
#   tools/cmake/budgets.sh [--print] [NVCC [SOURCE_DIR [ARCHITECTURE...]]]
# --print writes the table that kernels/budgets.txt would have. Exit: 0 within budgets, 1 not, 77 no nvcc.
set -euo pipefail
print=
if [ "${1:-}" = --print ]; then print=yes; shift; fi
nvcc=${1:-$(command -v nvcc || echo "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc")}
root=${2:-$(cd "$(dirname "$0")/../.." && pwd)}
shift $(($# < 2 ? $# : 2))
architectures=("$@")
[ ${#architectures[@]} -gt 0 ] || architectures=(75 80 86 89 90 100 120)
if ! [ -x "$nvcc" ]; then
  echo "budgets: no nvcc, nothing checked"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for source in "$root"/kernels/*.cu; do printf '#include "%s"\n' "$source"; done >"$work/kernels.cu"
report() { # one line per kernel: architecture kernel registers shared stack spills
  "$nvcc" -std=c++17 -O3 -fmad=false -I"$root" -I"$root/include" -arch="sm_$1" -cubin -Xptxas -v -o "$work/$1.cubin" \
    "$work/kernels.cu" 2>&1 | tee "$work/$1.log" | awk -v arch="$1" '
    /Compiling entry function/ { split($0, q, "\x27"); kernel = q[2] }
    /bytes stack frame/ { stack = $1; spills = $5 + $9 }
    /Used [0-9]+ registers/ {
      registers = shared = 0
      for (i = 1; i < NF; i++) {
        if ($i == "Used") registers = $(i + 1)
        if ($(i + 1) == "bytes" && $(i + 2) ~ /^smem/) shared = $i
      }
      print arch, kernel, registers, shared, stack, spills
    }'
  if [ "${PIPESTATUS[0]}" -ne 0 ]; then cat "$work/$1.log" >&2; return 1; fi
}
printf '%s\n' "${architectures[@]}" | (
  export -f report
  export nvcc root work
  xargs -P "$(nproc)" -I '{}' bash -c 'set -o pipefail; report "$1" >"$2/$1.txt"' _ '{}' "$work"
)
cat "$work"/*.txt >"$work/all"

if [ -n "$print" ]; then
  awk '{ if ($3 > registers[$2]) registers[$2] = $3; if ($4 > shared[$2]) shared[$2] = $4 }
    END { for (k in registers) print k, registers[k], shared[k] + 0 }' "$work/all" | sort
  exit 0
fi
awk -v architectures="${#architectures[@]}" '
  NR == FNR { if ($0 !~ /^#/ && NF == 3) { registers[$1] = $2; shared[$1] = $3 } next }
  {
    seen[$2]++
    if (!($2 in registers)) { print "budgets: " $2 " has none in kernels/budgets.txt"; bad = 1; next }
    if ($3 > registers[$2]) { print "budgets: " $2 " on sm_" $1 ": " $3 " registers, allowed " registers[$2]; bad = 1 }
    if ($4 > shared[$2]) { print "budgets: " $2 " on sm_" $1 ": " $4 " bytes shared, allowed " shared[$2]; bad = 1 }
    if ($5 + $6 > 0) { print "budgets: " $2 " on sm_" $1 ": " $5 " bytes of stack, " $6 " spilled"; bad = 1 }
  }
  END {
    for (k in registers) if (seen[k] != architectures) { print "budgets: " k " was compiled for " seen[k] + 0 " of " architectures " architectures"; bad = 1 }
    if (!bad) print "budgets: every kernel within its own on " architectures " architectures"
    exit bad
  }' "$root/kernels/budgets.txt" "$work/all"
