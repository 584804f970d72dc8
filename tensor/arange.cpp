// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/arange.h"

#include <limits>
#include <type_traits>

#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {

Tensor arange(i64 begin, i64 end, DType dtype, const Device& device) {
  WEFT_CHECK(begin <= end, "arange: {} to {}; the begin must not be above the end", begin, end);
  i64 size = 0;
  WEFT_CHECK(!__builtin_sub_overflow(end, begin, &size),
             "arange: {} to {}; fewer than 2^63 elements are required", begin, end);
  Tensor y = Tensor::empty({size}, dtype, device);
  visit_any(dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T>)
      WEFT_CHECK(
          size == 0 ||
              (begin >= std::numeric_limits<T>::min() && end - 1 <= std::numeric_limits<T>::max()),
          "arange: {} to {} given for {}; numbers that it holds are required", begin, end, dtype);
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
