// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

const BatchNormShape kShapes[] = {{1, 1}, {33, 3}, {31, 64}, {300, 5}, {1025, 32}, {2, 33}};

template <class T>
struct Problem {
  explicit Problem(const BatchNormShape& s, i64 shift = 0)
      : x(s.rows * s.channels, numbers, shift),
        residual(s.rows * s.channels, numbers, shift),
        dy(s.rows * s.channels, numbers, shift),
        gamma(s.channels, numbers, 0.5, 1.5),
        beta(s.channels, numbers),
        mean(s.channels, numbers, -0.3, 0.3),
        inv_std(s.channels, numbers, 0.8, 1.2) {}
  Numbers numbers;
  Array<T> x, residual, dy, gamma, beta;
  Array<double> mean, inv_std;
};

TEST(CudaBatchNorm, Statistics) {
  for_types([]<class T>() {
    for (const BatchNormShape& s : kShapes) {
      SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.channels);
      const Problem<T> p(s);
      const auto c = static_cast<std::size_t>(s.channels);
      std::vector<double> mean(c), inv_std(c), var(c);
      batch_statistics(Cpu{}, mean.data(), inv_std.data(), var.data(), p.x.numbers().data(), 1e-5,
                       s);
      in_every_order([&] {
        Array<double> m(s.channels), i(s.channels), v(s.channels);
        batch_statistics(Cuda{}, m.data(), i.data(), v.data(), p.x.data(), 1e-5, s);
        expect_near(m, mean);
        expect_near(i, inv_std);
        expect_near(v, var);
      });
    }
  });
}

TEST(CudaBatchNorm, StatisticsWithALargeMean) {
  const BatchNormShape s{200, 3};
  Array<float> x(s.rows * s.channels);
  for (i64 i = 0; i < x.size(); ++i) x[i] = 65536.0f + static_cast<float>(i / s.channels % 2);
  in_every_order([&] {
    Array<double> mean(3), inv_std(3), var(3);
    batch_statistics(Cuda{}, mean.data(), inv_std.data(), var.data(), x.data(), 0.0, s);
    for (i64 c = 0; c < 3; ++c) {
      EXPECT_NEAR(mean[c], 65536.5, 1e-10);
      EXPECT_NEAR(inv_std[c], 2.0, 1e-10);
    }
  });
}

TEST(CudaBatchNorm, Forward) {
  for_types([]<class T>() {
    for (const BatchNormShape& s : kShapes) {
      for (const i64 shift : {0, 1}) {
        const Problem<T> p(s, shift);
        for (const int variant : {0, 1, 2, 3, 4}) {
          SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.channels << ": " << variant);
          const bool add = variant % 2 == 1, relu = variant >= 2, affine = variant != 4;
          const auto gamma64 = p.gamma.numbers(), beta64 = p.beta.numbers(),
                     residual64 = p.residual.numbers(), x64 = p.x.numbers();
          std::vector<double> wanted(x64.size());
          batch_norm(Cpu{}, wanted.data(), x64.data(), add ? residual64.data() : nullptr,
                     affine ? gamma64.data() : nullptr, affine ? beta64.data() : nullptr,
                     p.mean.data(), p.inv_std.data(), relu, s);
          in_every_order([&] {
            const auto run = [&](T* y, const T* x, const T* residual) {
              batch_norm(Cuda{}, y, x, add ? residual : nullptr, affine ? p.gamma.data() : nullptr,
                         affine ? p.beta.data() : nullptr, p.mean.data(), p.inv_std.data(), relu,
                         s);
            };
            Array<T> y(p.x.size(), shift), over_x(p.x), over_residual(p.residual);
            run(y.data(), p.x.data(), p.residual.data());
            expect_near(y, wanted, 4 * tolerance<T>());
            run(over_x.data(), over_x.data(), p.residual.data());
            expect_same_bytes(over_x, y);
            run(over_residual.data(), p.x.data(), over_residual.data());
            expect_same_bytes(over_residual, y);
          });
        }
      }
    }
  });
}

