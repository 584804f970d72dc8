// SPDX-License-Identifier: Apache-2.0
// Support for tests of tensors, networks and runs on the GPU, emulated or real.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/device/gpu/gpu.h"
#include "weft/nn/module.h"
#include "weft/optim/optimizer.h"
#include "weft/tensor/ops.h"

namespace weft::testing_gpu {

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why_not = gpu::why_unusable(); !why_not.empty()) GTEST_SKIP() << why_not;
  }
  static Device cuda() { return device_named("cuda"); }
};

inline double norm(const Tensor& x) {
  return std::sqrt(sum(square(x.to(Cpu{}).to(DType::f64))).item<double>());
}
// ‖got − wanted‖, for tensors on any device.
inline double distance(const Tensor& got, const Tensor& wanted) {
  return norm(sub(got.to(Cpu{}).to(DType::f64), wanted.to(Cpu{}).to(DType::f64)));
}

}  // namespace weft::testing_gpu
