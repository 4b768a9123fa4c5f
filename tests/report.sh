#!/bin/sh
# What the last run of the tests ran where: a line for every suite, a column for every way that its tests run, the reason
# of every skip.
#   tests/report.sh BUILD_DIR
set -eu
reports=$1/tests/report
if ! [ -d "$reports" ]; then
  echo "$reports: no test has run"
  exit 1
fi
cat "$reports"/*.tsv | awk -F '\t' '
  function cell(suite, column,   key, text) {
    key = suite SUBSEP column
    if (!(key in passed)) return "-"
    text = passed[key] + 0
    if (failed[key]) text = text ", " failed[key] " FAILED"
    if (skipped[key]) text = text ", " skipped[key] " skipped"
    return text
  }
  $1 == "skip" { skips[++skip_count] = $2 ": " $3; next }
  $1 == "absent" { absent = 1; next }
  {
    if (!($1 in known)) { known[$1] = 1; suites[++suite_count] = $1 }
    passed[$1, $2] += $3; failed[$1, $2] += $4; skipped[$1, $2] += $5
    passed["all", $2] += $3; failed["all", $2] += $4; skipped["all", $2] += $5
  }
  function row(suite) {
    printf "%-24s %14s %14s %14s %14s %14s\n", suite, cell(suite, "once"), cell(suite, "host"), cell(suite, "shuffled"),
      cell(suite, "fault"), cell(suite, "ptx")
  }
  END {
    printf "%-24s %14s %14s %14s %14s %14s\n", "suite", "once", "host", "host shuffled", "host, fault", "PTX"
    for (i = 1; i <= suite_count; i++) row(suites[i])
    row("all")
    if (absent) print "no PTX column: nvcc made no kernels for this build"
    for (i = 1; i <= skip_count; i++) print "skipped: " skips[i]
  }'
