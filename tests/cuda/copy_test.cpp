// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/copy.h"

#include <algorithm>

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

template <class Body>
void for_all_types(const Body& body) {
  for_types(body);
  body.template operator()<i64>();
  body.template operator()<i32>();
  body.template operator()<u8>();
}

TEST(CudaCopy, EveryByte) {
  for (const i64 n : kSizes) {
    for (const i64 shift : {0, 1, 16}) {
      Numbers numbers;
      const Array<u8> x(n, numbers, 0, 255, shift);
      in_every_order([&] {
        Array<u8> y(n, shift == 16 ? 0 : shift);
        copy(Cuda{}, Cuda{}, y.data(), x.data(), n);
        expect_same_bytes(y, x);
        zero(Cuda{}, y.data(), n);
        for (i64 i = 0; i < n; ++i) ASSERT_EQ(y[i], 0);
      });
    }
  }
}

TEST(CudaCopy, FillOfEveryType) {
  for_all_types([]<class T>() {
    for (const i64 n : kSizes) {
      for (const i64 shift : {0, 1}) {
        in_every_order([&] {
          Array<T> y(n, shift);
          fill<T>(Cuda{}, view(y), 3.0);
          expect_near(y, std::vector<double>(static_cast<std::size_t>(n), 3.0), 0.0);
        });
      }
    }
  });
}

TEST(CudaCopy, ConvertIsTheCpusToTheBit) {
  for_all_types([]<class From>() {
    for_all_types([]<class To>() {
      for (const i64 n : kSizes) {
        for (const i64 shift : {0, 1}) {
          Numbers numbers;
          Array<From> x(n, numbers, 0.0, 100.0, shift);
          if constexpr (std::is_floating_point_v<From>) {  // what no integer type holds
            if (n > 4) x[4] = NAN;
            for (i64 i = 5; i < n; i += 7) x[i] = static_cast<From>(i % 2 == 0 ? 1e30 : -1e30);
            for (i64 i = 6; i < n; i += 9) x[i] = static_cast<From>(1.00048828125 + 1e-12);
          }
          Array<To> wanted(n);
          convert<To, From>(Cpu{}, view(wanted), view(x));
          in_every_order([&] {
            Array<To> y(n, shift);
            convert<To, From>(Cuda{}, view(y), view(x));
            expect_same_bytes(y, wanted);
          });
        }
      }
    });
  });
}

// This test takes two gigabytes and a minute. Only `./run torture-kernels` runs it.
TEST(CudaCopy, DISABLED_MoreThanTwoToThe31Elements) {
  constexpr i64 kSize = (i64{1} << 31) + 33;
  Array<u8> y(kSize);
  fill<u8>(Cuda{}, view(y), 7.0);
  wait_for_device();
  const u8 *const begin = y.data(), *const end = begin + kSize;
  EXPECT_EQ(std::find_if(begin, end, [](u8 value) { return value != 7; }) - begin, kSize);
}

}  // namespace
}  // namespace weft::kernels::test
