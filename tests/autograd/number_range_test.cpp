// SPDX-License-Identifier: Apache-2.0
#include "weft/tests/support/number_range.h"

namespace weft {
namespace {

TEST(NumberRange, LogitsOfAnySize) { test_support::expect_logits_of_any_size(Cpu{}); }
TEST(NumberRange, QuotientsInRange) { test_support::expect_quotients_in_range(Cpu{}); }
TEST(NumberRange, MeansInRange) { test_support::expect_means_in_range(Cpu{}); }
TEST(NumberRange, NormalisedRowsOfAnySize) {
  test_support::expect_normalised_rows_of_any_size(Cpu{});
}
TEST(NumberRange, SmallExponentials) { test_support::expect_small_exponentials(Cpu{}); }
TEST(NumberRange, NaNStays) { test_support::expect_nan_to_stay(Cpu{}); }

}  // namespace
}  // namespace weft
