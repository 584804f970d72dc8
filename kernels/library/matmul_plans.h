// SPDX-License-Identifier: Apache-2.0
// A plan is the algorithm of the library that computes a product on a GPU. It is chosen once for
// each MatmulProduct.
//
// Note [Plans of products]
// cuBLASLt has several algorithms for a product. Its heuristic finds the fastest for about nine
// products in ten. With autotuning, the first occurrence of a product is computed by each of the
// heuristic's best algorithms, which are timed on the stream, and the fastest is kept. Algorithms
// add in different orders, and timings differ between processes. Two autotuned runs can therefore
// differ in the last bits, unless the second run uses the plans of the first.
#pragma once
#include <array>
#include <compare>
#include <string>
#include <vector>

#include "weft/kernels/library/plan_table.h"

namespace weft::kernels {

// All values that a choice depends on.
struct MatmulProduct {
  // The version of the library and the GPU's code. A plan of another library or GPU matches no
  // product.
  i64 library = 0, gpu = 0;
  i64 types = 0, m = 0, n = 0, k = 0, batch = 0, transpose_a = 0, transpose_b = 0, epilogue = 0;
  i64 align_a = 0, align_b = 0, align_c = 0, align_bias = 0;  // bytes
  friend auto operator<=>(const MatmulProduct&, const MatmulProduct&) = default;
};
struct MatmulChoice {
  i64 workspace_bytes = 0;
  std::array<i64, 8> algorithm{};  // the bytes of the library's algorithm
  friend bool operator==(const MatmulChoice&, const MatmulChoice&) = default;
};

// Sets whether the first occurrence of a product is timed. The default is off. Nothing is timed
// during a capture.
void set_matmul_autotune(bool on);
bool matmul_autotune();

// Returns all plans, each as a list of integers that a run saves. Without a GPU there are none.
std::vector<std::vector<i64>> matmul_plans();
// Adds plans and replaces existing plans of the same products. Call it before the products that the
// plans are for. If the library does not accept a plan, an algorithm is chosen again with a
// warning. Throws UserError for a list that matmul_plans() cannot have returned.
void use_matmul_plans(const std::vector<std::vector<i64>>& plans);
void forget_matmul_plans();
// The name and the version of the library, "cuBLASLt 130002". Only GPU builds define it.
std::string matmul_library();

namespace detail {

PlanTable<MatmulProduct, MatmulChoice>& matmul_table();

}  // namespace detail
}  // namespace weft::kernels
