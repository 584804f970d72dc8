// SPDX-License-Identifier: Apache-2.0
// The CPU's vector width, chosen at run time.
//
// Note [Vector width]
// The library is compiled for plain x86-64 and runs on any such machine. simd(body) calls `body`
// through a function compiled for the widest instruction set of this machine. `flatten` inlines the
// body and all functions that it calls into that function, so the compiler vectorises their loops
// for that set. Inlined code must be visible: formulas are in headers, and libm calls stay scalar
// (kernels/common/math.h has an exp, tanh, … that vectorise).
#pragma once
#include <string_view>

namespace weft {

enum class VectorSet { baseline, avx2, avx512 };

// Returns the set in use: the machine's best (x86-64-v3 = AVX2+FMA, x86-64-v4 = AVX-512), or the
// one that the environment variable WEFT_SIMD (baseline, avx2, avx512) requests, if the machine has
// it.
VectorSet vector_set();
std::string_view name_of(VectorSet set);
// For tests and benchmarks. Throws UserError for a set that this machine lacks.
void set_vector_set(VectorSet set);

namespace detail {
extern VectorSet current_vector_set;
#if defined(__x86_64__) && defined(__GNUC__)
template <class Body>
[[gnu::target("arch=x86-64-v4,prefer-vector-width=512"), gnu::flatten]] void run_avx512(
    const Body& body) {
  body();
}
template <class Body>
[[gnu::target("arch=x86-64-v3"), gnu::flatten]] void run_avx2(const Body& body) {
  body();
}
#endif
}  // namespace detail

template <class Body>
inline void simd(const Body& body) {
#if defined(__x86_64__) && defined(__GNUC__)
  switch (detail::current_vector_set) {
    case VectorSet::avx512: return detail::run_avx512(body);
    case VectorSet::avx2: return detail::run_avx2(body);
    case VectorSet::baseline: break;
  }
#endif
  body();
}

}  // namespace weft
