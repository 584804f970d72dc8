// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/layer_norm.h"

#include <fmt/format.h>

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, cols;
};
// Several blocks share a row, which has whole parts and a rest (Note [Wide rows]).
const std::vector<Size> kWideRows = {{2, 4 * 4096 + 24}};
// Rows of 8·n columns are read in packs if they are aligned.
const std::vector<Size> kRows = {{0, 5}, {1, 1},    {9, 31},   {200, 33}, {2, 300}, {130, 264},
                                 {9, 8}, {3, 1025}, {2, 1032}, {1, 2500}, {1, 2568}};

// Cases have weights or none, and weights and inputs that begin in the middle of a pack.
struct Case {
  bool affine;
  i64 shift;
};
std::vector<Case> cases_of(const Size& s) {
  std::vector<Case> cases{{false, 0}, {true, 0}};
  if (s.cols % 8 == 0 && s.rows < 10) cases.push_back({true, 1});
  return cases;
}

std::string name_of(const Size& s, const Case& c) {
  return fmt::format("{}, {}{}, shift {}", s.rows, s.cols, c.affine ? " affine" : "", c.shift);
}

void test_forward(const std::vector<Size>& sizes) {
  for_types([&]<class T>() {
    for (const Size s : sizes) {
      for (const Case c : cases_of(s)) {
        SCOPED_TRACE(name_of(s, c));
        Numbers numbers;
        const Array<T> x(s.rows * s.cols, numbers, 1.0, 5.0), w(s.cols, numbers, c.shift),
            b(s.cols, numbers);
        const auto x64 = x.numbers(), w64 = w.numbers(), b64 = b.numbers();
        const auto rows = static_cast<std::size_t>(s.rows);
        std::vector<double> y64(x64.size()), mean64(rows), rstd64(rows);
        LayerNormParameters<double> here;
        LayerNormParameters<T> there;
        if (c.affine) {
          here = {w64.data(), b64.data()};
          there = {w.data(), b.data()};
        }
        layer_norm_forward<double>(Cpu{}, view(y64, s.rows, s.cols), {mean64.data(), rstd64.data()},
                                   view(x64, s.rows, s.cols), here, 1e-5);
        in_every_order([&] {
          Array<T> y(x), rstd(s.rows);  // y may alias x
          Array<double> mean(s.rows);
          const Rows<T> both = view(y, s.rows, s.cols);
          layer_norm_forward<T>(Cuda{}, both, {mean.data(), rstd.data()}, both, there, 1e-5);
          expect_near(y, y64, 4 * tolerance<T>());
          expect_near(mean, mean64, tolerance<float>());
          expect_near(rstd, rstd64);
        });
      }
    }
  });
}

// The variance stays accurate if the mean is much larger than the deviation.
TEST(CudaLayerNorm, LargeMean) {
  Array<float> x(64), y(64), rstd(1);
  Array<double> mean(1);
  for (i64 i = 0; i < 64; ++i) x[i] = 10000.0f + static_cast<float>(i % 2);
  layer_norm_forward<float>(Cuda{}, view(y, 1, 64), {mean.data(), rstd.data()}, view(x, 1, 64), {},
                            0.0);
  EXPECT_EQ(mean[0], 10000.5);
  EXPECT_EQ(rstd[0], 2.0f);
  EXPECT_EQ(y[0], -1.0f);
  EXPECT_EQ(y[1], 1.0f);
}

void test_backward(const std::vector<Size>& sizes) {
  for_types([&]<class T>() {
    for (const Size s : sizes) {
      for (const Case c : cases_of(s)) {
        SCOPED_TRACE(name_of(s, c));
        Numbers numbers;
        const Array<T> x(s.rows * s.cols, numbers, c.shift), dy(s.rows * s.cols, numbers),
            w(s.cols, numbers), rstd(s.rows, numbers, 0.8, 1.2);
        const Array<double> mean(s.rows, numbers, -0.1, 0.1);
        const auto x64 = x.numbers(), dy64 = dy.numbers(), w64 = w.numbers();
        std::vector<double> dx64(x64.size()), dw64(w64.size()), db64(w64.size());
        const auto mean64 = mean.numbers(), rstd64 = rstd.numbers();
        layer_norm_backward<double>(Cpu{}, {dx64.data(), dw64.data(), db64.data()},
                                    view(dy64, s.rows, s.cols), view(x64, s.rows, s.cols),
                                    c.affine ? w64.data() : nullptr,
                                    {mean64.data(), rstd64.data()});
        in_every_order([&] {
          Array<T> dx(x.size()), dw(s.cols), db(s.cols), only_db(s.cols);
          const auto run = [&](const LayerNormGradients<T>& out) {
            layer_norm_backward<T>(Cuda{}, out, view(dy, s.rows, s.cols), view(x, s.rows, s.cols),
                                   c.affine ? w.data() : nullptr, {mean.data(), rstd.data()});
          };
          if (s.cols >= 4 * 4096) {  // the columns are summed as in the other sizes
            run({.dx = dx.data()});
            return expect_near(dx, dx64, 10 * tolerance<T>());
          }
          run({dx.data(), dw.data(), db.data()});
          expect_near(dx, dx64, 10 * tolerance<T>());
          expect_near(dw, dw64, 40 * tolerance<T>());
          expect_near(db, db64, 40 * tolerance<T>());
          run({.dbias = only_db.data()});
          expect_same_bytes(only_db, db);
        });
      }
    }
  });
}

TEST(CudaLayerNorm, Forward) { test_forward(kRows); }
TEST(CudaLayerNorm, Backward) { test_backward(kRows); }
TEST(CudaLayerNorm, ForwardOfWideRows) { test_forward(kWideRows); }
TEST(CudaLayerNorm, BackwardOfWideRows) { test_backward(kWideRows); }

}  // namespace
}  // namespace weft::kernels::test
