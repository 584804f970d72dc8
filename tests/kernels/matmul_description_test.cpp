// SPDX-License-Identifier: Apache-2.0
// What weft asks cuBLASLt for, checked against the documented rules, which no machine without a GPU
// can ask the library itself.
#include "weft/kernels/library/matmul_description.h"

#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/kernels/library/product_types.h"

namespace weft::kernels::test {
namespace {

// Sizes of vectors, of digits (10 classes, 784 pixels), odd ones and one above a tile.
constexpr i64 kSizes[] = {1, 3, 8, 10, 33, 784, 4097};

std::vector<MatmulShape> shapes() {
  std::vector<MatmulShape> all;
  for (const i64 batch : {i64{1}, i64{3}})
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true})
        for (const i64 m : kSizes)
          for (const i64 n : kSizes)
            for (const i64 k : kSizes) all.push_back({batch, m, n, k, transpose_a, transpose_b});
  return all;
}

// Addresses that are not read. `shift` is in elements.
template <class T>
const T* address(i64 shift) {
  alignas(256) static const unsigned char bytes[1024] = {};
  return reinterpret_cast<const T*>(bytes) + shift;
}

template <class T, class C>
MatmulRequest<T, C> request_of(const MatmulShape& shape, i64 shift, bool with_bias,
                               i64 bias_shift) {
  const C* bias = with_bias ? address<C>(bias_shift) : nullptr;
  const Epilogue epilogue = fused_epilogue(bias, Activation::none);
  return {.c = const_cast<C*>(address<C>(shift)),
          .a = address<T>(shift),
          .b = address<T>(shift + 1),
          .bias = epilogue == Epilogue::bias ? bias : nullptr,
          .epilogue = epilogue,
          .shape = shape};
}

template <class T, class C>
void expect_documented() {
  i64 fused = 0;
  for (const MatmulShape& s : shapes())
    for (const i64 shift : {0, 1, 4})
      for (const bool with_bias : {false, true})
        for (const i64 bias_shift : {0, 1, 8}) {
          const auto request = request_of<T, C>(s, shift, with_bias, bias_shift);
          for (const bool tf32 : {false, true})
            ASSERT_EQ(violated_rule(describe(request, tf32)), "")
                << fmt::format("batch {}, m {}, n {}, k {}, {}{}, shift {}, bias {} shift {}",
                               s.batch, s.m, s.n, s.k, s.transpose_a ? "T" : "N",
                               s.transpose_b ? "T" : "N", shift, with_bias, bias_shift);
          fused += request.epilogue == Epilogue::bias ? 1 : 0;
        }
  EXPECT_EQ(fused > 0, !(std::is_same_v<C, double>)) << "the bias epilogue is for all but double";
}

TEST(MatmulDescription, EveryProductSatisfiesTheDocumentation) {
#define WEFT_EXPECT(T, C) expect_documented<T, C>();
  WEFT_CUDA_PRODUCT_TYPES(WEFT_EXPECT)
#undef WEFT_EXPECT
}

// C (m, n) row by row is Cᵀ (n, m) column by column, and the operands change places.
TEST(MatmulDescription, Layouts) {
  const auto layout = [](bool transpose_a, bool transpose_b) {
    return describe(request_of<half, float>({2, 3, 5, 7, transpose_a, transpose_b}, 0, false, 0))
        .layout;
  };
  const auto expect_matrix = [](const ColumnMajor& m, i64 rows, i64 cols, bool transposed) {
    EXPECT_EQ(m.rows, rows);
    EXPECT_EQ(m.cols, cols);
    EXPECT_EQ(m.leading, rows);
    EXPECT_EQ(m.stride, rows * cols);
    EXPECT_EQ(m.transposed, transposed);
  };
  for (const bool a : {false, true})
    for (const bool b : {false, true}) {
      const MatmulLayout l = layout(a, b);
      EXPECT_EQ(l.batch, 2);
      expect_matrix(l.first, b ? 7 : 5, b ? 5 : 7, b);
      expect_matrix(l.second, a ? 3 : 7, a ? 7 : 3, a);
      expect_matrix(l.result, 5, 3, false);
    }
}

