// SPDX-License-Identifier: Apache-2.0
// Elapsed time, by a clock that never goes back.
#pragma once
#include <chrono>

namespace weft {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
// Since an arbitrary start: for differences.
inline double now_seconds() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

}  // namespace weft
