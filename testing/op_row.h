// SPDX-License-Identifier: Apache-2.0
// Each op has one row. Its tests follow from the row's inputs, op and reference.
//
//   WEFT_OP_ROW(rms_norm, {.inputs = {testing::matrix, testing::row_of(0)},
//     .op = [](auto& a) { return rms_norm(a[0], a[1], 1e-6); },
//     .reference = [](auto& a) { return a[0] / sqrt(mean(a[0] * a[0], -1) + 1e-6) * a[1]; }});
//
// registers the tests rms_norm.* :
//   value      in f64 and f32 against the reference in f64, at every size
//   gradient   every element in f64 against difference quotients (testing/gradcheck.h)
//   paths      f32 values and gradients against the f64 ones for every vector set of the machine
//              and every back end; bit-identical results for 1 and 2 threads, and for outputs in
//              reused and in new memory
//   extremes   the tests of paths with inputs up to ±400
//   cuda       f32 and f64 values and gradients of the GPU against the CPU's f64 ones, if built
//   errors     the messages of the errors
// All tests run with allocated memory filled with NaN, which reveals elements that are not written.
//
// A second row of an op has a variant: WEFT_OP_ROW(linear, {.variant = "no_bias", …}) is
// linear_no_bias.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "weft/autograd/ops.h"
#include "weft/testing/gradcheck.h"
#include "weft/testing/inputs.h"

namespace weft::testing {

// A call that must throw UserError, and a part of its message after "op: ".
struct ErrorCase {
  std::function<void()> call;
  std::string message;
};

struct OpRow {
  std::string variant = {};
  std::vector<Input> inputs = {};
  Function op = {};
  // The reference is composed of simple ops, or written with loops. It is called with f64
  // constants.
  Function reference = {};
  std::vector<ErrorCase> errors = {};
  std::vector<Size> sizes = {{0, 5}, {5, 0}, {1, 1}, {31, 33}, {33, 31}, {1025, 33}, {3, 1025}};
  std::vector<Size> gradcheck_sizes = {{1, 1}, {3, 4}, {2, 33}};
  double tolerance = 1e-5;                  // of f32, see difference(); that of f64 is 1e-11
  std::vector<std::size_t> constants = {};  // inputs without a gradient, such as targets
  bool extremes = true;                     // whether inputs of ±400 are meaningful
  bool library = false;  // f32 runs on every back end, and its bytes may depend on threads
};
// Returns the sizes of OpRow for an op that needs at least one column.
inline std::vector<Size> sizes_with_columns() {
  return {{0, 5}, {1, 1}, {31, 33}, {33, 31}, {1025, 33}, {3, 1025}};
}

// Returns the ops that have a row in this binary.
const std::vector<std::string>& ops_with_rows();

bool add_op_row(const char* op, OpRow row, const char* file, int line);

}  // namespace weft::testing

#define WEFT_OP_ROW(op, ...) WEFT_OP_ROW_EXPAND(op, __LINE__, __VA_ARGS__)
#define WEFT_OP_ROW_EXPAND(op, line, ...) WEFT_OP_ROW_AT(op, line, __VA_ARGS__)
#define WEFT_OP_ROW_AT(op, line, ...)                       \
  [[maybe_unused]] static const bool op_row_##op##_##line = \
      ::weft::testing::add_op_row(#op, ::weft::testing::OpRow __VA_ARGS__, __FILE__, line)
