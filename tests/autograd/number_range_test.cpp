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
TEST(NumberRange, LossesInRange) { test_support::expect_losses_in_range(Cpu{}); }
TEST(NumberRange, PowersInRange) { test_support::expect_powers_in_range(Cpu{}); }
TEST(NumberRange, VariancesInRange) { test_support::expect_variances_in_range(Cpu{}); }
TEST(NumberRange, SumsOfSeveralAxes) { test_support::expect_sums_of_several_axes(Cpu{}); }
TEST(NumberRange, ClassLossesInRange) { test_support::expect_class_losses_in_range(Cpu{}); }
TEST(NumberRange, NormalisedRowsWithAnOffset) {
  test_support::expect_normalised_rows_with_an_offset(Cpu{});
}
TEST(NumberRange, SmallExponentials) { test_support::expect_small_exponentials(Cpu{}); }
TEST(NumberRange, NaNStays) { test_support::expect_nan_to_stay(Cpu{}); }

}  // namespace
}  // namespace weft
