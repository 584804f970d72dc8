// SPDX-License-Identifier: Apache-2.0
// Tests of gathering rows of any dtype by index. tests/cuda/gather_rows_test.cpp compares the GPU's
// kernel with the CPU's.
#include <gtest/gtest.h>

#include "weft/tensor/ops.h"

namespace weft {
namespace {

Tensor numbered(const std::vector<i64>& values) {
  return Tensor::copy_of(values, {static_cast<i64>(values.size())});
}

TEST(GatherRows, EntriesOfTheFirstAxisOfAnyDtype) {
  const Tensor x =
      Tensor::copy_of(std::vector<u8>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {3, 2, 2});
  const Tensor y = gather_rows(x, numbered({2, 0, 2, 1}));
  EXPECT_EQ(y.shape(), (Shape{4, 2, 2}));
  EXPECT_EQ(y.to_vector<u8>(),
            (std::vector<u8>{8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7}));
  EXPECT_EQ(gather_rows(numbered({5, 6, 7}), numbered({1, 1})).to_vector<i64>(),
            (std::vector<i64>{6, 6}));
  EXPECT_EQ(gather_rows(x, numbered({})).shape(), (Shape{0, 2, 2}));
}

TEST(GatherRows, NamesWhatDoesNotFit) {
  const auto message = [](const Tensor& x, const Tensor& index) -> std::string {
    try {
      gather_rows(x, index);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  const Tensor x = Tensor::zeros({3, 2});
  EXPECT_EQ(message(x, numbered({0, 3})), "gather_rows: index 3; indices must be in 0..2");
  EXPECT_EQ(message(x, numbered({-1})), "gather_rows: index -1; indices must be in 0..2");
  EXPECT_EQ(
      message(x, Tensor::zeros({2})),
      "gather_rows: x is (3, 2) and the index is f32 (2); x (rows, …) and int64 (n) are required");
}

}  // namespace
}  // namespace weft
