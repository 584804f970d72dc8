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
TEST_F(GpuNumberRange, SmallExponentials) { test_support::expect_small_exponentials(cuda()); }
TEST_F(GpuNumberRange, NaNStays) { test_support::expect_nan_to_stay(cuda()); }

}  // namespace
}  // namespace weft
