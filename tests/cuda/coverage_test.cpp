// SPDX-License-Identifier: Apache-2.0
// This binary fails for each kernel that none of its tests launches.
#include <string>

#include <gtest/gtest.h>

#ifndef WEFT_REAL_DEVICE
#include "weft/device/emulated/kernels.h"

namespace weft {
namespace {

class EveryKernelIsTested : public ::testing::Environment {
  void TearDown() override {
    // The check is skipped if a filter selects some tests.
    const std::string filter = ::testing::GTEST_FLAG(filter);
    if (filter != "*" && !filter.starts_with("-")) return;
    for (const auto& [kernel, launches] : emulated_kernel_launches()) {
      if (launches == 0) ADD_FAILURE() << "no test launches the kernel " << kernel;
    }
  }
};
[[maybe_unused]] const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new EveryKernelIsTested);

}  // namespace
}  // namespace weft
#endif

TEST(Coverage, KnowsTheKernels) {
#ifdef WEFT_REAL_DEVICE
  GTEST_SKIP() << "only the emulated device lists the kernels of a program";
#else
  EXPECT_FALSE(weft::emulated_kernel_launches().empty());
#endif
}
