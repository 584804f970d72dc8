# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # sourced by ./run, which defines what is used here
# The verbs for kernel authors: op, new-op, kernel-info, gpu-plans, torture-kernels,
# gpu-check.

emulated_presets=(emulated emulated-asan emulated-tsan)

# Runs the rows of an op on the CPU and on the emulated GPU, and its kernels plain and under the
# sanitizers. The binaries have only the tests of the op and what these need (cmake/op_tests.cmake).
# The plain build is the preset `dev`, which compiles a changed file alone.
run_op() {
  local name=${1:-} tests rows kernels sources one binary failed=0
  [[ $# -eq 1 ]] || stop "op: the name of one op is required: ./run op softmax"
  tests=$(python3 "$root/tools/op_tests.py" "$name") || exit $?
  { read -r rows; read -r kernels; sources=$(cat); } <<<"$tests"
  export GOMP_SPINCOUNT=2000 ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=0 \
    TSAN_OPTIONS=halt_on_error=1:report_signal_unsafe=0
  for one in dev emulated-asan emulated-tsan; do
    preset=$one build=$root/build/$one
    local wanted=()
    [[ -z $kernels ]] || wanted+=(op_kernels)
    [[ -z $rows || $one != dev ]] || wanted+=(op_rows)
    [[ ${#wanted[@]} -gt 0 ]] || continue
    local list=$build/op_sources.txt
    mkdir -p "$build"
    [[ $sources == "$(cat "$list" 2>/dev/null)" ]] || printf '%s\n' "$sources" >"$list"
    set_up ON "${build_packages[@]}" "${test_packages[@]}" -- "${wanted[@]}"
    # The binaries of another op would run no test of this one, and pass.
    [[ $sources == "$(cat "$list")" ]] || stop "op: another ./run op in this clone is building another op; wait for it, then run again"
    for binary in "${wanted[@]}"; do
      local filter=$kernels
      [[ $binary == op_kernels ]] || filter=$rows
      say "$binary, build/$preset, $filter"
      "$build/$binary" --gtest_brief=1 --gtest_filter="$filter" || failed=1
    done
  done
  return "$failed"
}

# Both tools read all arguments before anything is configured.
run_kernel_info() {
  local tool=kernel_info.py
  [[ $# -gt 0 ]] || stop "kernel-info: the name of an op or --all is required: ./run kernel-info softmax"
  [[ " $* " != *" --all "* ]] || tool=kernel_table.py
  preset=cuda build=$root/build/cuda
  [[ $help == yes ]] || python3 "$root/tools/$tool" "$build" --check-arguments "$@" || exit $?
  [[ $help == yes ]] || find_nvcc ||
    stop "kernel-info: nvcc was not found on the PATH or in /usr/local/cuda/bin; it is required, a GPU is not"
  if [[ $help == no && " $* " != *" --built "* ]]; then
    set_up ON "${build_packages[@]}" "${test_packages[@]}" --
    # Finds new files.
    ninja -C "$build" build.ninja >"$build/configure.log" ||
      stop "kernel-info: the build could not be configured; $build/configure.log says why"
  fi
  exec python3 "$root/tools/$tool" "$build" "$@"
}

# Asks cuDNN, which need not find a GPU. The build has no kernels.
run_gpu_plans() {
  if [[ $help == yes ]]; then
    printf 'usage: ./run gpu-plans [--short]\n\nPrints what cuDNN answers about the convolutions of the models and about a grid, for six GPUs.\nIt needs nvcc and cuDNN, but no GPU. Every answer goes to build/cuda/gpu_plans.tsv.\n\n  --short  a part of the grid\n'
    return 0
  fi
  only_short gpu-plans "$@"
  find_nvcc || stop "gpu-plans: nvcc was not found on the PATH or in /usr/local/cuda/bin; it and cuDNN are required, a GPU is not"
  preset=cuda build=$root/build/cuda
  set_up ON "${build_packages[@]}" "${test_packages[@]}" -- gpu_plans
  exec "$build/gpu_plans" "$root/tools/gpu_plans" --all "$build/gpu_plans.tsv" "$@"
}

only_short() {
  local argument
  for argument in "${@:2}"; do
    [[ $argument == --short ]] || stop "$1: '$argument' is not understood; --short is the only option"
  done
}

find_nvcc() {
  if command -v nvcc >/dev/null; then return 0; fi
  [[ -x /usr/local/cuda/bin/nvcc ]] && PATH=/usr/local/cuda/bin:$PATH
}

# Runs the kernel tests plain, under ASan and under TSan, and deletes every barrier in turn.
torture_kernels() {
  local name builds=()
  [[ $help == yes ]] || only_short torture-kernels "$@"
  for name in "${emulated_presets[@]}"; do
    preset=$name build=$root/build/$name
    builds+=("$build")
    if [[ " $* " == *" --short "* && $name == emulated-asan ]]; then continue; fi
    set_up ON "${build_packages[@]}" "${test_packages[@]}" -- test_simt test_cuda
  done
  exec python3 "$root/tools/torture_kernels.py" "${builds[@]}" "$@"
}

# Tests, sanitizes and measures on a machine with a GPU, and writes one report. `pack` and
# `pack-deps` fill folders for such a machine.
run_gpu_check() {
  local tools=$root/tools/gpu_check
  case ${1:-} in
    pack)
      [[ $help == yes ]] || python3 "$tools/pack.py" "$root" --check-arguments "${@:2}" || exit $?
      install_packages "${build_packages[@]}" "${test_packages[@]}"
      [[ $help == yes || " $* " == *" --build"* ]] || find_nvcc ||
        stop "gpu-check pack: nvcc was not found on the PATH or in /usr/local/cuda/bin; it is required, a GPU is not"
      exec python3 "$tools/pack.py" "$root" "${@:2}" ;;
    pack-deps)
      [[ $help == yes || ($# -eq 2 && -n $2 && $2 != -*) ]] ||
        stop "gpu-check pack-deps: one folder, new or empty, is required: ./run gpu-check pack-deps DIR"
      install_packages "${build_packages[@]}" "${test_packages[@]}"
      exec python3 "$tools/pack_deps.py" "${@:2}" ;;
  esac
  find_nvcc || [[ $help == yes || " $* " == *" --from"* ]] ||
    stop "gpu-check: nvcc was not found on the PATH or in /usr/local/cuda/bin; it is required to build, or programs built elsewhere (--from DIR)"
  exec python3 "$tools" "$root" --deps "$deps" "$@"
}
