// SPDX-License-Identifier: Apache-2.0
#include "weft/tests/support/sum_accuracy.h"

#include "weft/tests/gpu/tools.h"

namespace weft {
namespace {

class GpuSumAccuracy : public testing_gpu::OnGpu {};

TEST_F(GpuSumAccuracy, ErrorsStayNearThoseOfAPairwiseSum) {
  test_support::expect_law_of_sums(cuda(), {7, 20'000});
}

}  // namespace
}  // namespace weft
