// SPDX-License-Identifier: Apache-2.0
// An array of a half type as the CPU's kernels read it: for products that no library does in
// halves, and for the emulated device's library calls.
#pragma once
#include "weft/kernels/copy.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {

template <class T>
inline constexpr bool is_computed = std::is_same_v<T, Compute<T>>;

// The n elements of x in the type arithmetic is done in: x itself, or a converted copy. Null stays
// null.
template <class T>
class AsCompute {
 public:
  AsCompute(const T* x, i64 n) : copy_(Cpu{}, x == nullptr || is_computed<T> ? 0 : n) {
    if constexpr (is_computed<T>) data_ = x;
    else if (x != nullptr) convert<Compute<T>, T>(Cpu{}, {copy_.data(), n}, {x, n});
    if constexpr (!is_computed<T>) data_ = copy_.data();
  }
  const Compute<T>* data() const { return data_; }

 private:
  Scratch<Compute<T>, Cpu> copy_;
  const Compute<T>* data_ = nullptr;
};

// Calls write(y') for an array y' in that type, then rounds it to y. Null stays null.
template <class T, class Write>
void write_computed(T* y, i64 n, const Write& write) {
  if constexpr (is_computed<T>) {
    write(y);
  } else {
    const Scratch<Compute<T>, Cpu> result(Cpu{}, y == nullptr ? 0 : n);
    write(result.data());
    if (y != nullptr) convert<T, Compute<T>>(Cpu{}, {y, n}, {result.data(), n});
  }
}

}  // namespace weft::kernels
