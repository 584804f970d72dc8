// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/arange.h"

#include <limits>

#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

Tensor arange(i64 begin, i64 end, DType dtype, const Device& device) {
  WEFT_CHECK(begin <= end, "arange: {} to {}; the begin must not be above the end", begin, end);
  WEFT_CHECK(end >= 0 || begin >= end - std::numeric_limits<i64>::max(),
             "arange: {} to {}; at most 2^63 elements are allowed", begin, end);
  Tensor y = Tensor::empty({end - begin}, dtype, device);
  visit_any(dtype, [&]<class T>() {
    std::visit([&](auto d) { kernels::arange<T>(d, span<T>(y), begin); }, device);
  });
  return y;
}

Tensor one_hot(const Tensor& index, i64 classes, DType dtype) {
  WEFT_CHECK(index.defined() && index.dtype() == DType::int64 && index.rank() < Shape::kMaxRank,
             "one_hot: the index is {} {}; int64 of at most {} axes is required", index.dtype(),
             index.shape(), Shape::kMaxRank - 1);
  WEFT_CHECK(classes >= 1, "one_hot: {} classes; at least 1 is required", classes);
  WEFT_CHECK(is_floating(dtype), "one_hot: dtype {} given; a floating-point type is required",
             dtype);
  const Tensor column = index.reshape(index.shape().inserted(index.rank(), 1));
  Tensor hot = eq(column, arange(0, classes, DType::int64, index.device())).to(dtype);
  if (is_cpu(index.device())) {
    for (const i64 i : index.values<i64>())
      WEFT_CHECK(i >= 0 && i < classes, "one_hot: index {}; indices must be in 0..{}", i,
                 classes - 1);
    return hot;
  }
  // A check would wait for the device. Of the two comparisons both hold for a good index and only
  // one for a bad one.
  const Tensor good = eq(ge(column, 0.0), lt(column, static_cast<double>(classes)));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return where(good, hot, Tensor::full({}, nan, dtype, index.device()));
}

}  // namespace weft
