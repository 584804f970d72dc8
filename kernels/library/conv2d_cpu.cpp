// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/conv2d.h"

#include <algorithm>

#include <Eigen/Core>

#include "weft/device/parallel.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/library/as_compute.h"
#include "weft/kernels/library/conv2d_method.h"
#include "weft/kernels/library/narrow_groups.h"
#include "weft/kernels/library/onednn.h"
#include "weft/kernels/library/product_types.h"
#include "weft/kernels/library/winograd.h"
#include "weft/kernels/reduce.h"

namespace weft::kernels {
namespace {

// The elements of the patches that exist at a time. They fit into the cache, and their memory is
// bounded.
constexpr i64 kPatchElements = 256 * 1024;
constexpr i64 kGrain = 16 * 1024;  // the fewest elements that a thread processes

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Map = Eigen::Map<Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>;
template <class T>
using ConstMap = Eigen::Map<const Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>;

// Divides a convolution into matrix products: one for each group and each block of output rows.
// Rows are counted over the whole batch. The bounds of the blocks depend on the shape alone, so
// that sums over blocks do not depend on the number of threads.
struct Plan {
  explicit Plan(const Conv2dShape& s)
      : group_channels(s.channels / s.groups),
        group_outputs(s.out_channels / s.groups),
        patch(s.kernel.h * s.kernel.w * group_channels),
        rows(s.batch * s.out_height),
        rows_per_block(
            std::clamp<i64>(kPatchElements / std::max<i64>(s.out_width * patch, 1), 1, rows)),
        patch_elements(rows_per_block * s.out_width * patch) {}
  i64 group_channels, group_outputs;
  i64 patch;  // elements of one patch: kernel height · kernel width · group_channels
  i64 rows, rows_per_block, patch_elements;

