// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/broadcast.h"

#include <algorithm>

namespace weft {

kernels::Broadcast broadcast_of(const Shape& c, const Shape& a, const Shape& b) {
  kernels::Broadcast plan;
  plan.elements = c.elements();
  if (plan.elements > 1 && a == c && b == c) {  // what the loop below gives, nearly always
    plan.rank = 1;
    plan.size[0] = plan.elements;
    plan.stride_a[0] = plan.stride_b[0] = 1;
    return plan;
  }
  i64 along_a = 1, along_b = 1;
  for (int back = -1; back >= -c.rank(); --back) {  // from the innermost axis outward
    const i64 size = c[back];
    const i64 size_a = back >= -a.rank() ? a[back] : 1, size_b = back >= -b.rank() ? b[back] : 1;
    const i64 stride_a = size_a == 1 ? 0 : along_a, stride_b = size_b == 1 ? 0 : along_b;
    along_a *= size_a;
    along_b *= size_b;
    if (size == 1) continue;
    if (plan.rank > 0) {
      const auto last = static_cast<std::size_t>(plan.rank - 1);
      const i64 reach = plan.size[last];
      if (stride_a == plan.stride_a[last] * reach && stride_b == plan.stride_b[last] * reach) {
        plan.size[last] *= size;
        continue;
      }
    }
    const auto next = static_cast<std::size_t>(plan.rank++);
    plan.size[next] = size;
    plan.stride_a[next] = stride_a;
    plan.stride_b[next] = stride_b;
  }
  const auto rank = static_cast<std::size_t>(plan.rank);
  std::reverse(plan.size.begin(), plan.size.begin() + rank);
  std::reverse(plan.stride_a.begin(), plan.stride_a.begin() + rank);
  std::reverse(plan.stride_b.begin(), plan.stride_b.begin() + rank);
  return plan;
}

}  // namespace weft
