// SPDX-License-Identifier: Apache-2.0
// Compares the kernel with a loop, in every order of its threads. If a __syncthreads() of
// own_kernel.cu is missing, the orders disagree, and ThreadSanitizer names both lines. A read
// beyond the end of a row is an error of AddressSanitizer.
#include <weft/testing/kernel_test.h>

#include <gtest/gtest.h>

#include <cmath>

#include "own_kernel.h"

using namespace weft;
using weft::testing::DeviceArray;
using weft::testing::in_every_order;

TEST(RmsNorm, IsTheLoop) {
  for (const i64 cols : {1, 31, 33, 1025}) {
    constexpr i64 kRows = 3;
    std::vector<float> x(static_cast<std::size_t>(kRows * cols)), wanted(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
    for (i64 r = 0; r < kRows; ++r) {
      double squares = 0;
      for (i64 i = r * cols; i < (r + 1) * cols; ++i)
        squares += std::pow(x[static_cast<std::size_t>(i)], 2);
      for (auto i = static_cast<std::size_t>(r * cols);
           i < static_cast<std::size_t>((r + 1) * cols); ++i)
        wanted[i] =
            x[i] / static_cast<float>(std::sqrt(squares / static_cast<double>(cols) + 1e-6));
    }
    in_every_order([&] {
      const DeviceArray<float> input(x);
      DeviceArray<float> output(kRows * cols);
      rms_norm(Cuda{}, {output.data(), kRows, cols}, {input.data(), kRows, cols}, 1e-6f);
      const std::vector<float> got = output.host();
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-5) << i;
    });
  }
}
