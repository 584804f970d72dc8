// SPDX-License-Identifier: Apache-2.0
// Chooses and tunes a plan (Note [Plans of products]) for cuBLASLt (matmul_cuda.cpp) and for its
// emulation (matmul_emulated.cpp).
#pragma once
#include <algorithm>
#include <limits>

#include "weft/core/log.h"
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/graph.h"
#include "weft/kernels/library/matmul_layout.h"
#include "weft/kernels/library/matmul_plans.h"

namespace weft::kernels {

// `types` is the library's code of the types of the operands and the result.
template <class T, class C>
MatmulProduct product_of(const MatmulRequest<T, C>& r, i64 library, i64 gpu, i64 types) {
  const MatmulShape& s = r.shape;
  return {library,
          gpu,
          types,
          s.m,
          s.n,
          s.k,
          s.batch,
          s.transpose_a ? 1 : 0,
          s.transpose_b ? 1 : 0,
          static_cast<i64>(r.epilogue),
          alignment_of(r.a),
          alignment_of(r.b),
          alignment_of(r.c),
          alignment_of(r.bias)};
}

inline constexpr int kMatmulGuesses = 8;        // algorithms that autotuning times
inline constexpr int kMatmulTimings = 3;        // timings of each algorithm; the shortest is used
inline constexpr int kMatmulRunsPerTiming = 5;  // runs that one timing covers

// Returns the fastest guess. A guess that fails, for example because there is no memory for its
// workspace, is skipped.
template <class Library>
MatmulChoice fastest(Cuda device, const std::vector<MatmulChoice>& guesses, Library& library) {
  const MatmulChoice* best = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (const MatmulChoice& guess : guesses) {
    try {
      library.run(guess);  // the first run is slower, so it is not timed
      double seconds = std::numeric_limits<double>::infinity();
      for (int timing = 0; timing < kMatmulTimings; ++timing)
        seconds = std::min(seconds, gpu::seconds_of(device.stream, [&] {
                             for (int i = 0; i < kMatmulRunsPerTiming; ++i) library.run(guess);
                           }));
      if (seconds < least) {
        least = seconds;
        best = &guess;
      }
    } catch (const InternalError& error) {
      log_info("matmul: autotuning skips an algorithm: {}", error.what());
      if (best == nullptr && &guess == &guesses.back()) throw;
    }
  }
  return *best;
}

// Returns the plan of the product (Note [Plans of products]). In a capture, where nothing can be
// timed, it is the first guess. The library has guesses(most), which returns at least one guess
// with the best first, takes(choice), which returns whether it supports the choice, and
// run(choice).
template <class Library>
MatmulChoice plan_for(Cuda device, const MatmulProduct& product, Library& library) {
  const auto choose = [&] {
    const bool timed = matmul_autotune() && !gpu::is_captured(device.stream);
    const std::vector<MatmulChoice> guesses = library.guesses(timed ? kMatmulGuesses : 1);
    return timed ? fastest(device, guesses, library) : guesses.front();
  };
  return detail::matmul_table().plan_for(
      product, [&](const MatmulChoice& choice) { return library.takes(choice); }, choose,
      [&] {
        return fmt::format("matmul: the plan given for m {}, n {}, k {}", product.m, product.n,
                           product.k);
      });
}

}  // namespace weft::kernels
