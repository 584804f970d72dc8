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
  C max = -INFINITY, sum = 0;

  __device__ void add(C x) {
    if (x > max) {
      sum = sum * math::exp(max - x) + C(1);
      max = x;
    } else {
      sum += x == max ? C(1) : math::exp(x - max);  // both may be −∞
    }
  }
  __device__ C log_sum_exp() const { return max + math::log(sum); }
};

struct MergeExpSums {
  template <class C>
  __device__ ExpSum<C> operator()(ExpSum<C> a, ExpSum<C> b) const {
    // The factor of the larger maximum is 1, also if both are −∞ because no element was added.
    const C max = a.max < b.max ? b.max : a.max;
    const C left = a.max == max ? a.sum : a.sum * math::exp(a.max - max);
    const C right = b.max == max ? b.sum : b.sum * math::exp(b.max - max);
    return {max, left + right};
  }
};

}  // namespace weft::kernels
