// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/tensor.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "weft/kernels/copy.h"

namespace weft {

Tensor Tensor::empty(const Shape& shape, DType dtype, const Device& device) {
  i64 bytes = 0;
  WEFT_CHECK(shape.elements() >= 0,
             "Tensor::empty: shape {} given; a size of -1 is for reshape(), which knows the others",
             shape);
  WEFT_CHECK(!__builtin_mul_overflow(shape.elements(), bytes_of(dtype), &bytes),
             "Tensor::empty: shape {} of {}; its size must be below 2^63 bytes", shape, dtype);
  return {StorageRef(new Storage(device, bytes)), 0, shape, dtype};
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, const Device& device) {
  Tensor result = empty(shape, dtype, device);
  fill_with_zeros(result);
  return result;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, const Device& device) {
  Tensor result = empty(shape, dtype, device);
  result.fill(value);
  return result;
}

Tensor Tensor::empty_like(const Tensor& other) {
  Tensor result = empty(other.shape(), other.dtype(), other.device());
  result.flat_image_ = other.flat_image_;
  return result;
}

Tensor Tensor::wrap(void* data, i64 bytes, const Shape& shape, DType dtype,
                    std::shared_ptr<const void> owner) {
  return {StorageRef(new Storage(Cpu{}, data, bytes, std::move(owner))), 0, shape, dtype};
}

void Tensor::check_host_access(const char* what, DType wanted) const {
  WEFT_CHECK(defined(), "Tensor::{}: the tensor is undefined; give it a shape first", what);
  WEFT_CHECK(is_cpu(device()), "Tensor::{}: the tensor is on {}; call to(Cpu{{}}) first", what,
             name_of(device()));
  WEFT_CHECK(dtype_ == wanted, "Tensor::{}: {} asked of a tensor of {}; call to(DType) first", what,
             wanted, dtype_);
}

void Tensor::check_item() const {
  WEFT_CHECK(defined() && elements() == 1,
             "Tensor::item: the tensor has shape {}; exactly one element is required", shape_);
}

Tensor Tensor::reshape(const Shape& given) const {
  const Shape shape = given.completed(shape_);
  WEFT_CHECK(shape.elements() == elements(),
             "reshape: {} has {} elements and {} has {}; the counts must be equal", shape_,
             elements(), shape, shape.elements());
  Tensor result{storage_, offset_bytes_, shape, dtype_};
  if (shape == shape_) result.flat_image_ = flat_image_;
  const bool flattens = rank() == 4 && shape.rank() == 2 && shape[0] == shape_[0];
  if (flattens && shape_[3] > 1 && shape_[1] * shape_[2] > 1)
    result.flat_image_ = {shape_[1], shape_[2], shape_[3]};
  return result;
}

Tensor Tensor::slice(i64 begin, i64 end) const {
  WEFT_CHECK(rank() >= 1 && 0 <= begin && begin <= end && end <= size(0),
             "slice: entries {}..{} of shape {}; the range must lie within the first axis", begin,
             end, shape_);
  return range(begin * shape_.elements(1, rank()), shape_.with(0, end - begin));
}

Tensor Tensor::range(i64 begin, const Shape& shape) const {
  WEFT_CHECK(begin >= 0 && shape.elements() >= 0 && begin + shape.elements() <= elements(),
             "range: elements {}..{} of shape {}; it has {}", begin, begin + shape.elements(),
             shape_, elements());
  return {storage_, offset_bytes_ + begin * bytes_of(dtype_), shape, dtype_};
}

Tensor Tensor::clone() const {
  Tensor result = empty_like(*this);
  result.copy_from(*this);
  return result;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor result = empty(shape_, dtype, device());
  result.flat_image_ = flat_image_;
  std::visit(
      [&](auto device) {
        visit_any(dtype_, [&]<class From>() {
          visit_any(dtype, [&]<class To>() {
            kernels::convert<To, From>(device, {result.data<To>(), elements()},
                                       {data<From>(), elements()});
          });
        });
      },
      device());
  return result;
}

Tensor Tensor::to(const Device& device) const {
  if (device == this->device()) return *this;
  Tensor result = empty(shape_, dtype_, device);
  result.flat_image_ = flat_image_;
  result.copy_from(*this);
  return result;
}

void Tensor::copy_from(const Tensor& source) const {
  WEFT_CHECK(shape_ == source.shape_ && dtype_ == source.dtype_,
             "copy_from: {} {} given for {} {}; shape and dtype must be equal", source.dtype_,
             source.shape_, dtype_, shape_);
  std::visit(
      [&](auto to, auto from) { kernels::copy(to, from, raw(), source.raw(), bytes_of(*this)); },
      device(), source.device());
}

namespace {

// An integer type holds no other value, and a conversion would change it without a word.
template <class T>
void check_value(double value, DType dtype) {
  if constexpr (std::is_integral_v<T>) {
    constexpr auto kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
    const bool whole = value == std::floor(value) && value >= static_cast<double>(kLow) &&
                       value < std::ldexp(1.0, std::numeric_limits<T>::digits);
    WEFT_CHECK(whole, "fill: {} given for {}; a whole number from {} to {} is required", value,
               dtype, kLow, kHigh);
  }
}

}  // namespace

void Tensor::fill(double value) const {
  std::visit(
      [&](auto device) {
        visit_any(dtype_, [&]<class T>() {
          check_value<T>(value, dtype_);
          kernels::fill<T>(device, {data<T>(), elements()}, value);
        });
      },
      device());
}

void fill_with_zeros(const Tensor& x) {
  std::visit([&](auto device) { kernels::zero(device, x.raw(), bytes_of(x)); }, x.device());
}

}  // namespace weft
