// SPDX-License-Identifier: Apache-2.0
// The paths that a test walks on this machine, and guards that put everything back.
#pragma once
#include <vector>

#include "weft/device/simd.h"
#include "weft/kernels/library/matmul.h"

namespace weft::testing {

// What this machine can run.
std::vector<VectorSet> vector_sets();
std::vector<kernels::CpuBackend> backends();
// 2, or 1 in a build without OpenMP.
int most_threads();

// Puts the vector set, the back end and the number of threads back when it goes.
class MachineState {
 public:
  MachineState();
  ~MachineState();
  MachineState(const MachineState&) = delete;
  MachineState& operator=(const MachineState&) = delete;

 private:
  VectorSet vector_set_;
  kernels::CpuBackend backend_;
  int threads_;
};

// While one lives, memory is handed out full of NaN.
class Poison {
 public:
  Poison();
  ~Poison();
  Poison(const Poison&) = delete;
  Poison& operator=(const Poison&) = delete;

 private:
  bool before_;
};

}  // namespace weft::testing
