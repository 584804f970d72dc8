// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/reduce.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

std::vector<ReduceShape> shapes() {
  return {{1, 0, 1},     {0, 5, 1},     {5, 0, 3},     {3, 0, 1},    {1, 1, 1},    {1, 31, 1},
          {1, 33, 1},    {9, 33, 1},    {9, 40, 1},    {2, 1032, 1}, {2, 1025, 1}, {1, 1025, 1},
          {1, 33, 31},   {3, 5, 33},    {1, 200, 3},   {1, 3, 65},   {33, 2, 2},   {1, 257, 33},
          {2, 40000, 1}, {1, 20001, 1}, {2, 130, 264}, {1, 9, 512}};
}

TEST(CudaReduce, Sum) {
  for_types([]<class T>() {
    for (const ReduceShape& s : shapes()) {
      for (const i64 shift : {0, 1}) {  // rows that are read in packs, and not
        if (shift == 1 && s.n % 8 != 0) continue;
        SCOPED_TRACE(::testing::Message() << s.outer << ", " << s.n << ", " << s.inner);
        Numbers numbers;
        const Array<T> x(s.outer * s.n * s.inner, numbers, shift);
        std::vector<double> wanted(static_cast<std::size_t>(s.outer * s.inner));
        reduce_sum(Cpu{}, wanted.data(), x.numbers().data(), 0.5, s);
        in_every_order([&] {
          Array<T> y(s.outer * s.inner);
          reduce_sum(Cuda{}, y.data(), x.data(), 0.5, s);
          expect_near(y, wanted, 20 * tolerance<T>());
        });
      }
    }
  });
}

template <class To, class From>
void test_mixed_sum(const ReduceShape& s) {
  SCOPED_TRACE(::testing::Message() << s.outer << ", " << s.n << ", " << s.inner);
  Numbers numbers;
  const Array<From> x(s.outer * s.n * s.inner, numbers);
  const auto x64 = x.numbers();
  std::vector<double> wanted(static_cast<std::size_t>(s.outer * s.inner)), squares(wanted);
  reduce_sum(Cpu{}, wanted.data(), x64.data(), 0.5, s);
  reduce_squares(Cpu{}, squares.data(), x64.data(), 0.5, s);
  in_every_order([&] {
    Array<To> y(s.outer * s.inner);
    reduce_sum(Cuda{}, y.data(), x.data(), 0.5, s);
    expect_near(y, wanted, 20 * tolerance<To>());
    Array<double> z(s.outer * s.inner);
    reduce_squares(Cuda{}, z.data(), x.data(), 0.5, s);
    expect_near(z, squares, 20 * tolerance<double>());
  });
}

// What a sum over several runs of axes and a variance are made of.
TEST(CudaReduce, SumsAndSquaresInDouble) {
  for (const ReduceShape& s : shapes()) {
    test_mixed_sum<double, float>(s);
    test_mixed_sum<float, double>(s);
  }
}

// The sizes determine the order of additions, so the order of threads changes no bit.
TEST(CudaReduce, SumIsDeterministic) {
  for (const ReduceShape s : {ReduceShape{1, 40000, 1}, {1, 300, 33}, {2, 1025, 1}}) {
    Numbers numbers;
    const Array<float> x(s.outer * s.n * s.inner, numbers);
    Array<float> first(s.outer * s.inner);
    reduce_sum(Cuda{}, first.data(), x.data(), 1.0, s);
    in_every_order([&] {
      Array<float> y(s.outer * s.inner);
      reduce_sum(Cuda{}, y.data(), x.data(), 1.0, s);
      expect_same_bytes(y, first);
    });
  }
}

// The first of equal elements wins, also across the parts of a long row and the runs of a column.
TEST(CudaReduce, ExtremesOfPartsKeepTheFirstIndex) {
  for_types([]<class T>() {
    for (const ReduceShape s :
         {ReduceShape{1, 40000, 1}, {2, 40001, 1}, {1, 1000, 2}, {2, 2500, 3}}) {
      Array<T> x(s.outer * s.n * s.inner), y(s.outer * s.inner);
      Array<i64> index(s.outer * s.inner);
      for (const i64 first : {i64{0}, s.n / 3, s.n - 1}) {
        for (i64 i = 0; i < x.size(); ++i) x[i] = i / s.inner % s.n >= first ? T(7.0f) : T(-1.0f);
        reduce_extreme(Cuda{}, Extreme::max, y.data(), index.data(), x.data(), s);
        for (i64 i = 0; i < index.size(); ++i) {
          EXPECT_EQ(converted<float>(y[i]), 7.0f);
          EXPECT_EQ(index[i], first);
        }
        reduce_extreme(Cuda{}, Extreme::min, y.data(), nullptr, x.data(), s);
        for (i64 i = 0; i < y.size(); ++i)
          EXPECT_EQ(converted<float>(y[i]), first == 0 ? 7.0f : -1.0f);
        const i64 nan = s.n / 2;  // in the last matrix and its last column
        x[((s.outer - 1) * s.n + nan) * s.inner + s.inner - 1] = T(NAN);
        reduce_extreme(Cuda{}, Extreme::max, y.data(), index.data(), x.data(), s);
        EXPECT_TRUE(std::isnan(converted<float>(y[y.size() - 1])));
        EXPECT_EQ(index[index.size() - 1], nan);
        if (y.size() > 1) {
          EXPECT_EQ(index[0], first);
        }
      }
    }
  });
}

