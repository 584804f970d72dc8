// SPDX-License-Identifier: Apache-2.0
// Lists the code paths that a test can run on this machine, and has guards that restore settings.
#pragma once
#include <vector>

#include "weft/device/simd.h"
#include "weft/kernels/library/conv2d_method.h"
#include "weft/kernels/library/matmul.h"

namespace weft::testing {

// The vector sets and back ends that this machine can run.
std::vector<VectorSet> vector_sets();
std::vector<kernels::CpuBackend> backends();
// Returns 2, or 1 in a build without OpenMP.
int most_threads();

// The destructor restores the vector set, the back end, the method of convolutions and the number
// of threads.
class MachineState {
 public:
  MachineState();
  ~MachineState();
  MachineState(const MachineState&) = delete;
  MachineState& operator=(const MachineState&) = delete;

 private:
  VectorSet vector_set_;
  kernels::CpuBackend backend_;
  kernels::ConvolutionMethod convolution_;
  int threads_;
};

// While a Poison exists, allocated memory is filled with NaN.
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
