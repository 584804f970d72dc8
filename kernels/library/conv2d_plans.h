// SPDX-License-Identifier: Apache-2.0
// Which of the library's algorithms computes a convolution on a GPU, decided once for each shape
// and direction: by the library's guess, which another version of it, or another GPU, need not
// share. A run keeps its plans (train/step/library_plans.h), so that a resumed run is bit-exact.
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
  i64 type = 0;                   // the library's code
  std::array<i64, 16> numbers{};  // of the Conv2dShape
  friend auto operator<=>(const Conv2dProblem&, const Conv2dProblem&) = default;
};
struct Conv2dChoice {
  i64 algorithm = 0;  // the library's number
  i64 workspace_bytes = 0;
  friend bool operator==(const Conv2dChoice&, const Conv2dChoice&) = default;
};

// All plans, each a list of integers. The list is empty without a GPU.
std::vector<std::vector<i64>> conv2d_plans();
// Takes them back: before the convolutions they are for. What the library does not take any more is
// chosen anew, with a warning. Throws UserError for what conv2d_plans() cannot have made.
void use_conv2d_plans(const std::vector<std::vector<i64>>& plans);
void forget_conv2d_plans();
// The library and its version, "cuDNN 91002". In builds for a GPU.
std::string conv2d_library();

namespace detail {

PlanTable<Conv2dProblem, Conv2dChoice>& conv2d_table();

// The problem's plan: the one there is, otherwise guess(). takes(choice): whether the library can
// compute the problem so.
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
