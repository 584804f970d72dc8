// SPDX-License-Identifier: Apache-2.0
// A plan is the algorithm of the library that computes a convolution on a GPU. It is chosen once
// for each shape and direction, by the library's heuristic. Another version of the library or
// another GPU may choose another algorithm. A run saves its plans (train/step/library_plans.h), so
// that a resumed run is bit-exact.
#pragma once
#include <array>
#include <bit>
#include <compare>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/library/plan_table.h"

namespace weft::kernels {

enum class Conv2dDirection : i64 { forward, to_input, to_weight };
struct Conv2dProblem {
  Conv2dDirection direction{};
  i64 type = 0;                 // the library's code of the element type
  std::array<i64, 16> shape{};  // the members of the Conv2dShape
  friend auto operator<=>(const Conv2dProblem&, const Conv2dProblem&) = default;
};
struct Conv2dChoice {
  i64 algorithm = 0;  // the library's code of the algorithm
  i64 workspace_bytes = 0;
  friend bool operator==(const Conv2dChoice&, const Conv2dChoice&) = default;
};

// Returns all plans, each as a list of integers. Without a GPU there are none.
std::vector<std::vector<i64>> conv2d_plans();
// Restores plans. Call it before the convolutions that the plans are for. If the library does not
// accept a plan, an algorithm is chosen again with a warning. Throws UserError for a list that
// conv2d_plans() cannot have returned.
void use_conv2d_plans(const std::vector<std::vector<i64>>& plans);
void forget_conv2d_plans();
// The name and the version of the library, "cuDNN 91002". Only GPU builds define it.
std::string conv2d_library();

namespace detail {

PlanTable<Conv2dProblem, Conv2dChoice>& conv2d_table();

// Returns the plan of the problem, or guess() if there is none. takes(choice) returns whether the
// library can compute the problem with that choice.
template <class Guess, class Takes>
Conv2dChoice conv2d_plan_for(Conv2dDirection direction, i64 type, const Conv2dShape& s,
                             const Guess& guess, const Takes& takes) {
  const Conv2dProblem problem{direction, type, std::bit_cast<std::array<i64, 16>>(s)};
  return conv2d_table().plan_for(problem, takes, guess, [&] {
    return fmt::format("conv2d: the plan given for images ({}, {}, {}, {})", s.batch, s.height,
                       s.width, s.channels);
  });
}

}  // namespace detail
}  // namespace weft::kernels
