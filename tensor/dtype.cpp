// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/dtype.h"

#include <array>

namespace weft {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  i64 bytes;
};
constexpr std::array<Row, 7> kRows{{{DType::f32, "f32", 4},
                                    {DType::f64, "f64", 8},
                                    {DType::f16, "f16", 2},
                                    {DType::bf16, "bf16", 2},
                                    {DType::int64, "int64", 8},
                                    {DType::int32, "int32", 4},
                                    {DType::uint8, "uint8", 1}}};

const Row& row(DType dtype) { return kRows[static_cast<std::size_t>(dtype)]; }

}  // namespace

i64 bytes_of(DType dtype) { return row(dtype).bytes; }
std::string_view name_of(DType dtype) { return row(dtype).name; }

DType dtype_named(std::string_view name) {
  for (const Row& r : kRows)
    if (r.name == name) return r.dtype;
  fail("dtype: '{}' given; known: f32, f64, f16, bf16, int64, int32, uint8", name);
}

bool is_floating(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 || dtype == DType::bf16;
}

}  // namespace weft
