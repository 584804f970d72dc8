// SPDX-License-Identifier: Apache-2.0
// The integer types used everywhere. Sizes and indices are i64, because a tensor may hold more than
// 2^31 elements.
#pragma once
#include <cstddef>
#include <cstdint>

namespace weft {

using i32 = std::int32_t;
using i64 = std::int64_t;
using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

}  // namespace weft
