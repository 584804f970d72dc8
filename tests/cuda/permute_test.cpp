// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/permute.h"

#include <algorithm>

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

PermuteShape permuted(const std::vector<i64>& x_size, const std::vector<std::size_t>& order) {
  std::vector<i64> stride(x_size.size(), 1);
  for (std::size_t axis = x_size.size() - 1; axis > 0; --axis)
    stride[axis - 1] = stride[axis] * x_size[axis];
  PermuteShape s;
  s.rank = static_cast<int>(x_size.size());
  for (std::size_t axis = 0; axis < x_size.size(); ++axis) {
    s.size[axis] = x_size[order[axis]];
    s.stride[axis] = stride[order[axis]];
    s.elements *= s.size[axis];
  }
  return s;
}

std::vector<PermuteShape> shapes() {
  return {permuted({1, 1}, {1, 0}),
          permuted({0, 3}, {1, 0}),
          permuted({33, 31}, {1, 0}),
          permuted({1025, 9}, {1, 0}),
          permuted({3, 5, 7}, {2, 0, 1}),
          permuted({2, 3, 40, 33}, {0, 3, 1, 2}),
          permuted({2, 33, 5, 16}, {0, 3, 1, 2}),
          permuted({2, 16, 5, 7}, {0, 2, 3, 1}),
          permuted({4, 3, 33}, {1, 0, 2}),
          permuted({2, 3, 2, 3, 2, 10}, {5, 3, 1, 0, 2, 4})};
}

TEST(CudaPermute, EveryWidth) {
  const auto test = [&]<class T>() {
    for (const PermuteShape& s : shapes()) {
      SCOPED_TRACE(::testing::Message() << "rank " << s.rank << ", " << s.elements << " elements");
      Numbers numbers;
      const Array<T> x(s.elements, numbers, 0, 255, 1);
      Array<T> wanted(s.elements);
      permute(Cpu{}, wanted.data(), x.data(), sizeof(T), s);
      in_every_order([&] {
        Array<T> y(s.elements, 1);
        permute(Cuda{}, y.data(), x.data(), sizeof(T), s);
        expect_same_bytes(y, wanted);
      });
    }
  };
  test.operator()<u8>();
  test.operator()<half>();
  test.operator()<float>();
  test.operator()<double>();
}

}  // namespace
}  // namespace weft::kernels::test
