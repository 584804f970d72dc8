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

run_kernel_info() {
  [[ -n ${1:-} ]] || stop "kernel-info: the name of an op or --all is required: ./run kernel-info softmax"
  find_nvcc || stop "kernel-info: nvcc was not found on the PATH or in /usr/local/cuda/bin; it is required, a GPU is not"
  preset=cuda build=$root/build/cuda
  if [[ $1 == --all && " $* " == *" --built "* ]]; then exec python3 "$root/tools/kernel_table.py" "$build" "$@"; fi
  set_up ON "${build_packages[@]}" "${test_packages[@]}" --
  if [[ $1 == --all ]]; then exec python3 "$root/tools/kernel_table.py" "$build" "$@"; fi
  exec python3 "$root/tools/kernel_info.py" "$build" "$@"
}

# Asks cuDNN, which need not find a GPU. The build has no kernels.
run_gpu_plans() {
  find_nvcc || stop "gpu-plans: nvcc was not found on the PATH or in /usr/local/cuda/bin; it and cuDNN are required, a GPU is not"
  preset=cuda build=$root/build/cuda
  set_up ON "${build_packages[@]}" "${test_packages[@]}" -- gpu_plans
  exec "$build/gpu_plans" "$root/tools/gpu_plans" --all "$build/gpu_plans.tsv" "$@"
}

find_nvcc() {
  if command -v nvcc >/dev/null; then return 0; fi
  [[ -x /usr/local/cuda/bin/nvcc ]] && PATH=/usr/local/cuda/bin:$PATH
}

# Runs the kernel tests plain, under ASan and under TSan, and deletes every barrier in turn.
torture_kernels() {
  local name builds=()
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
      install_packages "${build_packages[@]}" "${test_packages[@]}"
      [[ " $* " == *" --build"* ]] || find_nvcc ||
        stop "gpu-check pack: nvcc was not found on the PATH or in /usr/local/cuda/bin; it is required, a GPU is not"
      exec python3 "$tools/pack.py" "$root" "${@:2}" ;;
    pack-deps)
      install_packages "${build_packages[@]}" "${test_packages[@]}"
      exec python3 "$tools/pack_deps.py" "${2:?"gpu-check pack-deps: the folder to fill is required"}" ;;
  esac
  find_nvcc || [[ " $* " == *" --from"* || " $* " == *" --help "* || " $* " == *" -h "* ]] ||
    stop "gpu-check: nvcc was not found on the PATH or in /usr/local/cuda/bin; it is required to build, or programs built elsewhere (--from DIR)"
  exec python3 "$tools" "$root" --deps "$deps" "$@"
}
