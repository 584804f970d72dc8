// SPDX-License-Identifier: Apache-2.0
// loss.class_weights of any size: only their ratios count.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/variable.h"
#include "weft/core/error.h"
#include "weft/tensor/tensor.h"
#include "weft/train/losses/loss.h"

namespace weft::train {
namespace {

// The loss and its gradient, as one list.
std::vector<float> loss_and_gradient(const std::vector<double>& weights) {
  const Variable logits =
      Variable::leaf(Tensor::copy_of(std::vector<float>{1, -2, 0.5F, 3, 0, 1, -1, 2, 4}, {3, 3}));
  const Tensor labels = Tensor::copy_of(std::vector<i64>{0, 2, 1}, {3});
  const Variable loss = classification({.class_weights = weights}).make()->forward(logits, labels);
  loss.backward();
  std::vector<float> result = logits.grad().to_vector<float>();
  result.push_back(loss.value().item<float>());
  return result;
}

std::string refusal(const std::vector<double>& weights) {
  try {
    (void)classification({.class_weights = weights}).make();
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ClassWeights, OfAnySizeAreTheSame) {
  const std::vector<float> plain = loss_and_gradient({1, 2, 5});
  for (const double scale : {0x1p-900, 0x1p-140, 0x1p-3, 0x1p9, 0x1p130, 0x1p1000})
    EXPECT_EQ(loss_and_gradient({scale, 2 * scale, 5 * scale}), plain) << scale;
  const std::vector<float> equal = loss_and_gradient({1, 1, 1});
  for (const double size : {1e-320, 1e-46, 1e-40, 0.3, 1e37, 1e39, 1e308}) {
    const std::vector<float> here = loss_and_gradient({size, size, size});
    for (std::size_t i = 0; i < equal.size(); ++i) EXPECT_NEAR(here[i], equal[i], 1e-6) << size;
  }
}

TEST(ClassWeights, OneMayBeSmall) {
  const std::vector<float> none = loss_and_gradient({1, 1, 0}),
                           small = loss_and_gradient({1, 1, 1e-30});
  for (std::size_t i = 0; i < none.size(); ++i) EXPECT_NEAR(small[i], none[i], 1e-6) << i;
  EXPECT_NE(small, std::vector<float>(10, 0));
  EXPECT_NE(refusal({1, 1, 1e-31}).find("weights of 0, or of at least 1e-30 times the largest"),
            std::string::npos)
      << refusal({1, 1, 1e-31});
  EXPECT_NE(refusal({1, -1, 1}).find("class_weights"), std::string::npos);
  EXPECT_EQ(refusal({0, 0, 1e-300}), "accepted");
}

}  // namespace
}  // namespace weft::train
