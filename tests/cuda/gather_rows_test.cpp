// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather_rows.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

// The row lengths and offsets allow words of 16, 8, 4 and 1 bytes. One row is longer than a block,
// and many short rows share one.
TEST(CudaGatherRows, EveryByteOfRowsOfAnyLength) {
  constexpr i64 kRows = 9;
  for (const i64 n : {0, 1, 33, 300}) {
    for (const i64 row_bytes : {0, 1, 4, 8, 24, 48, 52, 784, 5000}) {
      for (const i64 shift : {0, 8, 4, 1}) {
        Numbers numbers;
        const Array<u8> x(kRows * row_bytes, numbers, 0, 255, shift);
        Array<i64> index(n);
        for (i64 i = 0; i < n; ++i) index[i] = numbers.below(kRows);
        in_every_order([&] {
          Array<u8> y(n * row_bytes, shift);
          gather_rows(Cuda{}, view(y, n, row_bytes), view(x, kRows, row_bytes), index.data());
          wait_for_device();
          for (i64 i = 0; i < n; ++i)
            ASSERT_EQ(std::memcmp(y.data() + i * row_bytes, x.data() + index[i] * row_bytes,
                                  static_cast<std::size_t>(row_bytes)),
                      0)
                << "row " << i << " of " << row_bytes << " bytes, shift " << shift;
        });
      }
    }
  }
}

Rows<u8> bytes_of(Array<float>& y, i64 rows) {
  return {reinterpret_cast<u8*>(y.data()), rows, 3 * 4};
}
Rows<const u8> bytes_of(const Array<float>& x, i64 rows) {
  return {reinterpret_cast<const u8*>(x.data()), rows, 3 * 4};
}

TEST(CudaGatherRows, ARowThatThereIsNotIsNaN) {
  Numbers numbers;
  const Array<float> x(5 * 3, numbers);
  Array<i64> index(4);
  index[0] = 4;
  index[1] = 5;
  index[2] = -1;
  index[3] = 0;
  const auto check = [&](const Array<float>& y) {
    for (i64 c = 0; c < 3; ++c) {
      EXPECT_EQ(y[c], x[12 + c]);
      EXPECT_TRUE(std::isnan(y[3 + c]) && std::isnan(y[6 + c]));
      EXPECT_EQ(y[9 + c], x[c]);
    }
  };
  in_every_order([&] {
    Array<float> y(4 * 3);
    gather_rows(Cuda{}, bytes_of(y, 4), bytes_of(x, 5), index.data());
    check(y);
  });
  Array<float> y(4 * 3);
  gather_rows(Cpu{}, bytes_of(y, 4), bytes_of(x, 5), index.data());
  check(y);
}

}  // namespace
}  // namespace weft::kernels::test
