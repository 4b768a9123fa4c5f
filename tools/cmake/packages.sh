# Sourced by tools/run, tools/test and .ci/*: installs what a build needs where it may, else prints the line to run.
# Each package has a probe; one that is there by other means than apt is left alone.

say() { printf '%s\n' "$*" >&2; }

has_header() { printf '#include <%s>\n' "$2" | "$1" -E -x "$3" - >/dev/null 2>&1; }

has_package() {
  case $1 in
    build-essential) has_header cc stdio.h c && command -v c++ >/dev/null && command -v make >/dev/null ;;
    cmake) command -v cmake >/dev/null && cmake_is_new_enough ;;
    ninja-build) command -v ninja >/dev/null ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    libjansson-dev) command -v pkg-config >/dev/null && pkg-config --exists jansson ;;
    libxxhash-dev) has_header cc xxhash.h c ;;
    libgtest-dev) has_header c++ gtest/gtest.h c++ ;;
    libbenchmark-dev) has_header c++ benchmark/benchmark.h c++ ;;
    libopenblas0-pthread) /sbin/ldconfig -p 2>/dev/null | grep -q 'libopenblas\.so\.0\|libcblas\.so\.3' ;;
    libclang-rt-dev) printf 'int main(void) { return 0; }' | clang -fsanitize=address -x c - -o /dev/null 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

cmake_is_new_enough() {
  [ "$(printf '3.25\n%s\n' "$(cmake --version | sed -n '1s/[^0-9]*//p')" | sort -V | head -n 1)" = 3.25 ]
}

# need_packages [--optional] PACKAGE...: what is missing and optional costs a remark, not the run.
need_packages() {
  optional=
  if [ "$1" = --optional ]; then optional=yes; shift; fi
  missing=
  for package in "$@"; do
    has_package "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  as_root=
  if ! command -v apt-get >/dev/null; then
    as_root=no
  elif [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root=no; fi
  fi
  if [ "$as_root" != no ]; then
    say "installing:$missing"
    mkdir -p build
    # shellcheck disable=SC2086 # lists of words
    if { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
      --no-install-recommends -o Dpkg::Use-Pty=0 $missing; } </dev/null >build/packages.log 2>&1; then
      return 0
    fi
    cat build/packages.log >&2
    say "the installation failed"
  fi
  if [ -n "$optional" ]; then
    say "not installed, and not needed:$missing"
    return 0
  fi
  say "missing; please run:"
  say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing"
  exit 2
}

# need_build_packages [PACKAGE...]: what any build needs, and these.
need_build_packages() {
  need_packages build-essential cmake ninja-build pkg-config libjansson-dev libxxhash-dev "$@"
  # Opened at run time for large products; the library's own kernel serves without it.
  need_packages --optional libopenblas0-pthread
}

processors() { nproc 2>/dev/null || echo 2; }

# configure_and_build PRESET [CMAKE ARGUMENT...]: silent unless it fails or warns; progress on stderr.
configure_and_build() {
  preset=$1
  shift
  if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  say "configuring build/$preset"
  mkdir -p build
  if ! cmake --preset "$preset" "$@" >"build/$preset-configure.log" 2>&1 </dev/null; then
    cat "build/$preset-configure.log" >&2
    say "configuring failed"
    exit 1
  fi
  say "building build/$preset"
  quiet=--quiet
  if [ -t 2 ]; then quiet=; fi
  # shellcheck disable=SC2086 # nothing or one word
  if ! ninja -C "build/$preset" -j "$(processors)" $quiet </dev/null >&2; then
    say "building failed"
    exit 1
  fi
}
