// SPDX-License-Identifier: Apache-2.0
#include "weft/device/simd.h"

#include <cstdlib>

#include "weft/core/error.h"

namespace weft {
namespace {

VectorSet best() {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v4) return VectorSet::avx512;
  if (v3) return VectorSet::avx2;
#endif
  return VectorSet::baseline;
}

// A requested set that the machine lacks falls back to the machine's best, because an environment
// variable must not stop a program from starting.
VectorSet from_environment() {
  const char* wish = std::getenv("WEFT_SIMD");
  for (const VectorSet set : {VectorSet::baseline, VectorSet::avx2, VectorSet::avx512})
    if (wish != nullptr && name_of(set) == wish && set <= best()) return set;
  return best();
}

}  // namespace

namespace detail {
VectorSet current_vector_set = from_environment();
}

VectorSet vector_set() { return detail::current_vector_set; }

std::string_view name_of(VectorSet set) {
  switch (set) {
    case VectorSet::avx512: return "avx512";
    case VectorSet::avx2: return "avx2";
    default: return "baseline";
  }
}

void set_vector_set(VectorSet set) {
  WEFT_CHECK(set <= best(), "vector set: {} wanted; this machine has {}", name_of(set),
             name_of(best()));
  detail::current_vector_set = set;
}

}  // namespace weft