  template <class Body>
  void for_each_block(const Body& body) const {
    for (i64 row = 0; row < rows; row += rows_per_block)
      body(row, std::min(rows, row + rows_per_block));
  }
};

// For each tap of the output row `row`, calls inside(index in x, index in patches) if the tap lies
// inside the image and outside(index in patches) otherwise. Both indices are those of the group's
// first channel. The index in patches counts from the first patch of the row.
template <class Inside, class Outside>
void walk_row(const Conv2dShape& s, const Plan& plan, i64 row, const Inside& inside,
              const Outside& outside) {
  const i64 image = row / s.out_height, top = row % s.out_height * s.stride.h - s.padding.h;
  for (i64 j = 0; j < s.out_width; ++j) {
    i64 at = j * plan.patch;
    for (i64 a = 0; a < s.kernel.h; ++a) {
      const i64 y = top + a * s.dilation.h;
      for (i64 b = 0; b < s.kernel.w; ++b, at += plan.group_channels) {
        const i64 x = j * s.stride.w - s.padding.w + b * s.dilation.w;
        if (y < 0 || y >= s.height || x < 0 || x >= s.width) outside(at);
        else inside(((image * s.height + y) * s.width + x) * s.channels, at);
      }
    }
  }
}

// Fills patches[row − begin, j, a, b, c] for the output rows [begin, end).
template <class T>
void make_patches(T* patches, const T* x, const Conv2dShape& s, const Plan& plan, i64 begin,
                  i64 end) {
  parallel_for(end - begin, kGrain / (s.out_width * plan.patch) + 1, [&](i64 from, i64 to) {
    for (i64 row = from; row < to; ++row) {
      T* line = patches + row * s.out_width * plan.patch;
      walk_row(
          s, plan, begin + row,
          [&](i64 source, i64 at) { std::copy_n(x + source, plan.group_channels, line + at); },
          [&](i64 at) { std::fill_n(line + at, plan.group_channels, T(0)); });
    }
  });
}

// Adds the patches to dx. Patches overlap, so each thread adds a range of channels.
template <class T>
void add_patches(T* dx, const T* patches, const Conv2dShape& s, const Plan& plan, i64 begin,
                 i64 end) {
  const i64 per_channel = (end - begin) * s.out_width * s.kernel.h * s.kernel.w;
  parallel_for(plan.group_channels, kGrain / per_channel + 1, [&](i64 from, i64 to) {
    for (i64 row = begin; row < end; ++row) {
      const T* line = patches + (row - begin) * s.out_width * plan.patch;
      walk_row(
          s, plan, row,
          [&](i64 target, i64 at) {
            for (i64 c = from; c < to; ++c) dx[target + c] += line[at + c];
          },
          [](i64) {});
    }
  });
}

template <class T>
void patches_forward(T* y, const T* x, const T* w, const Conv2dShape& s) {
  const Plan plan(s);
  const Scratch<T, Cpu> patches(Cpu{}, plan.patch_elements);
  for (i64 g = 0; g < s.groups; ++g) {
    plan.for_each_block([&](i64 begin, i64 end) {
      const i64 pixels = (end - begin) * s.out_width;
      make_patches(patches.data(), x + g * plan.group_channels, s, plan, begin, end);
      Map<T>(y + begin * s.out_width * s.out_channels + g * plan.group_outputs, pixels,
             plan.group_outputs, Eigen::OuterStride<>(s.out_channels))
          .noalias() =
          ConstMap<T>(patches.data(), pixels, plan.patch, Eigen::OuterStride<>(plan.patch)) *
          ConstMap<T>(w + g * plan.group_outputs * plan.patch, plan.group_outputs, plan.patch,
                      Eigen::OuterStride<>(plan.patch))
              .transpose();
    });
  }
}

template <class T>
void patches_input_gradient(T* dx, const T* dy, const T* w, const Conv2dShape& s) {
  const Plan plan(s);
  const Scratch<T, Cpu> patches(Cpu{}, plan.patch_elements);
  std::fill_n(dx, s.batch * s.height * s.width * s.channels, T(0));
  for (i64 g = 0; g < s.groups; ++g) {
    plan.for_each_block([&](i64 begin, i64 end) {
      const i64 pixels = (end - begin) * s.out_width;
      Map<T>(patches.data(), pixels, plan.patch, Eigen::OuterStride<>(plan.patch)).noalias() =
          ConstMap<T>(dy + begin * s.out_width * s.out_channels + g * plan.group_outputs, pixels,
                      plan.group_outputs, Eigen::OuterStride<>(s.out_channels)) *
          ConstMap<T>(w + g * plan.group_outputs * plan.patch, plan.group_outputs, plan.patch,
                      Eigen::OuterStride<>(plan.patch));
      add_patches(dx + g * plan.group_channels, patches.data(), s, plan, begin, end);
    });
  }
}

template <class T>
void patches_weight_gradient(T* dw, const T* dy, const T* x, const Conv2dShape& s) {
  const Plan plan(s);
  const Scratch<T, Cpu> patches(Cpu{}, plan.patch_elements);
  for (i64 g = 0; g < s.groups; ++g) {
    Map<T> sum(dw + g * plan.group_outputs * plan.patch, plan.group_outputs, plan.patch,
               Eigen::OuterStride<>(plan.patch));
    sum.setZero();
    plan.for_each_block([&](i64 begin, i64 end) {
      const i64 pixels = (end - begin) * s.out_width;
      make_patches(patches.data(), x + g * plan.group_channels, s, plan, begin, end);
      sum.noalias() +=
          ConstMap<T>(dy + begin * s.out_width * s.out_channels + g * plan.group_outputs, pixels,
                      plan.group_outputs, Eigen::OuterStride<>(s.out_channels))
              .transpose() *
          ConstMap<T>(patches.data(), pixels, plan.patch, Eigen::OuterStride<>(plan.patch));
    });
  }
}

bool takes_onednn() { return cpu_backend() == CpuBackend::onednn; }

template <class T, class C>
void forward(C* y, const T* x, const T* w, const C* bias, Activation activation,
             const Conv2dShape& s) {
  if (outputs(s) == 0) return;
  if constexpr (std::is_same_v<T, float>) {
    if (const int m = winograd_tile(ConvolutionPass::forward, s); m > 0)
      return winograd::conv2d(y, x, w, bias, activation, s, m);
    if (takes_narrow_groups(ConvolutionPass::forward, s))
      return narrow_groups::conv2d(y, x, w, bias, activation, s);
  }
  if constexpr (onednn::kTakes<T>)
    if (takes_onednn() && onednn::conv2d(y, x, w, bias, activation, s)) return;
  if constexpr (!is_computed<T>) {
    const AsCompute<T> x_values(x, inputs(s)), w_values(w, weights(s));
    return forward(y, x_values.data(), w_values.data(), bias, activation, s);
  } else {
    patches_forward(y, x, w, s);
    add_bias_and_activate<C>(Cpu{}, {y, s.batch * s.out_height * s.out_width, s.out_channels}, bias,
                             activation);
  }
}

template <class T, class C>
void input_gradient(C* dx, const T* dy, const T* w, const Conv2dShape& s) {
  if (s.batch == 0) return;
  if constexpr (std::is_same_v<T, float>) {
    if (const int m = winograd_tile(ConvolutionPass::input_gradient, s); m > 0)
      return winograd::conv2d_input_gradient(dx, dy, w, s, m);
    if (takes_narrow_groups(ConvolutionPass::input_gradient, s))
      return narrow_groups::conv2d_input_gradient(dx, dy, w, s);
  }
  if constexpr (onednn::kTakes<T>)
    if (takes_onednn() && onednn::conv2d_input_gradient(dx, dy, w, s)) return;
  if constexpr (!is_computed<T>) {
    const AsCompute<T> dy_values(dy, outputs(s)), w_values(w, weights(s));
    return input_gradient(dx, dy_values.data(), w_values.data(), s);
  } else {
    patches_input_gradient(dx, dy, w, s);
  }
}

template <class T, class C>
void weight_gradient(C* dw, C* dbias, const T* dy, const T* x, const Conv2dShape& s) {
  if constexpr (std::is_same_v<T, float>) {
    if (const int m = winograd_tile(ConvolutionPass::weight_gradient, s); m > 0)
      return winograd::conv2d_weight_gradient(dw, dbias, dy, x, s, m);
    if (takes_narrow_groups(ConvolutionPass::weight_gradient, s))
      return narrow_groups::conv2d_weight_gradient(dw, dbias, dy, x, s);
  }
  if constexpr (onednn::kTakes<T>)
    if (s.batch > 0 && takes_onednn() && onednn::conv2d_weight_gradient(dw, dbias, dy, x, s))
      return;
  if constexpr (!is_computed<T>) {
    const AsCompute<T> dy_values(dy, outputs(s)), x_values(x, inputs(s));
    return weight_gradient(dw, dbias, dy_values.data(), x_values.data(), s);
  } else {
    if (dbias != nullptr)
      reduce_sum(Cpu{}, dbias, dy, 1.0, {1, s.batch * s.out_height * s.out_width, s.out_channels});
    if (s.batch == 0) std::fill_n(dw, weights(s), T(0));
    else patches_weight_gradient(dw, dy, x, s);
  }
}

}  // namespace

#define WEFT_CONV2D(T, C)                                                                     \
  template <>                                                                                 \
  void conv2d(Cpu, C* y, const T* x, const T* w, const C* bias, Activation activation,        \
              const Conv2dShape& shape) {                                                     \
    forward(y, x, w, bias, activation, shape);                                                \
  }                                                                                           \
  template <>                                                                                 \
  void conv2d_input_gradient(Cpu, C* dx, const T* dy, const T* w, const Conv2dShape& shape) { \
    input_gradient(dx, dy, w, shape);                                                         \
  }                                                                                           \
  template <>                                                                                 \
  void conv2d_weight_gradient(Cpu, C* dw, C* dbias, const T* dy, const T* x,                  \
                              const Conv2dShape& shape) {                                     \
    weight_gradient(dw, dbias, dy, x, shape);                                                 \
  }
WEFT_CPU_PRODUCT_TYPES(WEFT_CONV2D)

}  // namespace weft::kernels
