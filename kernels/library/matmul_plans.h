// SPDX-License-Identifier: Apache-2.0
// Which of the library's algorithms computes a product on a GPU, decided once for each kind of
// product.
//
// Note [Plans of products]
// cuBLASLt has several algorithms for a product and guesses which is the fastest, rightly for about
// nine kinds in ten. With autotuning the first product of a kind is computed by each of its best
// guesses, timed on the stream, and the fastest is kept. Algorithms add in different orders, and a
// timing may end differently in another process: two autotuned runs can differ in the last bits,
// unless the second was given the plans of the first.
#pragma once
#include <array>
#include <compare>
#include <string>
#include <vector>

#include "weft/kernels/library/plan_table.h"

namespace weft::kernels {

// Everything that a choice depends on.
struct MatmulProduct {
  i64 library = 0, gpu = 0;  // version and make: another library's or GPU's plans match no product
  i64 types = 0, m = 0, n = 0, k = 0, batch = 0, transpose_a = 0, transpose_b = 0, epilogue = 0;
  i64 align_a = 0, align_b = 0, align_c = 0, align_bias = 0;  // bytes
  friend auto operator<=>(const MatmulProduct&, const MatmulProduct&) = default;
};
struct MatmulChoice {
  i64 workspace_bytes = 0;
  std::array<i64, 8> algorithm{};  // the library's own words
  friend bool operator==(const MatmulChoice&, const MatmulChoice&) = default;
};

// Whether products seen for the first time from now on are timed. Off at first; not in a capture.
void set_matmul_autotune(bool on);
bool matmul_autotune();

// All plans, each a list of integers, to be saved with a run. The list is empty without a GPU.
std::vector<std::vector<i64>> matmul_plans();
// Takes them back, beside and in place of those there are: before the products they are for. What
// the library does not take any more is chosen anew. Throws UserError for what matmul_plans()
// cannot have made.
void use_matmul_plans(const std::vector<std::vector<i64>>& plans);
void forget_matmul_plans();
// The library and its version, "cuBLASLt 130002". In builds for a GPU.
std::string matmul_library();

namespace detail {

PlanTable<MatmulProduct, MatmulChoice>& matmul_table();

}  // namespace detail
}  // namespace weft::kernels
