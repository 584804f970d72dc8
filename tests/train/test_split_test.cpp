// SPDX-License-Identifier: Apache-2.0
// A test split that differs from the training split is refused before the training.
#include <string>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/run/run_config.h"
#include "weft/train/run/run_data.h"

namespace weft::train {
namespace {

using namespace testing_runs;

class TestSplit : public InScratchFolder {
 protected:
  TestSplit() : InScratchFolder("test-split") {}

  std::string refusal(const Tensor& x_test, const Tensor& y_test) const {
    const std::string path = (folder_ / "a.safetensors").string();
    write_safetensors(path, {{"x", Tensor::zeros({8, 4})},
                             {"y", Tensor::copy_of(std::vector<i64>{0, 1, 0, 1, 0, 1, 0, 1}, {8})},
                             {"x_test", x_test},
                             {"y_test", y_test}});
    const auto config = config::load_text<RunConfig>(
        "data: {type: tensors, path: " + path + "}\nmodel: mlp\ntrain: {batch_size: 4}\n",
        "a.yaml");
    try {
      (void)load_data(config.value, std::nullopt);
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
};

TEST_F(TestSplit, OfAnotherShapeIsRefused) {
  const Tensor labels = Tensor::zeros({3}, DType::int64);
  EXPECT_EQ(refusal(Tensor::zeros({3, 4}), labels), "accepted");
  EXPECT_NE(refusal(Tensor::zeros({3, 5}), labels)
                .find("a.safetensors are f32 (5) and the training samples f32 (4); equal shapes"),
            std::string::npos)
      << refusal(Tensor::zeros({3, 5}), labels);
  EXPECT_NE(refusal(Tensor::zeros({3, 4}, DType::uint8), labels).find("are uint8 (4)"),
            std::string::npos);
  EXPECT_NE(refusal(Tensor::zeros({3, 4}), Tensor::zeros({3})).find("data: the test targets of"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::train
