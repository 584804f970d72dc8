// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/grid.h"
#include "weft/kernels/gather_pictures.h"

namespace weft::kernels {
namespace {

// A thread writes whole pixels: the moves of a pixel cost more than its bytes.
template <class T>
__global__ void __launch_bounds__(kThreads)
    gather_pictures_kernel(Pictures<T> y, Pictures<const T> x, SampleRows rows) {
  for (i64 i = first_index(); i < y.count * y.pixels(); i += grid_stride()) {
    const auto [row, pixel] = divide(i, y.pixels());
    const auto [at_y, at_x] = divide(pixel, y.width);
    write_pixel(y, x, rows, row, at_y, at_x);
  }
}

__global__ void __launch_bounds__(kThreads)
    gather_mixed_targets_kernel(Rows<float> targets, Span<const i64> labels, SampleRows rows) {
  for (i64 i = first_index(); i < targets.size(); i += grid_stride()) {
    const auto [row, label] = divide(i, targets.cols);
    targets.data[i] = mixed_probability(labels, rows, row, label);
  }
}

}  // namespace

#define WEFT_GATHER_PICTURES(T)                                                            \
  template <>                                                                              \
  void gather_pictures(Cuda device, Pictures<T> y, Pictures<const T> x, SampleRows rows) { \
    const i64 pixels = y.count * y.pixels();                                               \
    if (pixels == 0) return;                                                               \
    launch<gather_pictures_kernel<T>>(on(device, blocks_for(pixels)), y, x, rows);         \
  }
WEFT_GATHER_PICTURES(u8)
WEFT_GATHER_PICTURES(float)

template <>
void gather_mixed_targets(Cuda device, Rows<float> targets, Span<const i64> labels,
                          SampleRows rows) {
  if (targets.size() == 0) return;
  launch<gather_mixed_targets_kernel>(on(device, blocks_for(targets.size())), targets, labels,
                                      rows);
}

}  // namespace weft::kernels
