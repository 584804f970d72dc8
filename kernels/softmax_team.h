// SPDX-License-Identifier: Apache-2.0
// The sum of a softmax's exponentials in one pass over a row, shared by a team of threads.
// source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax", arXiv:1805.02867
#pragma once
#include "weft/kernels/common/math.h"
#include "weft/kernels/common/team.h"

namespace weft::kernels {

// Σ e^(x − max) over the elements added so far.
template <class C>
struct ExpSum {
  double sum = 0;
  C max = -INFINITY;

  __device__ void add(C x) {
    if (x > max) {
      sum = sum * static_cast<double>(math::exp(max - x)) + 1.0;
      max = x;
    } else {
      // Both may be −∞.
      sum += x == max ? 1.0 : static_cast<double>(math::exp(x - max));
    }
  }
  // Without the maximum: see Note [Log of a sum of exponentials] in softmax_row.h.
  __device__ C log_sum() const { return math::log(static_cast<C>(sum)); }
};

struct MergeExpSums {
  template <class C>
  __device__ ExpSum<C> operator()(ExpSum<C> a, ExpSum<C> b) const {
    // The factor of the larger maximum is 1, also if both are −∞ because no element was added.
    const C max = a.max < b.max ? b.max : a.max;
    const auto part = [=](const ExpSum<C>& of) {
      return of.max == max ? of.sum : of.sum * static_cast<double>(math::exp(of.max - max));
    };
    return {part(a) + part(b), max};
  }
};

}  // namespace weft::kernels
