// SPDX-License-Identifier: Apache-2.0
#include "weft/tests/support/sum_accuracy.h"

namespace weft {
namespace {

TEST(SumAccuracy, ErrorsStayNearThoseOfAPairwiseSum) {
  test_support::expect_law_of_sums(Cpu{}, {7, 1000, 1'000'000});
}

}  // namespace
}  // namespace weft