// Columns that are read in packs, and the same columns without alignment.
TEST(CudaReduce, SumsOfColumnsDoNotDependOnAlignment) {
  for_types([]<class T>() {
    for (const ReduceShape s : {ReduceShape{1, 130, 264}, {2, 9, 512}}) {
      Numbers numbers;
      const Array<T> aligned(s.outer * s.n * s.inner, numbers);
      Array<T> shifted(aligned.size(), 1);
      for (i64 i = 0; i < aligned.size(); ++i) shifted[i] = aligned[i];
      Array<T> y(s.outer * s.inner), wanted(s.outer * s.inner);
      reduce_sum(Cuda{}, y.data(), aligned.data(), 0.5, s);
      reduce_sum(Cuda{}, wanted.data(), shifted.data(), 0.5, s);
      expect_same_bytes(y, wanted);
    }
  });
}

void test_extreme(Extreme which) {
  for_types([&]<class T>() {
    for (const ReduceShape& s : shapes()) {
      if (s.n == 0 || s.n > 2000) continue;
      SCOPED_TRACE(::testing::Message() << s.outer << ", " << s.n << ", " << s.inner);
      for (const bool with_nan : {false, true}) {
        Numbers numbers;
        Array<T> x(s.outer * s.n * s.inner, numbers);
        for (i64 i = 0; i < x.size(); i += 3) x[i] = converted<T>(2.0);  // ties
        if (x.size() > 5) x[5] = converted<T>(-INFINITY);
        if (with_nan)
          for (const i64 i : {x.size() / 2, x.size() - 1})
            if (i >= 0 && x.size() > 0) x[i] = converted<T>(NAN);
        std::vector<double> wanted(static_cast<std::size_t>(s.outer * s.inner));
        Array<i64> wanted_index(s.outer * s.inner);
        reduce_extreme(Cpu{}, which, wanted.data(), wanted_index.data(), x.numbers().data(), s);
        in_every_order([&] {
          Array<T> y(s.outer * s.inner), no_index(s.outer * s.inner);
          Array<i64> index(s.outer * s.inner);
          reduce_extreme(Cuda{}, which, y.data(), index.data(), x.data(), s);
          expect_near(y, wanted, 0.0);
          expect_same_bytes(index, wanted_index);
          reduce_extreme(Cuda{}, which, no_index.data(), nullptr, x.data(), s);
          expect_same_bytes(no_index, y);
        });
      }
    }
  });
}

TEST(CudaReduce, Max) { test_extreme(Extreme::max); }
TEST(CudaReduce, Min) { test_extreme(Extreme::min); }

TEST(CudaReduce, MaxOfNothingButMinusInfinity) {
  for (const i64 n : {1, 40, 1025}) {
    Array<float> x(n), y(1);
    Array<i64> index(1);
    for (i64 i = 0; i < n; ++i) x[i] = -INFINITY;
    reduce_extreme(Cuda{}, Extreme::max, y.data(), index.data(), x.data(), {1, n, 1});
    EXPECT_EQ(y[0], -INFINITY);
    EXPECT_EQ(index[0], 0);
  }
}

TEST(CudaReduce, Repeat) {
  for_types([]<class T>() {
    for (const ReduceShape& s : shapes()) {
      if (s.n > 2000) continue;
      for (const i64 shift : {0, 1}) {
        Numbers numbers;
        const Array<T> x(s.outer * s.inner, numbers);
        std::vector<double> wanted(static_cast<std::size_t>(s.outer * s.n * s.inner));
        repeat(Cpu{}, wanted.data(), x.numbers().data(), 0.25, s);
        in_every_order([&] {
          Array<T> y(s.outer * s.n * s.inner, shift);
          repeat(Cuda{}, y.data(), x.data(), 0.25, s);
          expect_near(y, wanted);
        });
      }
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
