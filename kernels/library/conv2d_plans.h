// SPDX-License-Identifier: Apache-2.0
// A plan is how the library computes a convolution on a GPU: one of its engines, with settings. It
// is chosen once for each problem, by the library's heuristic. Another version of the library or
// another GPU may choose another plan. A run saves its plans (train/step/library_plans.h), so that
// a resumed run is bit-exact.
#pragma once
#include <array>
#include <bit>
#include <compare>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "weft/kernels/common/half.h"
#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/library/plan_table.h"

namespace weft::kernels {

enum class Conv2dDirection : i64 { forward, to_input, to_weight };
// The types of elements, by cuDNN's codes.
enum class Conv2dType : i64 { f32 = 0, f64 = 1, f16 = 2, bf16 = 9 };
const char* name_of(Conv2dType type);
template <class T>
inline constexpr Conv2dType conv2d_type =
    std::is_same_v<T, double>
        ? Conv2dType::f64
        : (std::is_same_v<T, float>
               ? Conv2dType::f32
               : (std::is_same_v<T, half> ? Conv2dType::f16 : Conv2dType::bf16));

// All values that a choice depends on, besides the library and the GPU. Sums are made in double for
// f64, and in float for the other types.
struct Conv2dProblem {
  Conv2dDirection direction{};
  Conv2dType type{};         // of the operands
  Conv2dType result_type{};  // of the result and the bias
  i64 has_bias = 0;          // 1: the plan adds a bias. Only the direction forward has an epilogue.
  i64 activation = 0;        // the Activation that the plan applies to the sum
  i64 tf32 = 0;              // 1: f32 may be multiplied in TF32
  i64 alignment = 16;        // bytes, which divide the addresses of all arrays
  std::array<i64, 16> shape{};  // the members of the Conv2dShape
  friend auto operator<=>(const Conv2dProblem&, const Conv2dProblem&) = default;
};
inline bool has_epilogue(const Conv2dProblem& p) { return p.has_bias != 0 || p.activation != 0; }
// A setting of an engine is value · 256 + type + 1, and 0 fills the array.
struct Conv2dChoice {
  i64 engine = 0;  // the library's number of the engine
  i64 workspace_bytes = 0;
  std::array<i64, 16> settings{};
  friend bool operator==(const Conv2dChoice&, const Conv2dChoice&) = default;
};
// The library has no plan with this epilogue, and weft computes it.
inline constexpr Conv2dChoice kNoConv2dPlan{.engine = -1};

// Throws UserError: the library has no plan for the problem, and weft has no other way. `why` is
// the library's reason.
[[noreturn]] void refuse_conv2d(const Conv2dProblem& problem, const std::string& library,
                                const std::string& gpu, const std::string& why);

// Returns all plans, each as a list of integers. Without a GPU there are none.
std::vector<std::vector<i64>> conv2d_plans();
// Restores plans. Call it before the convolutions that the plans are for. If the library does not
// accept a plan, another is chosen with a warning. Throws UserError for a list that conv2d_plans()
// cannot have returned.
void use_conv2d_plans(const std::vector<std::vector<i64>>& plans);
void forget_conv2d_plans();
// The name and the version of the library, "cuDNN 91002". Only GPU builds define it.
std::string conv2d_library();

// The emulated device refuses this type, for tests.
inline std::optional<Conv2dType> emulated_conv2d_refuses;

namespace detail {

PlanTable<Conv2dProblem, Conv2dChoice>& conv2d_table();

// Returns the plan of the problem, or guess() if there is none. takes(choice) returns whether the
// library can compute the problem with that choice.
template <class Guess, class Takes>
Conv2dChoice conv2d_plan_for(const Conv2dProblem& problem, const Guess& guess, const Takes& takes) {
  return conv2d_table().plan_for(problem, takes, guess, [&] {
    const auto s = std::bit_cast<Conv2dShape>(problem.shape);
    return fmt::format("conv2d: the plan given for images ({}, {}, {}, {})", s.batch, s.height,
                       s.width, s.channels);
  });
}

}  // namespace detail
}  // namespace weft::kernels
