// SPDX-License-Identifier: Apache-2.0
// The skeletons of the ten digits: the path of the pen of a person who writes them.
#pragma once
#include <vector>

namespace weft::data {

struct Point {
  double x, y;  // x to the right, y downwards; a digit fills about [0, 1] × [0, 1]
};

// A line through its points. Its pieces are short, so that it can be bent.
using Stroke = std::vector<Point>;
using DigitShape = std::vector<Stroke>;

// The ways to write `digit`, in [0, 10).
const std::vector<DigitShape>& digit_shapes(int digit);

}  // namespace weft::data
