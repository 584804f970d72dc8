// SPDX-License-Identifier: Apache-2.0
// Converts arrays of half types for CPU kernels, which compute in float. Products that no CPU
// library computes in half types and the library calls of the emulated device use it.
#pragma once
#include "weft/kernels/copy.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {

template <class T>
inline constexpr bool is_computed = std::is_same_v<T, Compute<T>>;

// The n elements of x in the type Compute<T>: x itself if T is that type, otherwise a converted
// copy. Null stays null.
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

// Calls write(y') for an array y' of type Compute<T>, then converts y' to y. Null stays null.
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
