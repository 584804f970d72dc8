// SPDX-License-Identifier: Apache-2.0
// The declarations that a program gets from weft/weft.h alone.
#include "weft/weft.h"

#include <sstream>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(WeftHeader, BringsConfigsAndPrinting) {
  const std::string path = WEFT_SOURCE_ROOT "/configs/digits_mlp.yaml";
  const train::RunConfig config = train::load_run_config(path, {"train.epochs=3"}).value;
  EXPECT_EQ(config.train.epochs, 3);
  std::ostringstream text;
  text << Tensor::full({}, 2);
  EXPECT_EQ(text.str(), "2.  f32 ()");
}

}  // namespace
}  // namespace weft
