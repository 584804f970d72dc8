// SPDX-License-Identifier: Apache-2.0
// Tensor: elements of one type in row-major order on one device.
//
// A Tensor is a handle: copies share the elements, and const does not protect them. It is always
// contiguous. A view (reshape, slice of the first axis) is a range of its storage; transposes and
// general slices are ops that copy. Images are (batch, height, width, channels) everywhere.
// Operations on tensors are in tensor/ops.h. The differentiable ones, on Variable, are in
// autograd/ops.h.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "weft/tensor/dtype.h"
#include "weft/tensor/shape.h"
#include "weft/tensor/storage.h"

namespace weft {

// The image (height, width, channels) that a reshape to (batch, height·width·channels) has
// flattened. Code that depends on the order of the features reads it (Note [Flatten and file
// layout], nn/sequential.h). All sizes are 0 if there is no such image or if its layout does not
// change the order.
struct FlatImage {
  i64 height = 0, width = 0, channels = 0;
  explicit operator bool() const { return channels > 0; }
  friend bool operator==(const FlatImage&, const FlatImage&) = default;
};

class Tensor {
 public:
  Tensor() = default;  // undefined: it has no storage; only defined(), copies and moves are allowed

  // The elements are uninitialised.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32, const Device& device = Cpu{});
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32, const Device& device = Cpu{});
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32,
                     const Device& device = Cpu{});
  static Tensor empty_like(const Tensor& other);
  // A CPU tensor with a copy of `values`. Throws UserError if their count differs from the elements
  // of the shape.
  template <class T>
  static Tensor copy_of(std::span<const T> values, const Shape& shape);
  template <class T>
  static Tensor copy_of(const std::vector<T>& values, const Shape& shape) {
    return copy_of(std::span<const T>(values), shape);
  }
  // A view of the caller's memory, which `owner` keeps alive. Nothing is copied, and writes to the
  // tensor change that memory.
  template <class T>
  static Tensor view_of(std::span<T> values, const Shape& shape, std::shared_ptr<const void> owner);

  bool defined() const { return static_cast<bool>(storage_); }
  const Shape& shape() const { return shape_; }
  i64 size(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  i64 elements() const { return shape_.elements(); }
  DType dtype() const { return dtype_; }
  const Device& device() const {
    WEFT_CHECK(defined(), "Tensor::device: the tensor is undefined; give it a shape first");
    return storage_->device();
  }

  // The address of the elements on device(), for kernels. The type T is not checked.
  void* raw() const { return static_cast<char*>(storage_->data()) + offset_bytes_; }
  template <class T>
  T* data() const {
    return static_cast<T*>(raw());
  }
  // The elements, not a copy. Throws UserError unless the tensor is on the CPU and has the type T.
  template <class T>
  std::span<T> values() const;
  // A copy of the elements on the host, from any device. Throws UserError unless T matches the
  // dtype. Waits for the device.
  template <class T>
  std::vector<T> to_vector() const;
  // The only element of the tensor, converted to T as by to(). Throws UserError for another number
  // of elements. Waits for the device.
  template <class T>
  T item() const;

  // A view of the same elements in another shape with as many elements. One size may be -1.
  Tensor reshape(const Shape& shape) const;
  // A view of the entries [begin, end) of the first axis.
  Tensor slice(i64 begin, i64 end) const;
  // A view of the elements [begin, begin + shape.elements()) of the flattened tensor, as `shape`.
  Tensor range(i64 begin, const Shape& shape) const;

  Tensor clone() const;
  // Both return this tensor, without a copy, if it already has the dtype or is on the device.
  // A conversion to floating point rounds once, to nearest even. One to an integer dtype truncates
  // toward zero; NaN becomes 0, and a number outside of the dtype its nearest one, on every device.
  Tensor to(DType dtype) const;
  Tensor to(const Device& device) const;
  // Both write every element. copy_from() requires an equal shape and dtype (UserError); the source
  // may be on another device. fill() requires a value that an integer dtype holds (UserError).
  void copy_from(const Tensor& source) const;
  void fill(double value) const;

  // Whether no other tensor shares the storage, so that its memory may be reused in place.
  bool storage_is_unique() const { return storage_.unique(); }
  bool shares_storage_with(const Tensor& other) const { return storage_ == other.storage_; }

  friend const FlatImage& flat_image_of(const Tensor& x) { return x.flat_image_; }

 private:
  Tensor(StorageRef storage, i64 offset_bytes, const Shape& shape, DType dtype)
      : storage_(std::move(storage)), offset_bytes_(offset_bytes), shape_(shape), dtype_(dtype) {}
  static Tensor wrap(void* data, i64 bytes, const Shape& shape, DType dtype,
                     std::shared_ptr<const void> owner);
  void check_host_access(const char* what, DType wanted) const;
  void check_item() const;

  StorageRef storage_;
  i64 offset_bytes_ = 0;
  Shape shape_;
  DType dtype_ = DType::f32;
  FlatImage flat_image_;
};

// The flattened image of a matrix that reshape() made of images. Tensors made by empty_like, to and
// clone have it too.
const FlatImage& flat_image_of(const Tensor& x);
inline i64 bytes_of(const Tensor& x) { return x.elements() * bytes_of(x.dtype()); }
void fill_with_zeros(const Tensor& x);

template <class T>
Tensor Tensor::copy_of(std::span<const T> values, const Shape& shape) {
  WEFT_CHECK(static_cast<i64>(values.size()) == shape.elements(),
             "Tensor::copy_of: {} values for shape {}; {} are required", values.size(), shape,
             shape.elements());
  Tensor result = empty(shape, dtype_of<T>());
  std::copy(values.begin(), values.end(), result.data<T>());
  return result;
}

template <class T>
Tensor Tensor::view_of(std::span<T> values, const Shape& shape, std::shared_ptr<const void> owner) {
  WEFT_CHECK(static_cast<i64>(values.size()) == shape.elements(),
             "Tensor::view_of: {} values for shape {}; {} are required", values.size(), shape,
             shape.elements());
  return wrap(values.data(), static_cast<i64>(values.size_bytes()), shape, dtype_of<T>(),
              std::move(owner));
}

template <class T>
std::span<T> Tensor::values() const {
  check_host_access("values", dtype_of<T>());
  return {data<T>(), static_cast<std::size_t>(elements())};
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const Tensor host = to(Device{Cpu{}});
  const std::span<T> numbers = host.values<T>();
  return {numbers.begin(), numbers.end()};
}

template <class T>
T Tensor::item() const {
  check_item();
  return to(Device{Cpu{}}).to(dtype_of<T>()).template values<T>()[0];
}

}  // namespace weft
