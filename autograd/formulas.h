// SPDX-License-Identifier: Apache-2.0
// What each op computes, in one line, and how much arithmetic it takes: for pages that explain a
// step (`weft trace`). The lines are those of the contracts in kernels/, shortened. An op that has
// no line here works as well; a trace then shows it without a formula and counts no FLOPs.
#pragma once
#include <span>
#include <string_view>

#include "weft/tensor/shape.h"

namespace weft {

// The floating-point operations of an op. A product counts a multiplication and an addition for
// each term: 2·m·n·k. A sum over the batch for a bias and a fused activation are not counted.
struct OpWork {
  bool is_product = false;
  double per_output = 0, per_input = 0;  // for each element of the output, and of the first input
};

struct OpFormula {
  std::string_view op;        // the name under which the tape records it
  std::string_view forward;   // y = …
  std::string_view backward;  // dx = …
  std::string_view contract;  // the header that says it in full: "kernels/softmax.h"
  OpWork work = {};
};

// The operations of a product with a weight whose first axis is that of the outputs (linear,
// conv2d): each element of the output is a sum over the weights of its channel.
double weighted_product_flops(const Shape& output, const Shape& weight);

// Null for an op without a line.
const OpFormula* formula_of(std::string_view op);
std::span<const OpFormula> all_formulas();

}  // namespace weft
