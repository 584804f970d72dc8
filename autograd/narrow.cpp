// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"
#include "weft/core/checked.h"

namespace weft {
namespace {

std::vector<Tensor> values_of(std::span<const Variable> inputs) {
  std::vector<Tensor> values;
  for (const Variable& input : inputs) values.push_back(input.value());
  return values;
}

}  // namespace

Variable narrow(const Variable& x, int axis, i64 begin, i64 length) {
  return record("narrow", narrow(x.value(), axis, begin, length),
                edge(x, [axis, begin](const Tensor& dy, Tensor& dx) { pad(dx, dy, axis, begin); }));
}

Variable pad(const Variable& x, int axis, i64 before, i64 after, double value) {
  return record(
      "pad", pad(x.value(), axis, before, after, value),
      edge(x, [axis, before](const Tensor& dy, Tensor& dx) { narrow(dx, dy, axis, before); }));
}

Variable concat(std::span<const Variable> inputs, int axis) {
  i64 end = 0;
  return record("concat", concat(values_of(inputs), axis), edges(inputs, [&](std::size_t i) {
                  const i64 begin = end;
                  end += inputs[i].shape()[axis];
                  return
                      [axis, begin](const Tensor& dy, Tensor& dx) { narrow(dx, dy, axis, begin); };
                }));
}

Variable stack(std::span<const Variable> inputs, int axis) {
  return record("stack", stack(values_of(inputs), axis), edges(inputs, [&](std::size_t i) {
                  return [axis, i](const Tensor& dy, Tensor& dx) {
                    Tensor entry = dx.reshape(dy.shape().with(axis, 1));
                    narrow(entry, dy, axis, static_cast<i64>(i));
                  };
                }));
}

std::vector<Variable> split(const Variable& x, std::span<const i64> sizes, int axis) {
  i64 total = 0;
  for (const i64 size : sizes) {
    WEFT_CHECK(size >= 0, "split: a part of {} entries; 0 or more are required", size);
    total = checked_sum("split: entries", total, size);
  }
  WEFT_CHECK(total == x.shape()[axis],
             "split: parts of {} entries for axis {} of {}; {} are required", total, axis,
             x.shape(), x.shape()[axis]);
  std::vector<Variable> parts;
  i64 begin = 0;
  for (const i64 size : sizes) {
    parts.push_back(narrow(x, axis, begin, size));
    begin += size;
  }
  return parts;
}

std::vector<Variable> split(const Variable& x, i64 size, int axis) {
  WEFT_CHECK(size >= 1, "split: parts of {} entries; at least 1 is required", size);
  const i64 total = x.shape()[axis];
  std::vector<Variable> parts;
  for (i64 begin = 0; begin < total || parts.empty(); begin += size)
    parts.push_back(narrow(x, axis, begin, std::min(size, total - begin)));
  return parts;
}

std::vector<Variable> chunk(const Variable& x, i64 count, int axis) {
  WEFT_CHECK(count >= 1, "chunk: {} parts; at least 1 is required", count);
  return split(x, std::max<i64>(1, (x.shape()[axis] - 1) / count + 1), axis);
}

}  // namespace weft
