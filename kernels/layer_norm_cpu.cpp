// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "weft/device/allocator.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/layer_norm.h"
#include "weft/kernels/common/rows.h"

namespace weft::kernels {
namespace {

i64 grain(i64 cols) { return 8192 / (cols + 1) + 1; }

// How rows are cut for the sums over them: at most 64 blocks, by the sizes alone.
i64 rows_per_block(i64 rows, i64 cols) { return std::max(grain(cols), (rows + 63) / 64); }

template <class T>
void input_gradient(T* dx, const T* dy, const T* x, const T* w, T mean, T rstd, i64 cols) {
  const auto g = [=](i64 c) { return w != nullptr ? dy[c] * w[c] : dy[c]; };
  const T n = static_cast<T>(cols);
  const T sum_g = row_sum<T>(cols, g) / n;
  const T sum_gx = row_sum<T>(cols, [=](i64 c) { return g(c) * (x[c] - mean); }) * rstd / n;
  for (i64 c = 0; c < cols; ++c) dx[c] = rstd * (g(c) - sum_g - (x[c] - mean) * rstd * sum_gx);
}

template <class T>
void add_parameter_gradients(T* dw, T* db, const T* dy, const T* x, T mean, T rstd, i64 cols) {
  for (i64 c = 0; c < cols; ++c) dw[c] += dy[c] * (x[c] - mean) * rstd;
  for (i64 c = 0; c < cols; ++c) db[c] += dy[c];
}

template <class T>
void add_blocks(T* sum, const T* partial, i64 blocks, i64 stride, i64 cols) {
  if (sum == nullptr) return;
  std::fill_n(sum, cols, T(0));
  for (i64 block = 0; block < blocks; ++block)
    for (i64 c = 0; c < cols; ++c) sum[c] += partial[block * stride + c];
}

}  // namespace

template <class T>
void layer_norm_forward(Cpu, T* y, T* mean, T* rstd, const T* x, const T* w, const T* b, double eps,
                        i64 rows, i64 cols) {
  const T n = static_cast<T>(cols), epsilon = static_cast<T>(eps);
  parallel_for(rows, grain(cols), [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 r = begin; r < end; ++r) {
        const T* xr = x + r * cols;
        T* yr = y + r * cols;
        const T m = row_sum<T>(cols, [=](i64 c) { return xr[c]; }) / n;
        const T variance = row_sum<T>(cols, [=](i64 c) { return (xr[c] - m) * (xr[c] - m); }) / n;
        const T s = T(1) / std::sqrt(variance + epsilon);
        mean[r] = m;
        rstd[r] = s;
        if (w != nullptr) {
          for (i64 c = 0; c < cols; ++c) yr[c] = (xr[c] - m) * s * w[c] + b[c];
        } else {
          for (i64 c = 0; c < cols; ++c) yr[c] = (xr[c] - m) * s;
        }
      }
    });
  });
}

template <class T>
void layer_norm_backward(Cpu, T* dx, T* dw, T* db, const T* dy, const T* x, const T* w,
                         const T* mean, const T* rstd, i64 rows, i64 cols) {
  const i64 in_block = rows_per_block(rows, cols), blocks = (rows + in_block - 1) / in_block;
  const bool parameters = dw != nullptr || db != nullptr;
  const i64 bytes = parameters ? blocks * 2 * cols * static_cast<i64>(sizeof(T)) : 0;
  T* partial =
      static_cast<T*>(allocate(Cpu{}, bytes));  // (blocks, 2, cols): dw and db of each block
  parallel_blocks(blocks, [=](i64 block) {
    simd([=] {
      T* block_sums = partial + block * 2 * cols;
      if (parameters) std::fill_n(block_sums, 2 * cols, T(0));
      for (i64 r = block * in_block; r < std::min(rows, (block + 1) * in_block); ++r) {
        const i64 o = r * cols;
        if (parameters)
          add_parameter_gradients(block_sums, block_sums + cols, dy + o, x + o, mean[r], rstd[r],
                                  cols);
        if (dx != nullptr) input_gradient(dx + o, dy + o, x + o, w, mean[r], rstd[r], cols);
      }
    });
  });
  add_blocks(dw, partial, blocks, 2 * cols, cols);
  add_blocks(db, partial + cols, blocks, 2 * cols, cols);
  deallocate(Cpu{}, partial, bytes);
}

#define WEFT_LAYER_NORM(T)                                                                     \
  template void layer_norm_forward(Cpu, T*, T*, T*, const T*, const T*, const T*, double, i64, \
                                   i64);                                                       \
  template void layer_norm_backward(Cpu, T*, T*, T*, const T*, const T*, const T*, const T*,   \
                                    const T*, i64, i64);
WEFT_LAYER_NORM(float)
WEFT_LAYER_NORM(double)

}  // namespace weft::kernels
