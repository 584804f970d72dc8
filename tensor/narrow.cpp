// SPDX-License-Identifier: Apache-2.0
// Ops that cut an axis or put tensors together along one.
#include "weft/core/checked.h"
#include "weft/kernels/copy_blocks.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {
namespace {

// The bytes of one entry of an axis, for one choice of the indices before it.
i64 entry_bytes(const Tensor& x, int axis) {
  return x.shape().elements(axis + 1, x.rank()) * bytes_of(x.dtype());
}

// Copies `length` entries of an axis, from x_begin in x to y_begin in y. The other sizes are equal.
void copy_entries(const Tensor& y, i64 y_begin, const Tensor& x, i64 x_begin, int axis,
                  i64 length) {
  const i64 entry = entry_bytes(x, axis);
  const kernels::BlockCopy shape{.blocks = x.shape().elements(0, axis),
                                 .bytes = length * entry,
                                 .x_pitch = x.size(axis) * entry,
                                 .y_pitch = y.size(axis) * entry};
  if (shape.blocks * shape.bytes == 0) return;
  std::visit(
      [&](auto device) {
        kernels::copy_blocks(device, static_cast<u8*>(y.raw()) + y_begin * entry,
                             static_cast<const u8*>(x.raw()) + x_begin * entry, shape);
      },
      x.device());
}

void check_entries(const Tensor& x, int axis, i64 begin, i64 length) {
  WEFT_CHECK(begin >= 0 && length >= 0 && begin <= x.size(axis) && length <= x.size(axis) - begin,
             "narrow: {} entries from {} of axis {} of {}; entries in 0..{} are required", length,
             begin, axis, x.shape(), x.size(axis) - 1);
}

}  // namespace

void narrow(Tensor& y, const Tensor& x, int axis, i64 begin) {
  const int checked = x.shape().checked_axis(axis);
  check_output("narrow", y, x.shape().with(checked, y.size(checked)), x);
  check_entries(x, checked, begin, y.size(checked));
  copy_entries(y, 0, x, begin, checked, y.size(checked));
}

Tensor narrow(const Tensor& x, int axis, i64 begin, i64 length) {
  const int checked = x.shape().checked_axis(axis);
  check_entries(x, checked, begin, length);
  const Shape shape = x.shape().with(checked, length);
  if (x.shape().elements(0, checked) == 1)
    return x.range(begin * x.shape().elements(checked + 1, x.rank()), shape);
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  copy_entries(y, 0, x, begin, checked, length);
  return y;
}

void pad(Tensor& y, const Tensor& x, int axis, i64 before, double value) {
  const int checked = x.shape().checked_axis(axis);
  check_output("pad", y, x.shape().with(checked, y.size(checked)), x);
  check_entries(y, checked, before, x.size(checked));
  y.fill(value);
  copy_entries(y, before, x, 0, checked, x.size(checked));
}

Tensor pad(const Tensor& x, int axis, i64 before, i64 after, double value) {
  const int checked = x.shape().checked_axis(axis);
  WEFT_CHECK(before >= 0 && after >= 0, "pad: {} before and {} after; both must be 0 or more",
             before, after);
  const i64 size =
      checked_sum("pad: entries", checked_sum("pad: entries", before, x.size(checked)), after);
  Tensor y = Tensor::empty(x.shape().with(checked, size), x.dtype(), x.device());
  pad(y, x, checked, before, value);
  return y;
}

Tensor concat(std::span<const Tensor> inputs, int axis) {
  WEFT_CHECK(!inputs.empty(), "concat: no input given; at least one is required");
  const Tensor& first = inputs[0];
  WEFT_CHECK(first.defined() && first.rank() >= 1,
             "concat: input 0 is a scalar or undefined; at least one axis is required");
  const int checked = first.shape().checked_axis(axis);
  i64 size = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_same_kind("concat", first, inputs[i]);
    const Shape& shape = inputs[i].shape();
    WEFT_CHECK(
        shape.rank() == first.rank() && shape.with(checked, 0) == first.shape().with(checked, 0),
        "concat: input {} is {} and input 0 is {}; all sizes but that of axis {} must be equal", i,
        shape, first.shape(), checked);
    size = checked_sum("concat: entries", size, shape[checked]);
  }
  Tensor y = Tensor::empty(first.shape().with(checked, size), first.dtype(), first.device());
  i64 begin = 0;
  for (const Tensor& input : inputs) {
    copy_entries(y, begin, input, 0, checked, input.size(checked));
    begin += input.size(checked);
  }
  return y;
}

Tensor stack(std::span<const Tensor> inputs, int axis) {
  std::vector<Tensor> entries;
  for (const Tensor& input : inputs) {
    const int rank = input.rank();
    WEFT_CHECK(axis >= -rank - 1 && axis <= rank,
               "stack: axis {} for inputs of {}; axes go from {} to {}", axis, input.shape(),
               -rank - 1, rank);
    WEFT_CHECK(input.shape() == inputs[0].shape(),
               "stack: input {} is {} and input 0 is {}; equal shapes are required", entries.size(),
               input.shape(), inputs[0].shape());
    entries.push_back(input.reshape(input.shape().inserted(axis < 0 ? axis + rank + 1 : axis, 1)));
  }
  return concat(entries, axis);
}

}  // namespace weft
