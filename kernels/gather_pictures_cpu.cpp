// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/kernels/gather_pictures.h"

namespace weft::kernels {
namespace {

template <class T>
void gather_all(const Pictures<T>& y, const Pictures<const T>& x, const SampleRows& rows) {
  parallel_for(y.count, 16 * 1024 / (y.pixels() + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row)
      for (i64 at_y = 0; at_y < y.height; ++at_y)
        for (i64 at_x = 0; at_x < y.width; ++at_x) write_pixel(y, x, rows, row, at_y, at_x);
  });
}

}  // namespace

#define WEFT_GATHER_PICTURES(T)                                                    \
  template <>                                                                      \
  void gather_pictures(Cpu, Pictures<T> y, Pictures<const T> x, SampleRows rows) { \
    gather_all(y, x, rows);                                                        \
  }
WEFT_GATHER_PICTURES(u8)
WEFT_GATHER_PICTURES(float)

template <>
void gather_mixed_targets(Cpu, Rows<float> targets, Span<const i64> labels, SampleRows rows) {
  parallel_for(targets.rows, 16 * 1024 / (targets.cols + 1) + 1, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row)
      for (i64 c = 0; c < targets.cols; ++c)
        targets(row, c) = mixed_probability(labels, rows, row, c);
  });
}

}  // namespace weft::kernels
