// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gtest/gtest.h>

#include "weft/device/allocator.h"
#include "weft/kernels/common/philox.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::difference_in_bytes;
using testing::matrix;

// The mask by its definition, one element at a time.
Variable masked(const Variable& x, double p, u64 seed, u64 step, u64 first, u64 ordinal) {
  const i64 rows = x.shape()[0], cols = x.value().elements() / std::max<i64>(rows, 1);
  Tensor y = x.value().clone();
  for (i64 r = 0; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) {
      const u64 low = static_cast<u64>(c / 4) | (first + static_cast<u64>(r)) << 32;
      const u32 word = kernels::philox(seed, low, ordinal | step << 32).word[c % 4];
      double& value = y.data<double>()[r * cols + c];
      value = word / 4294967296.0 < p ? 0.0 : value / (1 - p);
    }
  return Variable(y);
}

WEFT_OP_ROW(dropout,
            {.inputs = {matrix},
             .op =
                 [](auto& a) {
                   set_random_step(5, 3, 1000);
                   return dropout(a[0], 0.3);
                 },
             .reference = [](auto& a) { return masked(a[0], 0.3, 5, 3, 1000, 0); },
             .errors = {{[] { dropout(Variable(Tensor::zeros({2})), 1.5); },
                         "p is 1.5; a probability in [0, 1] is required"},
                        {[] { dropout(Variable(Tensor::zeros({2})), -0.1); }, "p is -0.1"}}});
WEFT_OP_ROW(dropout, {.variant = "all",
                      .inputs = {matrix},
                      .op = [](auto& a) { return dropout(a[0], 1.0); },
                      .reference = [](auto& a) { return a[0] * 0.0; }});
Tensor mask_of(const Shape& shape, double p = 0.5) {
  return dropout(Variable(Tensor::full(shape, 1.0)), p).value();
}

TEST(Dropout, NothingIsDoneForAProbabilityOfZero) {
  const Variable x = Variable::leaf(Tensor::full({3}, 1.0));
  EXPECT_TRUE(dropout(x, 0).value().shares_storage_with(x.value()));
}

TEST(Dropout, KeepsTheRightShareAndTheMean) {
  set_random_step(1, 0);
  const i64 n = 200000;
  const Tensor y = mask_of({n}, 0.2);
  i64 kept = 0;
  for (const float value : y.values<float>()) {
    if (value == 0) continue;
    ++kept;
    ASSERT_FLOAT_EQ(value, 1.25f);
  }
  // The tolerance is five standard deviations of a binomial distribution.
  EXPECT_NEAR(static_cast<double>(kept), 0.8 * n, 5 * std::sqrt(n * 0.8 * 0.2));
}

TEST(Dropout, EachOpAndEachStepHasItsOwnMask) {
  set_random_step(1, 0);
  const Tensor first = mask_of({100}), second = mask_of({100});
  EXPECT_NE(difference_in_bytes(first, second), "");
  set_random_step(1, 1);
  EXPECT_NE(difference_in_bytes(mask_of({100}), first), "");
  set_random_step(2, 0);
  EXPECT_NE(difference_in_bytes(mask_of({100}), first), "");
  set_random_step(1, 0);
  EXPECT_EQ(difference_in_bytes(mask_of({100}), first), "");
  EXPECT_EQ(difference_in_bytes(mask_of({100}), second), "");
}

TEST(Dropout, ABatchInPartsHasTheMaskOfTheWhole) {
  set_random_step(9, 4, 0);
  const Tensor whole = mask_of({10, 33});
  set_random_step(9, 4, 0);
  const Tensor front = mask_of({6, 33});
  set_random_step(9, 4, 6);
  const Tensor back = mask_of({4, 33});
  EXPECT_EQ(difference_in_bytes(front, whole.slice(0, 6)), "");
  EXPECT_EQ(difference_in_bytes(back, whole.slice(6, 10)), "");
}

TEST(Dropout, BackwardUsesTheMaskOfItsForwardEvenWhenTheNextStepHasBegun) {
  const Variable x = Variable::leaf(Tensor::full({1000}, 1.0));
  set_random_step(1, 0);
  const Variable y = dropout(x, 0.5);
  set_random_step(1, 1);
  const Tensor other = mask_of({1000});
  y.backward(Tensor::full({1000}, 1.0));
  EXPECT_EQ(difference_in_bytes(x.grad(), y.value()), "");
  EXPECT_NE(difference_in_bytes(x.grad(), other), "");
}

TEST(Dropout, StoresNoMask) {
  set_random_step(1, 0);
  const Variable x = Variable::leaf(Tensor::full({1000}, 1.0));
  const i64 before = allocator_counters(Cpu{}).bytes_in_use;
  const Variable y = dropout(x, 0.5);
  // Only the output is allocated, 4,000 bytes and its overhead.
  EXPECT_LT(allocator_counters(Cpu{}).bytes_in_use - before, 4500);
}

TEST(Dropout, ManualSeedStartsTheMasksAgain) {
  manual_seed(11);
  const Tensor first = mask_of({100});
  manual_seed(11);
  EXPECT_EQ(difference_in_bytes(mask_of({100}), first), "");
  manual_seed(12);
  EXPECT_NE(difference_in_bytes(mask_of({100}), first), "");
}

}  // namespace
}  // namespace weft
