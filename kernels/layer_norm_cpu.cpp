// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/layer_norm.h"
#include "weft/kernels/common/rows.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

i64 grain(i64 cols) { return 8192 / (cols + 1) + 1; }

// The rows per block for the sums over rows. There are at most 64 blocks, and their bounds depend
// on the sizes alone.
i64 rows_per_block(i64 rows, i64 cols) { return std::max(grain(cols), (rows + 63) / 64); }

// The gradient, the input and the statistics of one row in the backward pass.
template <class T>
struct Row {
  const T *dy, *x;
  RowCentre<T> mean;
  T rstd;
  i64 cols;
};

template <class T>
void input_gradient(T* dx, const Row<T>& row, const T* w) {
  const T *dy = row.dy, *x = row.x;
  const RowCentre<T> mean = row.mean;
  const T rstd = row.rstd;
  const double n = static_cast<double>(row.cols);
  const auto g = [=](i64 c) { return w != nullptr ? dy[c] * w[c] : dy[c]; };
  const auto normalised = [=](i64 c) { return mean.centred(x[c]) * rstd; };
  const T mean_g = static_cast<T>(row_sum(row.cols, g) / n);
  const T mean_gx =
      static_cast<T>(row_sum(row.cols, [=](i64 c) { return g(c) * normalised(c); }) / n);
  for (i64 c = 0; c < row.cols; ++c) dx[c] = rstd * (g(c) - mean_g - normalised(c) * mean_gx);
}

template <class T>
void add_parameter_gradients(double* dw, double* db, const Row<T>& row) {
  const T *dy = row.dy, *x = row.x;
  const RowCentre<T> mean = row.mean;
  const T rstd = row.rstd;
  for (i64 c = 0; c < row.cols; ++c)
    dw[c] += static_cast<double>(dy[c] * (mean.centred(x[c]) * rstd));
  for (i64 c = 0; c < row.cols; ++c) db[c] += static_cast<double>(dy[c]);
}

// `sum` becomes the sum of the rows of `partial`, whose starts are `stride` elements apart.
template <class T>
void add_blocks(Span<T> sum, const double* partial, i64 blocks, i64 stride) {
  if (sum.data == nullptr) return;
  for (i64 c = 0; c < sum.size; ++c) {
    double total = 0;
    for (i64 block = 0; block < blocks; ++block) total += partial[block * stride + c];
    sum.data[c] = static_cast<T>(total);
  }
}

template <class T>
void forward(Rows<T> out, RowStatistics<T> saved, Rows<const T> in,
             const LayerNormParameters<T>& parameters, double eps) {
  const i64 cols = in.cols;
  const double n = static_cast<double>(cols);
  const T *x = in.data, *w = parameters.weight, *b = parameters.bias;
  T *y = out.data, *rstd = saved.rstd;
  double* mean = saved.mean;
  parallel_for(in.rows, grain(cols), [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 r = begin; r < end; ++r) {
        const T* xr = x + r * cols;
        T* yr = y + r * cols;
        const double exact_mean = row_sum(cols, [=](i64 c) { return xr[c]; }) / n;
        // The square of a float may leave its range where the result does not.
        const double squares = row_sum(cols, [=](i64 c) {
          const double apart = static_cast<double>(xr[c]) - exact_mean;
          return apart * apart;
        });
        const RowCentre<T> m(exact_mean);
        const T s = static_cast<T>(1.0 / std::sqrt(squares / n + eps));
        mean[r] = exact_mean;
        rstd[r] = s;
        if (w != nullptr) {
          for (i64 c = 0; c < cols; ++c) yr[c] = m.centred(xr[c]) * s * w[c] + b[c];
        } else {
          for (i64 c = 0; c < cols; ++c) yr[c] = m.centred(xr[c]) * s;
        }
      }
    });
  });
}

template <class T>
void backward(const LayerNormGradients<T>& out, Rows<const T> dy, Rows<const T> x, const T* weight,
              RowStatistics<const T> saved) {
  const i64 rows = x.rows, cols = x.cols;
  const i64 in_block = rows_per_block(rows, cols), blocks = (rows + in_block - 1) / in_block;
  const bool parameters = out.dweight != nullptr || out.dbias != nullptr;
  // `sums` is (blocks, 2, cols): dweight and dbias of each block.
  const Scratch<double, Cpu> sums(Cpu{}, parameters ? blocks * 2 * cols : 0);
  double* partial = sums.data();
  T* dx = out.dx;
  parallel_blocks(blocks, [=](i64 block) {
    simd([=] {
      double* block_sums = partial + block * 2 * cols;
      if (parameters) std::fill_n(block_sums, 2 * cols, 0.0);
      for (i64 r = block * in_block; r < std::min(rows, (block + 1) * in_block); ++r) {
        const Row<T> row{dy.row(r), x.row(r), RowCentre<T>(saved.mean[r]), saved.rstd[r], cols};
        if (parameters) add_parameter_gradients(block_sums, block_sums + cols, row);
        if (dx != nullptr) input_gradient(dx + r * cols, row, weight);
      }
    });
  });
  add_blocks(Span<T>{out.dweight, cols}, partial, blocks, 2 * cols);
  add_blocks(Span<T>{out.dbias, cols}, partial + cols, blocks, 2 * cols);
}

}  // namespace

#define WEFT_LAYER_NORM(T)                                                                   \
  template <>                                                                                \
  void layer_norm_forward(Cpu, Rows<T> y, RowStatistics<T> saved, Rows<const T> x,           \
                          const LayerNormParameters<T>& parameters, double eps) {            \
    forward(y, saved, x, parameters, eps);                                                   \
  }                                                                                          \
  template <>                                                                                \
  void layer_norm_backward(Cpu, const LayerNormGradients<T>& out, Rows<const T> dy,          \
                           Rows<const T> x, const T* weight, RowStatistics<const T> saved) { \
    backward(out, dy, x, weight, saved);                                                     \
  }
WEFT_LAYER_NORM(float)
WEFT_LAYER_NORM(double)

}  // namespace weft::kernels
