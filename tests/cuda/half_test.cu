// SPDX-License-Identifier: Apache-2.0
// Conversions of half types by the device's instructions equal the host's bit for bit.
#include "weft/kernels/common/grid.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

constexpr i64 kHalves = 1 << 16;

__global__ void halves_to_floats(u32* y) {
  for (i64 i = first_index(); i < kHalves; i += grid_stride())
    y[i] = std::bit_cast<u32>(half_bits_to_float(static_cast<std::uint16_t>(i)));
}

TEST(CudaHalf, EveryHalfIsTheSameFloat) {
  Array<u32> y(kHalves);
  launch<halves_to_floats>(on(Cuda{}, 8), y.data());
  for (i64 i = 0; i < kHalves; ++i)
    ASSERT_EQ(y[i], std::bit_cast<u32>(half_bits_to_float(static_cast<std::uint16_t>(i)))) << i;
}

__global__ void floats_to_halves(std::uint16_t* as_half, std::uint16_t* as_bfloat, const u32* x,
                                 i64 n) {
  for (i64 i = first_index(); i < n; i += grid_stride()) {
    as_half[i] = float_to_half_bits(std::bit_cast<float>(x[i]));
    as_bfloat[i] = float_to_bfloat16_bits(std::bit_cast<float>(x[i]));
  }
}

// All signs and exponents, with fractions on both sides of every rounding boundary, infinities, NaN
// and subnormals.
TEST(CudaHalf, FloatsRoundToTheSameHalves) {
  std::vector<u32> words;
  for (u32 top = 0; top < 1u << 16; top += 16)
    for (const u32 low : {0x0u, 0x1u, 0x7fffu, 0x8000u, 0x8001u, 0xfffffu})
      for (const u32 middle : {0x0u, 0x10000u, 0x1000u, 0x1001u, 0xfffu, 0x3000u})
        words.push_back((top << 16) + (low ^ middle));
  const auto n = static_cast<i64>(words.size());
  Array<u32> x(n);
  for (i64 i = 0; i < n; ++i) x[i] = words[static_cast<std::size_t>(i)];
  Array<std::uint16_t> as_half(n), as_bfloat(n);
  launch<floats_to_halves>(on(Cuda{}, 8), as_half.data(), as_bfloat.data(),
                           static_cast<const u32*>(x.data()), n);
  for (i64 i = 0; i < n; ++i) {
    const float value = std::bit_cast<float>(x[i]);
    ASSERT_EQ(as_half[i], float_to_half_bits(value)) << x[i];
    ASSERT_EQ(as_bfloat[i], float_to_bfloat16_bits(value)) << x[i];
  }
}

}  // namespace
}  // namespace weft::kernels::test
