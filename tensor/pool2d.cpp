// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pool2d.h"

#include "weft/kernels/reduce.h"
#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

kernels::Pool2dShape shape_of(const char* op, const Shape& x, const Pool2dOptions& o) {
  const HeightWidth kernel = o.kernel, padding = o.padding;
  const HeightWidth stride = o.stride.h == 0 && o.stride.w == 0 ? kernel : o.stride;
  WEFT_CHECK(x.rank() == 4, "{}: x is {}; (batch, height, width, channels) is required", op, x);
  WEFT_CHECK(kernel.h >= 1 && kernel.w >= 1, "{}: kernel ({}, {}) given; at least 1 is required",
             op, kernel.h, kernel.w);
  WEFT_CHECK(stride.h >= 1 && stride.w >= 1, "{}: stride ({}, {}) given; at least 1 is required",
             op, stride.h, stride.w);
  // A larger padding would make windows that cover no pixel.
  WEFT_CHECK(
      padding.h >= 0 && padding.w >= 0 && 2 * padding.h <= kernel.h && 2 * padding.w <= kernel.w,
      "{}: padding ({}, {}) given for kernel ({}, {}); from 0 to half of the kernel is required",
      op, padding.h, padding.w, kernel.h, kernel.w);
  WEFT_CHECK(
      x[1] >= 1 && x[2] >= 1 && x[1] + 2 * padding.h >= kernel.h &&
          x[2] + 2 * padding.w >= kernel.w,
      "{}: x is {} with kernel ({}, {}) and padding ({}, {}); an image of at least {} × {} is required",
      op, x, kernel.h, kernel.w, padding.h, padding.w, std::max<i64>(1, kernel.h - 2 * padding.h),
      std::max<i64>(1, kernel.w - 2 * padding.w));
  return {x[0],
          x[1],
          x[2],
          x[3],
          (x[1] + 2 * padding.h - kernel.h) / stride.h + 1,
          (x[2] + 2 * padding.w - kernel.w) / stride.w + 1,
          kernel.h,
          kernel.w,
          stride.h,
          stride.w,
          padding.h,
          padding.w};
}

Shape output_of(const kernels::Pool2dShape& s) {
  return {s.batch, s.out_height, s.out_width, s.channels};
}

template <class F>
void visit_index(DType dtype, F&& f) {
  if (dtype == DType::uint8) f.template operator()<u8>();
  else f.template operator()<i32>();
}

// Height and width as one axis between batch and channels.
kernels::ReduceShape pixels_of(const char* op, const Shape& x) {
  WEFT_CHECK(x.rank() == 4 && x[1] * x[2] > 0,
             "{}: x is {}; (batch, height, width, channels) with at least one pixel is required",
             op, x);
  return {x[0], x[1] * x[2], x[3]};
}

}  // namespace

MaxPool2dResult max_pool2d_with_index(const Tensor& x, const Pool2dOptions& options,
                                      bool wants_index) {
  const kernels::Pool2dShape shape = shape_of("max_pool2d", x.shape(), options);
  const DType index_dtype = shape.kernel_h * shape.kernel_w <= 255 ? DType::uint8 : DType::int32;
  MaxPool2dResult result{
      Tensor::empty(output_of(shape), x.dtype(), x.device()),
      wants_index ? Tensor::empty(output_of(shape), index_dtype, x.device()) : Tensor()};
  visit_compute("max_pool2d", x.dtype(), [&]<class T>() {
    visit_index(index_dtype, [&]<class Index>() {
      std::visit(
          [&](auto device) {
            kernels::max_pool2d(device, result.y.data<T>(),
                                wants_index ? result.index.data<Index>() : nullptr, x.data<T>(),
                                shape);
          },
          x.device());
    });
  });
  return result;
}

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  return max_pool2d_with_index(x, options, false).y;
}

void max_pool2d_backward(Tensor& dx, const Tensor& dy, const Tensor& index,
                         const Pool2dOptions& options) {
  const kernels::Pool2dShape shape = shape_of("max_pool2d", dx.shape(), options);
  check_output("max_pool2d", dy, output_of(shape), dx);
  visit_compute("max_pool2d", dx.dtype(), [&]<class T>() {
    visit_index(index.dtype(), [&]<class Index>() {
      std::visit(
          [&](auto device) {
            kernels::max_pool2d_backward(device, dx.data<T>(), dy.data<T>(), index.data<Index>(),
                                         shape);
          },
          dx.device());
    });
  });
}

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const kernels::Pool2dShape shape = shape_of("avg_pool2d", x.shape(), options);
  Tensor y = Tensor::empty(output_of(shape), x.dtype(), x.device());
  visit_compute("avg_pool2d", x.dtype(), [&]<class T>() {
    std::visit([&](auto device) { kernels::avg_pool2d(device, y.data<T>(), x.data<T>(), shape); },
               x.device());
  });
  return y;
}

void avg_pool2d_backward(Tensor& dx, const Tensor& dy, const Pool2dOptions& options) {
  const kernels::Pool2dShape shape = shape_of("avg_pool2d", dx.shape(), options);
  check_output("avg_pool2d", dy, output_of(shape), dx);
  visit_compute("avg_pool2d", dx.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::avg_pool2d_backward(device, dx.data<T>(), dy.data<T>(), shape);
        },
        dx.device());
  });
}

Tensor global_avg_pool(const Tensor& x) {
  const kernels::ReduceShape shape = pixels_of("global_avg_pool", x.shape());
  Tensor y = Tensor::empty({shape.outer, shape.inner}, x.dtype(), x.device());
  visit_compute("global_avg_pool", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::reduce_sum<T>(device, y.data<T>(), x.data<T>(),
                                 1.0 / static_cast<double>(shape.n), shape);
        },
        x.device());
  });
  return y;
}

void global_avg_pool_backward(Tensor& dx, const Tensor& dy) {
  const kernels::ReduceShape shape = pixels_of("global_avg_pool", dx.shape());
  check_output("global_avg_pool", dy, {shape.outer, shape.inner}, dx);
  visit_compute("global_avg_pool", dx.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::repeat<T>(device, dx.data<T>(), dy.data<T>(), 1.0 / static_cast<double>(shape.n),
                             shape);
        },
        dx.device());
  });
}

}  // namespace weft
