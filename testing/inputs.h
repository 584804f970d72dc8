// SPDX-License-Identifier: Apache-2.0
// The inputs of op rows. An Input is any function of a Draw; the inputs here cover most ops.
#pragma once
#include <functional>
#include <random>
#include <span>

#include "weft/tensor/tensor.h"

namespace weft::testing {

// The sizes that a row is run with. Most inputs have the shape (rows, cols) or a part of it.
struct Size {
  i64 rows = 0, cols = 0;
};

// One drawing of a row's inputs, in order. The values are f64 values that f32 holds exactly, so
// that every dtype computes from the same values.
struct Draw {
  Size size;
  std::span<const Tensor> before;  // the inputs that are already drawn
  std::mt19937_64& engine;

  Tensor normal(const Shape& shape) const;
  Tensor uniform(const Shape& shape, double low, double high) const;
  Tensor integers(const Shape& shape, i64 end) const;  // int64 in [0, end)
};
using Input = std::function<Tensor(const Draw&)>;

Tensor matrix(const Draw& draw);     // (rows, cols), normal
Tensor vector(const Draw& draw);     // (cols), normal
Tensor scalar(const Draw& draw);     // ()
Tensor positive(const Draw& draw);   // (rows, cols) in [0.5, 2]
Tensor labels(const Draw& draw);     // (rows) of int64 in [0, cols)
Input like(std::size_t input);       // has the shape of an earlier input
Input row_of(std::size_t input);     // (last size of the input)
Input column_of(std::size_t input);  // has the shape of the input with a last size of 1
Input positive_row_of(std::size_t input);
Input shaped(const Shape& shape);      // has that shape at every size
Input image(i64 batch, i64 channels);  // (batch, rows, cols, channels), NHWC

}  // namespace weft::testing
