// SPDX-License-Identifier: Apache-2.0
#include "weft/device/device.h"

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft {
namespace {

TEST(Device, IsNamedBothWays) {
  EXPECT_EQ(name_of(device_named("cpu")), "cpu");
  EXPECT_EQ(device_named("auto"), Device{Cpu{}});
}

TEST(Device, UnknownNamesListTheKnownOnes) {
  try {
    device_named("gpu");
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()),
              std::string("device: 'gpu' given; known: auto, cpu") + (kHasCuda ? ", cuda" : ""));
  }
}

TEST(Device, CudaIsRefusedByABuildWithoutIt) {
  if (kHasCuda) GTEST_SKIP() << "this build has CUDA";
  try {
    device_named("cuda");
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("this build of weft has no CUDA"), std::string::npos);
  }
}

}  // namespace
}  // namespace weft