// Every combination of: relu (mask from x, or from y behind a residual), statistics, gradients wanted.
TEST(CudaBatchNorm, Backward) {
  for_types([]<class T>() {
    for (const BatchNormShape& s : kShapes) {
      const i64 shift = s.rows == 1025 ? 1 : 0;  // no packs, though the channels would do
      const Problem<T> p(s, shift);
      const auto x64 = p.x.numbers(), dy64 = p.dy.numbers(), gamma64 = p.gamma.numbers(),
                 beta64 = p.beta.numbers(), y64 = p.residual.numbers();
      const auto n = x64.size(), c = gamma64.size();
      for (const int mask : {0, 1, 2}) {
        for (const bool constant : {false, true}) {
          for (const bool residual : {false, true}) {
            SCOPED_TRACE(::testing::Message()
                         << s.rows << ", " << s.channels << ": mask " << mask
                         << (constant ? ", constant" : "") << (residual ? ", residual" : ""));
            std::vector<double> dx(n), dr(n), dg(c), db(c);
            batch_norm_backward(
                Cpu{}, {dx.data(), residual ? dr.data() : nullptr, dg.data(), db.data()},
                dy64.data(), x64.data(), mask == 2 ? y64.data() : nullptr, gamma64.data(),
                beta64.data(), p.mean.data(), p.inv_std.data(), mask != 0, constant, s);
            in_every_order([&] {
              const auto run = [&](const BatchNormGradients<T>& out, const T* dy) {
                batch_norm_backward(Cuda{}, out, dy, p.x.data(),
                                    mask == 2 ? p.residual.data() : nullptr, p.gamma.data(),
                                    p.beta.data(), p.mean.data(), p.inv_std.data(), mask != 0,
                                    constant, s);
              };
              Array<T> x_grad(p.x.size()), over_dy(p.dy), g(s.channels), b(s.channels);
              run({x_grad.data(), residual ? over_dy.data() : nullptr, g.data(), b.data()},
                  over_dy.data());  // dresidual may be dy
              expect_near(x_grad, dx, 10 * tolerance<T>());
              if (residual) expect_near(over_dy, dr, tolerance<T>());
              expect_near(g, dg, 60 * tolerance<T>());
              expect_near(b, db, 60 * tolerance<T>());
              Array<T> dx_over_dy(p.dy);  // so may dx without dresidual
              run({.dx = dx_over_dy.data()}, dx_over_dy.data());
              if (!residual) expect_same_bytes(dx_over_dy, x_grad);
            });
          }
        }
      }
    }
  });
}

TEST(CudaBatchNorm, NoRows) {
  Numbers numbers;
  const Array<float> gamma(3, numbers);
  const Array<double> statistics(3, numbers);
  Array<float> dgamma(3), dbeta(3);
  batch_norm<float>(Cuda{}, nullptr, nullptr, nullptr, gamma.data(), gamma.data(),
                    statistics.data(), statistics.data(), true, {0, 3});
  batch_norm_backward<float>(Cuda{}, {.dgamma = dgamma.data(), .dbeta = dbeta.data()}, nullptr,
                             nullptr, nullptr, gamma.data(), gamma.data(), statistics.data(),
                             statistics.data(), true, false, {0, 3});
  for (i64 c = 0; c < 3; ++c) EXPECT_EQ(dgamma[c] + dbeta[c], 0.0f);
}

TEST(CudaBatchNorm, CommitUnlessSkipped) {
  for_types([]<class T>() {
    for (const i64 channels : {0, 1, 33, 300}) {
      Numbers numbers;
      const Array<T> before(channels, numbers);
      const Array<double> mean(channels, numbers), var(channels, numbers);
      auto mean64 = before.numbers(), var64 = before.numbers();
      commit_running_stats(Cpu{}, mean64.data(), var64.data(), nullptr, mean.data(), var.data(),
                           0.1, nullptr, channels);
      in_every_order([&] {
        OnDevice<bool> no(false), yes(true);
        OnDevice<i64> batches(5);
        for (const bool* skip :
             {static_cast<const bool*>(nullptr), static_cast<const bool*>(no.data())}) {
          Array<T> m(before), v(before);
          commit_running_stats(Cuda{}, m.data(), v.data(), batches.data(), mean.data(), var.data(),
                               0.1, skip, channels);
          expect_near(m, mean64);
          expect_near(v, var64);
        }
        Array<T> m(before), v(before);
        commit_running_stats(Cuda{}, m.data(), v.data(), batches.data(), mean.data(), var.data(),
                             0.1, yes.data(), channels);
        EXPECT_EQ(*batches, 7);
        expect_same_bytes(m, before);
        expect_same_bytes(v, before);
      });
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
