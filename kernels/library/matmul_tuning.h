// SPDX-License-Identifier: Apache-2.0
// How a plan is chosen and tuned (Note [Plans of products]), for cuBLASLt (matmul_cuda.cpp) and for
// what stands for it on the emulated device (matmul_emulated.cpp).
#pragma once
#include <algorithm>
#include <limits>

#include "weft/core/log.h"
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/graph.h"
#include "weft/kernels/library/matmul_layout.h"
#include "weft/kernels/library/matmul_plans.h"

namespace weft::kernels {

// `types` is the library's code for those of factors and result.
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

inline constexpr int kMatmulGuesses = 8;        // of the library, that autotuning tries
inline constexpr int kMatmulTimings = 3;        // of each; the shortest counts
inline constexpr int kMatmulRunsPerTiming = 5;  // one after the other

// The guess that took least time. One that fails, for want of memory for its workspace say, is
// passed over.
template <class Library>
MatmulChoice fastest(Cuda device, const std::vector<MatmulChoice>& guesses, Library& library) {
  const MatmulChoice* best = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (const MatmulChoice& guess : guesses) {
    try {
      library.run(guess);  // the first time is not like the others
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
      log_info("matmul: an algorithm is passed over in autotuning, because {}", error.what());
      if (best == nullptr && &guess == &guesses.back()) throw;
    }
  }
  return *best;
}

// The product's plan (Note [Plans of products]); in a capture, where nothing can be timed, the
// first guess stays. Library: guesses(most), the likeliest to be fast first, at least one;
// takes(choice); run(choice).
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
