// SPDX-License-Identifier: Apache-2.0
// Tests of matrix products: the layout that the library gets, the epilogue kernel, and the
// conversions around the CPU's product on the emulated device.
#include "weft/kernels/library/matmul.h"

#include <fmt/core.h>

#include "weft/kernels/library/matmul_layout.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

std::vector<MatmulShape> shapes() {
  std::vector<MatmulShape> all;
  for (const bool a : {false, true})
    for (const bool b : {false, true})
      for (const MatmulShape& s :
           {MatmulShape{1, 1, 1, 1}, {1, 33, 31, 5}, {1, 5, 10, 33}, {3, 4, 8, 7}, {2, 3, 16, 0}})
        all.push_back({s.batch, s.m, s.n, s.k, a, b});
  all.push_back({1, 0, 5, 3, false, false});
  all.push_back({0, 4, 5, 3, false, false});
  return all;
}

std::string name_of(const MatmulShape& s) {
  return fmt::format("batch {}, m {}, n {}, k {}, {}{}", s.batch, s.m, s.n, s.k,
                     s.transpose_a ? "T" : "N", s.transpose_b ? "T" : "N");
}

// Multiplies as cuBLASLt does, in column-major order, by the given leading dimensions and strides.
std::vector<double> column_major_product(const MatmulLayout& l, const std::vector<double>& b,
                                         const std::vector<double>& a, i64 inner) {
  const auto element = [](const ColumnMajor& m, i64 p, i64 row, i64 col) {
    return static_cast<std::size_t>(p * m.stride +
                                    (m.transposed ? row * m.leading + col : col * m.leading + row));
  };
  std::vector<double> c(static_cast<std::size_t>(l.batch * l.result.rows * l.result.cols), NAN);
  for (i64 p = 0; p < l.batch; ++p)
    for (i64 i = 0; i < l.result.rows; ++i)
      for (i64 j = 0; j < l.result.cols; ++j) {
        double sum = 0;
        for (i64 k = 0; k < inner; ++k)
          sum += b.at(element(l.first, p, i, k)) * a.at(element(l.second, p, k, j));
        c.at(element(l.result, p, i, j)) = sum;
      }
  return c;
}

TEST(CudaMatmul, TheLibraryIsAskedForTheSameProduct) {
  for (const MatmulShape& s : shapes()) {
    SCOPED_TRACE(name_of(s));
    Numbers numbers;
    const Array<double> a(s.batch * s.m * s.k, numbers), b(s.batch * s.k * s.n, numbers);
    Array<double> wanted(s.batch * s.m * s.n);
    matmul(Cpu{}, wanted.data(), a.data(), b.data(), static_cast<const double*>(nullptr),
           Activation::none, s);
    const auto c = column_major_product(layout_of(s), b.numbers(), a.numbers(), s.k);
    expect_near(wanted, c);
  }
}

TEST(CudaMatmul, EpiloguesOfTheLibrary) {
  EXPECT_EQ(epilogue_of(false, Activation::none), Epilogue::none);
  EXPECT_EQ(epilogue_of(true, Activation::none), Epilogue::bias);
  EXPECT_EQ(epilogue_of(true, Activation::relu), Epilogue::none);
  EXPECT_EQ(epilogue_of(true, Activation::gelu), Epilogue::none);
}

TEST(CudaMatmul, Alignment) {
  alignas(256) static const char bytes[256] = {};
  EXPECT_EQ(alignment_of(bytes + 4), 4);
  EXPECT_EQ(alignment_of(bytes), 256);
}

TEST(CudaMatmul, ProductBiasAndActivation) {
  for_types([]<class T>() {
    for (const MatmulShape& s : shapes()) {
      for (const auto activation : {Activation::none, Activation::relu, Activation::gelu}) {
        for (const bool with_bias : {false, true}) {
          SCOPED_TRACE(name_of(s));
          Numbers numbers;
          const Array<T> a(s.batch * s.m * s.k, numbers), b(s.batch * s.k * s.n, numbers),
              bias(s.n, numbers);
          const auto bias64 = bias.numbers();
          std::vector<double> wanted(static_cast<std::size_t>(s.batch * s.m * s.n));
          matmul(Cpu{}, wanted.data(), a.numbers().data(), b.numbers().data(),
                 with_bias ? bias64.data() : nullptr, activation, s);
          Array<T> c(s.batch * s.m * s.n);
          matmul(Cuda{}, c.data(), a.data(), b.data(), with_bias ? bias.data() : nullptr,
                 activation, s);
          expect_near(c, wanted, 10 * tolerance<T>());
        }
      }
    }
  });
}

TEST(CudaMatmul, ReluKeepsNan) {
  Array<float> a(4), b(4), bias(2), c(4);
  for (i64 i = 0; i < 4; ++i) a[i] = b[i] = 1;
  bias[0] = bias[1] = 0;
  a[0] = NAN;
  matmul(Cuda{}, c.data(), a.data(), b.data(), bias.data(), Activation::relu,
         {.m = 2, .n = 2, .k = 2});
  expect_near(c, {NAN, NAN, 2, 2});
}

// Mixed precision. Digits are lost only when the factors are rounded, before the product.
template <class T>
void expect_float_products() {
  for (const MatmulShape& s : shapes()) {
    SCOPED_TRACE(name_of(s));
    Numbers numbers;
    const Array<T> a(s.batch * s.m * s.k, numbers), b(s.batch * s.k * s.n, numbers);
    const Array<float> bias(s.n, numbers);
    const auto bias64 = bias.numbers();
    std::vector<double> wanted(static_cast<std::size_t>(s.batch * s.m * s.n));
    matmul(Cpu{}, wanted.data(), a.numbers().data(), b.numbers().data(), bias64.data(),
           Activation::relu, s);
    Array<float> c(s.batch * s.m * s.n);
    matmul(Cuda{}, c.data(), a.data(), b.data(), bias.data(), Activation::relu, s);
    expect_near(c, wanted, 10 * tolerance<float>());
  }
}
TEST(CudaMatmul, HalfFactorsGiveFloats) {
  expect_float_products<half>();
  expect_float_products<bfloat16>();
}

TEST(CudaMatmul, AddBiasAndActivate) {
  for_types([]<class T>() {
    for (const auto activation : {Activation::none, Activation::relu, Activation::gelu,
                                  Activation::silu, Activation::tanh, Activation::sigmoid}) {
      for (const auto& [rows, n] :
           {std::pair<i64, i64>{0, 3}, {1, 1}, {33, 10}, {5, 32}, {1, 1025}}) {
        for (const int variant : {0, 1, 2}) {  // no bias, a bias, both arrays misaligned
          Numbers numbers;
          const i64 shift = variant == 2 ? 1 : 0;
          const Array<T> before(rows * n, numbers, shift), bias(n, numbers, shift);
          const auto bias64 = bias.numbers();
          auto wanted = before.numbers();
          add_bias_and_activate<double>(Cpu{}, view(wanted, rows, n),
                                        variant > 0 ? bias64.data() : nullptr, activation);
          in_every_order([&, rows = rows, n = n] {
            Array<T> c(before);
            add_bias_and_activate<T>(Cuda{}, view(c, rows, n), variant > 0 ? bias.data() : nullptr,
                                     activation);
            expect_near(c, wanted, 2 * tolerance<T>());
          });
        }
      }
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
