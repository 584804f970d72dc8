#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: install_test.sh BUILD_FOLDER. Installs into a prefix with a space in its name, moves it,
# builds the examples against it as a user would, and compares the registries.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "install: $*" >&2; exit 1; }
# The compiler cache, if there is one, also serves a folder with another name.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$folder CCACHE_NOHASHDIR=true
fi

cmake --install "$1" --prefix "$folder/first" >"$folder/log" || { cat "$folder/log"; fail "cmake --install"; }
prefix="$folder/moved here"
mv "$folder/first" "$prefix"
[[ $(cd "$prefix/include" && echo *) == weft ]] || fail "headers lie outside include/weft"

# A missing component is an error that says why. A missing optional component is no error.
mkdir "$folder/finds"
# asks_for "ARGUMENTS OF find_package" [OPTION OF cmake…] prints the log of cmake as one line,
# because cmake breaks lines.
asks_for() {
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(finds LANGUAGES CXX)\nfind_package(weft %s)\n' "$1" >"$folder/finds/CMakeLists.txt"
  rm -rf "$folder/finds/build"
  local code=0
  cmake -S "$folder/finds" -B "$folder/finds/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" "${@:2}" >"$folder/log" 2>&1 || code=$?
  tr -s '\n ' ' ' <"$folder/log"
  return "$code"
}
refused() {  # refused WHY [ARGUMENT OF asks_for…]
  local log
  log=$(asks_for "${@:2}") && fail "find_package(weft ${*:2}) is not refused"
  [[ $log == *"$1"* ]] || fail "find_package(weft ${*:2}) does not say '$1': $log"
}
refused "component tests is not available: it is unknown; known: testing" "REQUIRED COMPONENTS tests"
refused "GoogleTest was not found" "REQUIRED COMPONENTS testing" -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON
testing=$(find "$prefix" -name weftTesting.cmake)
mv "$testing" "$folder/weftTesting.cmake"
refused "built without tests" "REQUIRED COMPONENTS testing"
asks_for "REQUIRED OPTIONAL_COMPONENTS testing" >/dev/null || { cat "$folder/log"; fail "an optional component is required"; }
mv "$folder/weftTesting.cmake" "$testing"
asks_for "REQUIRED COMPONENTS testing" >/dev/null || { cat "$folder/log"; fail "the component testing is not found"; }

cp -r "$root/examples" "$folder/examples"
cmake -S "$folder/examples" -B "$folder/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >"$folder/log" ||
  { cat "$folder/log"; fail "find_package(weft)"; }
cmake --build "$folder/build" >"$folder/log" || { cat "$folder/log"; fail "the examples do not build"; }

ctest --test-dir "$folder/build" --output-on-failure >"$folder/log" || { cat "$folder/log"; fail "ctest in examples/"; }
grep -q 'example_own_op_test .* Passed' "$folder/log" || fail "the op test of examples/ did not run"

# The kernel of a user is tested plain and under both sanitizers. Without its first barrier, the
# race is reported with its line.
[[ $(grep -c 'example_own_kernel_test.* Passed' "$folder/log") == 3 ]] || fail "the kernel of examples/ was not tested three times"
sed -i '0,/  __syncthreads();/s///' "$folder/examples/own_kernel.cu"
cmake --build "$folder/build" --target example_own_kernel_test_tsan >"$folder/log" || { cat "$folder/log"; fail "a kernel without a barrier does not build"; }
"$folder/build/example_own_kernel_test_tsan" >"$folder/log" 2>&1 && fail "a missing barrier was not noticed"
grep -q 'weft: race in kernel.*own_kernel.cu:' "$folder/log" || { cat "$folder/log"; fail "a race was not named"; }

"$folder/build/example_own_strategy" >"$folder/log" || { cat "$folder/log"; fail "example_own_strategy"; }
"$folder/build/example_own_optimizer" >"$folder/log" || { cat "$folder/log"; fail "example_own_optimizer"; }

# A kernel of a user inside an op, on the CPU and on the emulated GPU if there is one.
devices=(cpu)
! grep -q '^WEFT_CUDA:STRING=EMULATED' "$1/CMakeCache.txt" || devices+=(cuda)
for device in "${devices[@]}"; do
  "$folder/build/example_own_cuda_op" "$device" >"$folder/log" 2>&1 || { cat "$folder/log"; fail "example_own_cuda_op $device"; }
done
listed=$("$folder/build/example_own_schedule") || fail "example_own_schedule: exit code $?"
echo "$listed"
grep -q '^scheduler:.* cosine .*inverse_sqrt' <<<"$listed" || fail "the schedules are not all there"

# The program of the README reaches an accuracy above 90 % and saves its weights.
(cd "$folder" && "$folder/build/example_quickstart" >"$folder/log") || { cat "$folder/log"; fail "example_quickstart"; }
[[ -s $folder/digits.safetensors ]] || fail "example_quickstart saved no weights"

# The programs for MNIST, on a few black pictures of the class 0.
mkdir "$folder/mnist"
for split in train t10k; do
  { printf '\0\0\10\3\0\0\1\0\0\0\0\34\0\0\0\34'; head -c $((256 * 28 * 28)) /dev/zero; } >"$folder/mnist/$split-images-idx3-ubyte"
  { printf '\0\0\10\1\0\0\1\0'; head -c 256 /dev/zero; } >"$folder/mnist/$split-labels-idx1-ubyte"
done
for program in mnist_mlp mnist_cnn; do
  (cd "$folder" && "$folder/build/example_$program" "$folder/mnist" 1 >"$folder/log") || { cat "$folder/log"; fail "example_$program"; }
  grep -q 'epoch 1 .*test accuracy 1.0000' "$folder/log" || { cat "$folder/log"; fail "example_$program learned nothing"; }
done

# A plugin is built and used as docs/plugins.md says. Each kind has an entry of it, which trains.
if [[ -x $prefix/bin/weft ]]; then
  weft=$prefix/bin/weft plugin=$folder/examples/plugin
  cmake -S "$plugin" -B "$plugin/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" >"$folder/log" &&
    cmake --build "$plugin/build" >"$folder/log" || { cat "$folder/log"; fail "the plugin of examples/ does not build"; }
  listed=$("$weft" list --plugin "$plugin/build/libmine.so") || fail "weft list --plugin: exit code $?"
  while read -r kind entries; do
    [[ $entries == *"(libmine.so)"* ]] || fail "examples/plugin has no $kind"
  done <<<"$listed"
  "$weft" train "$plugin/mine.yaml" run.dir="$folder/run" train.epochs=4 >"$folder/log" 2>&1 ||
    { cat "$folder/log"; fail "mine.yaml does not train"; }
  "$weft" evaluate "$folder/run" >"$folder/log" 2>&1 && fail "a path in a run folder was opened"
  "$weft" evaluate "$folder/run" --plugin "$plugin/build/libmine.so" >"$folder/log" 2>&1 ||
    { cat "$folder/log"; fail "the run of the plugin is not evaluated"; }
fi

# Each registry of the prefix has the entries of the tree's.
if [[ -x $prefix/bin/weft ]]; then
  [[ -n $("$prefix/bin/weft" list) ]] || fail "weft list prints nothing"
  diff <("$1/weft" list) <("$prefix/bin/weft" list) || fail "weft list differs from the tree's"
fi