TEST(MatmulDescription, Types) {
  const auto types = [](const auto& request, bool tf32) { return describe(request, tf32).types; };
  const auto mixed = types(request_of<bfloat16, float>({}, 0, false, 0), true);
  EXPECT_EQ(mixed.operands, Element::bf16);
  EXPECT_EQ(mixed.result, Element::f32);
  EXPECT_EQ(mixed.scale, Element::f32);
  EXPECT_EQ(mixed.compute, ComputeIn::f32);
  EXPECT_EQ(types(request_of<half, half>({}, 0, false, 0), false).bias, Element::f16);
  EXPECT_EQ(types(request_of<float, float>({}, 0, false, 0), false).compute, ComputeIn::f32);
  EXPECT_EQ(types(request_of<float, float>({}, 0, false, 0), true).compute, ComputeIn::tf32);
  const auto wide = types(request_of<double, double>({}, 0, false, 0), true);
  EXPECT_EQ(wide.compute, ComputeIn::f64);
  EXPECT_EQ(wide.scale, Element::f64);
}

// A bias that is not aligned, an activation and double are left to a kernel of weft.
TEST(MatmulDescription, Epilogues) {
  EXPECT_EQ(fused_epilogue(address<float>(0), Activation::none), Epilogue::bias);
  EXPECT_EQ(fused_epilogue(address<float>(4), Activation::none), Epilogue::bias);
  EXPECT_EQ(fused_epilogue(address<float>(1), Activation::none), Epilogue::none);
  EXPECT_EQ(fused_epilogue(address<half>(4), Activation::none), Epilogue::none);
  EXPECT_EQ(fused_epilogue(address<half>(8), Activation::none), Epilogue::bias);
  EXPECT_EQ(fused_epilogue(address<float>(0), Activation::relu), Epilogue::none);
  EXPECT_EQ(fused_epilogue(address<double>(0), Activation::none), Epilogue::none);
  EXPECT_EQ(fused_epilogue(static_cast<const float*>(nullptr), Activation::none), Epilogue::none);
}

// Each rule, broken once.
TEST(MatmulDescription, NamesTheRuleThatIsViolated) {
  struct Mistake {
    const char* rule;
    std::function<void(ProductDescription&)> make;
  };
  const std::vector<Mistake> mistakes{
      {"lists no such types", [](auto& d) { d.types.scale = Element::f16; }},
      {"lists no such types", [](auto& d) { d.types.result = Element::bf16; }},
      {"lists no such types", [](auto& d) { d.types.compute = ComputeIn::f64; }},
      {"the bias has another type", [](auto& d) { d.types.bias = Element::f16; }},
      {"b has 0 rows", [](auto& d) { d.layout.first.rows = 0; }},
      {"b has 5 rows, 7 columns and 4294967296", [](auto& d) { d.layout.batch = i64{1} << 32; }},
      {"c has 2147483648 rows", [](auto& d) { d.layout.result.rows = i64{1} << 31; }},
      {"b has the leading dimension 4", [](auto& d) { d.layout.first.leading = 4; }},
      {"c has the batch stride 14", [](auto& d) { d.layout.result.stride = 14; }},
      {"the result is transposed", [](auto& d) { d.layout.result.transposed = true; }},
      {"is not (5, 3)", [](auto& d) { d.layout.first.transposed = true; }},
      {"b is aligned to 2 bytes", [](auto& d) { d.alignment.first = 2; }},
      {"a is aligned to 24 bytes", [](auto& d) { d.alignment.second = 24; }},
      {"c is aligned to 512 bytes", [](auto& d) { d.alignment.result = 512; }},
      {"the bias has 3 elements", [](auto& d) { d.bias_elements = 3; }},
      {"the bias is aligned to 8 bytes", [](auto& d) { d.alignment.bias = 8; }},
      {"a bias is given without", [](auto& d) { d.epilogue = Epilogue::none; }},
  };
  for (const Mistake& mistake : mistakes) {
    ProductDescription d = describe(request_of<float, float>({2, 3, 5, 7}, 0, true, 0));
    ASSERT_EQ(violated_rule(d), "");
    mistake.make(d);
    EXPECT_NE(violated_rule(d).find(mistake.rule), std::string::npos)
        << mistake.rule << "; but: " << violated_rule(d);
  }
  ProductDescription wide = describe(request_of<double, double>({2, 3, 5, 7}, 0, false, 0));
  wide.epilogue = Epilogue::bias;
  wide.bias_elements = 5;
  EXPECT_EQ(violated_rule(wide), "the bias epilogue is not used in double");
}

TEST(MatmulDescription, Workspace) {
  EXPECT_EQ(kWorkspaceBytes, 33554432);
  EXPECT_EQ(kWorkspaceBytes % kWorkspaceAlignment, 0);
}

}  // namespace
}  // namespace weft::kernels::test
