// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/matmul_description.h"

#include <array>
#include <bit>

#include <fmt/format.h>

namespace weft::kernels {
namespace {

// The rows of cublasLtMatmul()'s table of types that weft uses. The bias has the type of the
// result (CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE).
struct TypesRow {
  ComputeIn compute;
  Element scale, operands, result;
};
constexpr std::array kTypes{
    TypesRow{ComputeIn::f32, Element::f32, Element::bf16, Element::bf16},
    TypesRow{ComputeIn::f32, Element::f32, Element::f16, Element::f16},
    TypesRow{ComputeIn::f32, Element::f32, Element::bf16, Element::f32},
    TypesRow{ComputeIn::f32, Element::f32, Element::f16, Element::f32},
    TypesRow{ComputeIn::f32, Element::f32, Element::f32, Element::f32},
    TypesRow{ComputeIn::tf32, Element::f32, Element::f32, Element::f32},
    TypesRow{ComputeIn::f64, Element::f64, Element::f64, Element::f64},
};

std::string violated_by_types(const ProductTypes& t) {
  for (const TypesRow& row : kTypes)
    if (row.compute == t.compute && row.scale == t.scale && row.operands == t.operands &&
        row.result == t.result)
      return t.bias == t.result ? "" : "the bias has another type than the result";
  return "cublasLtMatmul() lists no such types of operands, result, scale and computation";
}

// CUBLASLT_MATRIX_LAYOUT_ROWS and _COLS: "usually only values that can be expressed as int32_t are
// supported"; _LD: at least the rows, so that columns do not overlap; _BATCH_COUNT: an int32_t.
std::string violated_by_matrix(const char* name, const ColumnMajor& m, i64 batch) {
  constexpr i64 kMost = std::numeric_limits<std::int32_t>::max();
  const auto fits = [](i64 n) { return n >= 1 && n <= kMost; };
  if (!fits(m.rows) || !fits(m.cols) || !fits(batch))
    return fmt::format("{} has {} rows, {} columns and {} matrices; from 1 to {} are required",
                       name, m.rows, m.cols, batch, kMost);
  if (m.leading < m.rows)
    return fmt::format("{} has the leading dimension {}; at least its {} rows are required", name,
                       m.leading, m.rows);
  // The stride is not read for a single matrix. Matrices of the result must not overlap, and weft
  // has no operand whose matrices do.
  if (batch > 1 && m.stride < m.leading * (m.cols - 1) + m.rows)
    return fmt::format("{} has the batch stride {}; its matrices overlap", name, m.stride);
  return "";
}

// An array of elements is aligned to them. The value of CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES
// and its kin is a power of two, of which the library looks at up to 256.
std::string violated_by_alignment(const char* name, i64 alignment, Element type) {
  if (alignment >= bytes_of(type) && alignment <= 256 &&
      std::has_single_bit(static_cast<u64>(alignment)))
    return "";
  return fmt::format(
      "{} is aligned to {} bytes; a power of two from the {} bytes of an element to "
      "256 is required",
      name, alignment, bytes_of(type));
}

std::string violated_by_shape(const MatmulLayout& l) {
  const auto op_rows = [](const ColumnMajor& m) { return m.transposed ? m.cols : m.rows; };
  const auto op_cols = [](const ColumnMajor& m) { return m.transposed ? m.rows : m.cols; };
  if (l.result.transposed) return "the result is transposed, for which cuBLASLt has no attribute";
  if (op_rows(l.first) == l.result.rows && op_cols(l.second) == l.result.cols &&
      op_cols(l.first) == op_rows(l.second))
    return "";
  return fmt::format("({}, {}) times ({}, {}) is not ({}, {})", op_rows(l.first), op_cols(l.first),
                     op_rows(l.second), op_cols(l.second), l.result.rows, l.result.cols);
}

// CUBLASLT_EPILOGUE_BIAS: the "bias vector length must match matrix D rows, it must be packed", and
// the batch stride is 0 by default, so that all matrices share it. The documentation asks for no
// alignment (CUBLASLT_MATMUL_DESC_BIAS_POINTER: the heuristic reads it from the pointer). weft asks
// for 16 bytes, which vector loads need at most, so that a plan can be kept for other pointers. The
// epilogues with an auxiliary buffer, whose leading dimension is a multiple of 8 or 128
// (CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD), are not used.
std::string violated_by_epilogue(const ProductDescription& d) {
  if (d.epilogue == Epilogue::none)
    return d.bias_elements == 0 && d.alignment.bias == 0 ? ""
                                                         : "a bias is given without its epilogue";
  if (d.bias_elements != d.layout.result.rows)
    return fmt::format("the bias has {} elements; the {} rows of the result are required",
                       d.bias_elements, d.layout.result.rows);
  if (d.types.result == Element::f64) return "the bias epilogue is not used in double";
  if (d.alignment.bias < kBiasAlignment)
    return fmt::format("the bias is aligned to {} bytes; {} are required", d.alignment.bias,
                       kBiasAlignment);
  return violated_by_alignment("bias", d.alignment.bias, d.types.bias);
}

}  // namespace

std::string violated_rule(const ProductDescription& d) {
  const MatmulLayout& l = d.layout;
  const ProductTypes& t = d.types;
  std::string rule = violated_by_types(t);
  const auto next = [&](const auto& check, const auto&... arguments) {
    if (rule.empty()) rule = check(arguments...);
  };
  next(violated_by_matrix, "b", l.first, l.batch);
  next(violated_by_matrix, "a", l.second, l.batch);
  next(violated_by_matrix, "c", l.result, l.batch);
  next(violated_by_shape, l);
  next(violated_by_alignment, "b", d.alignment.first, t.operands);
  next(violated_by_alignment, "a", d.alignment.second, t.operands);
  next(violated_by_alignment, "c", d.alignment.result, t.result);
  next(violated_by_epilogue, d);
  return rule;
}

}  // namespace weft::kernels
