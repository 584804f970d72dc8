// SPDX-License-Identifier: Apache-2.0
// half (IEEE binary16) and bfloat16 are storage types. A kernel loads them, converts to float,
// computes and converts back. They have no arithmetic of their own on any device. A GPU converts by
// one instruction, and the CPU's result is bit-identical to it. GPUs before the compute capability
// 8.0 lack the instruction for bfloat16 and compute as the CPU does. A NaN becomes the NaN that the
// instruction returns, which is positive and has all bits of its fraction set.
// source: IEEE 754-2019 §3.6 (binary16); bfloat16 is the upper half of binary32
#pragma once
#include <bit>
#include <type_traits>

#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"

namespace weft {

WEFT_HOST_DEVICE inline float half_bits_to_float(std::uint16_t bits) {
#ifdef __CUDA_ARCH__
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
#else
  const u32 sign = (bits & 0x8000u) << 16;
  const u32 exponent = (bits >> 10) & 0x1fu;
  const u32 fraction = bits & 0x3ffu;
  if (exponent == 0x1f)
    return std::bit_cast<float>(fraction != 0 ? 0x7fffffffu : sign | 0x7f800000u);
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  // A subnormal value is fraction · 2^-24, which is exact in float.
  const float magnitude = static_cast<float>(fraction) * 5.9604644775390625e-8f;
  return std::bit_cast<float>(sign | std::bit_cast<u32>(magnitude));
#endif
}

// Rounds to nearest, ties to even. Overflow gives infinity. NaN stays NaN.
WEFT_HOST_DEVICE inline std::uint16_t float_to_half_bits(float value) {
#ifdef __CUDA_ARCH__
  std::uint16_t half_bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half_bits) : "f"(value));
  return half_bits;
#else
  const u32 bits = std::bit_cast<u32>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const u32 magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return std::uint16_t{0x7fff};
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // ≥ 65520
  // Below 2^-14 the result is subnormal, and adding 0.5 makes the FPU round it.
  if (magnitude < 0x38800000u) {
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<u32>(shifted) - 0x3f000000u));
  }
  const u32 odd = (magnitude >> 13) & 1u;
  return static_cast<std::uint16_t>(sign | ((magnitude + 0xc8000fffu + odd) >> 13));
#endif
}

// The same for bfloat16. The conversion back is a shift on every device.
WEFT_HOST_DEVICE inline std::uint16_t float_to_bfloat16_bits(float value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  std::uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#else
  const u32 word = std::bit_cast<u32>(value);
  if ((word & 0x7fffffffu) > 0x7f800000u) return std::uint16_t{0x7fff};
  return static_cast<std::uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
#endif
}

struct half {
  std::uint16_t bits = 0;
  half() = default;
  WEFT_HOST_DEVICE explicit half(float value) : bits(float_to_half_bits(value)) {}
  WEFT_HOST_DEVICE explicit operator float() const { return half_bits_to_float(bits); }
};

struct bfloat16 {
  std::uint16_t bits = 0;
  bfloat16() = default;
  WEFT_HOST_DEVICE explicit bfloat16(float value) : bits(float_to_bfloat16_bits(value)) {}
  WEFT_HOST_DEVICE explicit operator float() const {
    return std::bit_cast<float>(static_cast<u32>(bits) << 16);
  }
};

static_assert(sizeof(half) == 2 && sizeof(bfloat16) == 2);

// The type of the arithmetic: double for double, float for every smaller type.
template <class T>
using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Note [Sums]
// A running sum of n floats loses up to log2(n) bits, and its partial sums may leave the range of
// float where a mean does not. Sums of many elements are therefore made in double and rounded once,
// on every device. The terms are computed in Compute<T>. Sums of half types are made in float,
// which has 13 bits more than their results.
template <class T>
using Accumulate = std::conditional_t<sizeof(T) == 2, float, double>;

}  // namespace weft
