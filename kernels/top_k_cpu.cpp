// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/top_k.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "weft/device/parallel.h"
#include "weft/kernels/common/best.h"

namespace weft::kernels {
namespace {

template <class T>
void choose(Rows<T> values, i64* index, Rows<const T> x) {
  parallel_for(x.rows, 4096 / (x.cols + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 r = begin; r < end; ++r) {
      const std::span<i64> chosen(index + r * values.cols, static_cast<std::size_t>(values.cols));
      const auto first = [&](i64 a, i64 b) {
        return Better::comes_first(Best<T>{x(r, a), a}, Best<T>{x(r, b), b});
      };
      std::iota(chosen.begin(), chosen.end(), i64{0});
      std::make_heap(chosen.begin(), chosen.end(), first);  // the last of the chosen is in front
      for (i64 i = values.cols; i < x.cols && !chosen.empty(); ++i) {
        if (!first(i, chosen.front())) continue;
        std::pop_heap(chosen.begin(), chosen.end(), first);
        chosen.back() = i;
        std::push_heap(chosen.begin(), chosen.end(), first);
      }
      std::sort_heap(chosen.begin(), chosen.end(), first);
      for (i64 j = 0; j < values.cols; ++j)
        values(r, j) = x(r, chosen[static_cast<std::size_t>(j)]);
    }
  });
}

}  // namespace

#define WEFT_TOP_K(T)                                            \
  template <>                                                    \
  void top_k(Cpu, Rows<T> values, i64* index, Rows<const T> x) { \
    choose(values, index, x);                                    \
  }
WEFT_TOP_K(float)
WEFT_TOP_K(double)

}  // namespace weft::kernels
