// SPDX-License-Identifier: Apache-2.0
#include "weft/tests/support/number_range.h"

#include "weft/tests/gpu/tools.h"

namespace weft {
namespace {

class GpuNumberRange : public testing_gpu::OnGpu {};

TEST_F(GpuNumberRange, LogitsOfAnySize) { test_support::expect_logits_of_any_size(cuda()); }
TEST_F(GpuNumberRange, QuotientsInRange) { test_support::expect_quotients_in_range(cuda()); }
TEST_F(GpuNumberRange, MeansInRange) { test_support::expect_means_in_range(cuda()); }
TEST_F(GpuNumberRange, NormalisedRowsOfAnySize) {
  test_support::expect_normalised_rows_of_any_size(cuda());
}
TEST_F(GpuNumberRange, LossesInRange) { test_support::expect_losses_in_range(cuda()); }
TEST_F(GpuNumberRange, PowersInRange) { test_support::expect_powers_in_range(cuda()); }
TEST_F(GpuNumberRange, VariancesInRange) { test_support::expect_variances_in_range(cuda()); }
TEST_F(GpuNumberRange, SumsOfSeveralAxes) { test_support::expect_sums_of_several_axes(cuda()); }
TEST_F(GpuNumberRange, ClassLossesInRange) { test_support::expect_class_losses_in_range(cuda()); }
TEST_F(GpuNumberRange, NormalisedRowsWithAnOffset) {
  test_support::expect_normalised_rows_with_an_offset(cuda());
}
TEST_F(GpuNumberRange, SmallExponentials) { test_support::expect_small_exponentials(cuda()); }
TEST_F(GpuNumberRange, NaNStays) { test_support::expect_nan_to_stay(cuda()); }

}  // namespace
}  // namespace weft
