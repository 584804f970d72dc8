// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, channels;
};
const Size kShapes[] = {{1, 1}, {33, 3}, {31, 64}, {300, 5}, {1025, 32}, {2, 33}};

template <class T>
struct Problem {
  explicit Problem(const Size& s, i64 shift = 0)
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

  BatchNormParameters<T> parameters() const {
    return {gamma.data(), beta.data(), mean.data(), inv_std.data()};
  }
};

TEST(CudaBatchNorm, Statistics) {
  for_types([]<class T>() {
    for (const Size& s : kShapes) {
      SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.channels);
      const Problem<T> p(s);
      const auto c = static_cast<std::size_t>(s.channels);
      std::vector<double> mean(c), inv_std(c), var(c);
      const auto x64 = p.x.numbers();
      batch_statistics<double>(Cpu{}, {mean.data(), inv_std.data(), var.data()},
                               view(x64, s.rows, s.channels), 1e-5);
      in_every_order([&] {
        Array<double> m(s.channels), i(s.channels), v(s.channels);
        batch_statistics<T>(Cuda{}, {m.data(), i.data(), v.data()}, view(p.x, s.rows, s.channels),
                            1e-5);
        expect_near(m, mean);
        expect_near(i, inv_std);
        expect_near(v, var);
      });
    }
  });
}

TEST(CudaBatchNorm, StatisticsWithALargeMean) {
  Array<float> x(200 * 3);
  for (i64 i = 0; i < x.size(); ++i) x[i] = 65536.0f + static_cast<float>(i / 3 % 2);
  in_every_order([&] {
    Array<double> mean(3), inv_std(3), var(3);
    batch_statistics<float>(Cuda{}, {mean.data(), inv_std.data(), var.data()}, view(x, 200, 3),
                            0.0);
    for (i64 c = 0; c < 3; ++c) {
      EXPECT_NEAR(mean[c], 65536.5, 1e-10);
      EXPECT_NEAR(inv_std[c], 2.0, 1e-10);
    }
  });
}

TEST(CudaBatchNorm, Forward) {
  for_types([]<class T>() {
    for (const Size& s : kShapes) {
      for (const i64 shift : {0, 1}) {
        const Problem<T> p(s, shift);
        for (const int variant : {0, 1, 2, 3, 4}) {
          SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.channels << ": " << variant);
          const bool add = variant % 2 == 1, relu = variant >= 2, affine = variant != 4;
          const auto gamma64 = p.gamma.numbers(), beta64 = p.beta.numbers(),
                     residual64 = p.residual.numbers(), x64 = p.x.numbers();
          std::vector<double> wanted(x64.size());
          BatchNormParameters<double> here{gamma64.data(), beta64.data(), p.mean.data(),
                                           p.inv_std.data()};
          BatchNormParameters<T> there = p.parameters();
          if (!affine) here.gamma = here.beta = nullptr, there.gamma = there.beta = nullptr;
          batch_norm<double>(Cpu{}, view(wanted, s.rows, s.channels), view(x64, s.rows, s.channels),
                             add ? residual64.data() : nullptr, here, relu);
          in_every_order([&] {
            const auto run = [&](T* y, const T* x, const T* residual) {
              batch_norm<T>(Cuda{}, {y, s.rows, s.channels}, {x, s.rows, s.channels},
                            add ? residual : nullptr, there, relu);
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

// Tests every combination of relu (with the mask from x, or from y if there is a residual),
// statistics and wanted gradients.
TEST(CudaBatchNorm, Backward) {
  for_types([]<class T>() {
    for (const Size& s : kShapes) {
      const i64 shift = s.rows == 1025 ? 1 : 0;  // misaligned, so no packs are read
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
            const BatchNormMode mode{.relu = mask != 0, .constant_statistics = constant};
            batch_norm_backward<double>(
                Cpu{}, {dx.data(), residual ? dr.data() : nullptr, dg.data(), db.data()},
                view(dy64, s.rows, s.channels), view(x64, s.rows, s.channels),
                mask == 2 ? y64.data() : nullptr,
                {gamma64.data(), beta64.data(), p.mean.data(), p.inv_std.data()}, mode);
            in_every_order([&] {
              const auto run = [&](const BatchNormGradients<T>& out, const T* dy) {
                batch_norm_backward<T>(
                    Cuda{}, out, {dy, s.rows, s.channels}, view(p.x, s.rows, s.channels),
                    mask == 2 ? p.residual.data() : nullptr, p.parameters(), mode);
              };
              Array<T> x_grad(p.x.size()), over_dy(p.dy), g(s.channels), b(s.channels);
              run({x_grad.data(), residual ? over_dy.data() : nullptr, g.data(), b.data()},
                  over_dy.data());  // dresidual may alias dy
              expect_near(x_grad, dx, 10 * tolerance<T>());
              if (residual) expect_near(over_dy, dr, tolerance<T>());
              expect_near(g, dg, 60 * tolerance<T>());
              expect_near(b, db, 60 * tolerance<T>());
              Array<T> dx_over_dy(p.dy);  // dx may alias dy without dresidual
              run({.dx = dx_over_dy.data()}, dx_over_dy.data());
              if (!residual) expect_same_bytes(dx_over_dy, x_grad);
            });
          }
        }
      }
    }
  });
}

// Both widths of a pack, and channels that have several runs of rows.
const Size kSharedShapes[] = {{1, 1}, {33, 3}, {31, 64}, {300, 5}};

// The first row and the rows of the share of each of two processes. A share may be empty.
std::vector<std::pair<i64, i64>> shares_of(i64 rows, i64 first) {
  return {{0, first}, {first, rows - first}};
}

// Adds the sums of a process to those of all.
void add_to(std::vector<double>& all, const Array<double>& sums) {
  for (i64 i = 0; i < sums.size(); ++i) all[static_cast<std::size_t>(i)] += sums[i];
}
Array<double> copy_of(const std::vector<double>& values) {
  Array<double> copy(static_cast<i64>(values.size()));
  for (i64 i = 0; i < copy.size(); ++i) copy[i] = values[static_cast<std::size_t>(i)];
  return copy;
}

// Tests the statistics of a batch that two processes share. The reference is the CPU's kernel with
// all rows.
TEST(CudaBatchNorm, SharedStatistics) {
  for_types([]<class T>() {
    for (const Size& s : kSharedShapes) {
      const Problem<T> p(s);
      const i64 channels = s.channels;
      const auto c = static_cast<std::size_t>(channels);
      std::vector<double> mean(c), inv_std(c), var(c);
      const auto x64 = p.x.numbers();
      batch_statistics<double>(Cpu{}, {mean.data(), inv_std.data(), var.data()},
                               view(x64, s.rows, channels), 1e-5);
      for (const i64 first : {i64{0}, i64{1}, s.rows / 3}) {
        SCOPED_TRACE(::testing::Message() << s.rows << ", " << channels << ": " << first);
        in_every_order([&] {
          std::vector<double> sums(c + 1), squares(c);
          std::vector<Array<double>> own_mean, own_squares;
          for (const auto& [begin, rows] : shares_of(s.rows, first)) {
            Array<double> m(channels), q(channels), own(channels + 1);
            share_moments<T>(Cuda{}, {m.data(), q.data(), own.data()},
                             {p.x.data() + begin * channels, rows, channels});
            add_to(sums, own);
            own_mean.push_back(m);
            own_squares.push_back(q);
          }
          Array<double> all_sums = copy_of(sums);
          EXPECT_EQ(sums[c], static_cast<double>(s.rows));
          for (const std::size_t share : {0, 1}) {
            recentre_moments(Cuda{},
                             {own_mean[share].data(), own_squares[share].data(), all_sums.data()},
                             shares_of(s.rows, first)[share].second, channels);
            add_to(squares, own_squares[share]);
          }
          expect_same_bytes(own_mean[0], own_mean[1]);
          Array<double> v = copy_of(squares), i(channels);
          finish_statistics(Cuda{}, {nullptr, i.data(), v.data()}, v.data(),
                            all_sums.data() + channels, 1e-5, channels);
          expect_near(own_mean[0], mean);
          expect_near(i, inv_std);
          expect_near(v, var);
        });
      }
    }
  });
}

// Tests the backward pass in two steps against that in one. The bytes of dx and dresidual are the
// same if one process has all rows.
TEST(CudaBatchNorm, SharedBackward) {
  for_types([]<class T>() {
    for (const Size& s : kSharedShapes) {
      const Problem<T> p(s);
      const i64 channels = s.channels;
      for (const int mask : {0, 1, 2})
        for (const bool residual : {false, true})
          for (const i64 first : {i64{1}, s.rows}) {
            SCOPED_TRACE(::testing::Message() << s.rows << ", " << channels << ": mask " << mask
                                              << (residual ? ", residual, " : ", ") << first);
            const T* y = mask == 2 ? p.residual.data() : nullptr;
            in_every_order([&] {
              Array<T> dx(p.dy), dr(p.dy), dg(channels), db(channels);
              batch_norm_backward<T>(
                  Cuda{}, {dx.data(), residual ? dr.data() : nullptr, dg.data(), db.data()},
                  view(p.dy, s.rows, channels), view(p.x, s.rows, channels), y, p.parameters(),
                  {.relu = mask != 0});
              Array<T> shared_dx(p.dy), shared_dr(p.dy);
              std::vector<double> sums(2 * static_cast<std::size_t>(channels) + 1);
              std::vector<double> dgamma(sums.size() / 2), dbeta(dgamma);
              // Step 1 writes the sums, and step 2 reads those of all rows.
              const auto step = [&](i64 begin, i64 rows, const Array<double>* all) {
                const i64 at = begin * channels;
                Array<T> g(channels), b(channels);
                Array<double> own(2 * channels + 1);
                T* dy = shared_dr.data() + at;  // dresidual may be dy
                const BatchNormGradients<T> out{shared_dx.data() + at, residual ? dy : nullptr,
                                                g.data(), b.data()};
                const Rows<const T> x{p.x.data() + at, rows, channels};
                const T* own_y = y != nullptr ? y + at : nullptr;
                if (all != nullptr)
                  return batch_norm_backward_dx<T>(Cuda{}, out, all->data(), {dy, rows, channels},
                                                   x, own_y, p.parameters(), mask != 0);
                batch_norm_backward_sums<T>(Cuda{}, own.data(), out, {dy, rows, channels}, x, own_y,
                                            p.parameters(), mask != 0);
                add_to(sums, own);
                for (std::size_t i = 0; i < dgamma.size(); ++i) {
                  dgamma[i] += converted<double>(g[static_cast<i64>(i)]);
                  dbeta[i] += converted<double>(b[static_cast<i64>(i)]);
                }
              };
              for (const auto& [begin, rows] : shares_of(s.rows, first)) step(begin, rows, nullptr);
              EXPECT_EQ(sums.back(), static_cast<double>(s.rows));
              const Array<double> all = copy_of(sums);
              for (const auto& [begin, rows] : shares_of(s.rows, first)) step(begin, rows, &all);
              if (residual) expect_same_bytes(shared_dr, dr);
              if (first == s.rows) expect_same_bytes(shared_dx, dx);
              else expect_near(shared_dx, dx.numbers(), 10 * tolerance<T>());
              expect_near(dg, dgamma, 60 * tolerance<T>());
              expect_near(db, dbeta, 60 * tolerance<T>());
            });
          }
    }
  });
}

TEST(CudaBatchNorm, NoRows) {
  Numbers numbers;
  const Array<float> gamma(3, numbers);
  const Array<double> statistics(3, numbers);
  Array<float> dgamma(3), dbeta(3);
  const BatchNormParameters<float> parameters{gamma.data(), gamma.data(), statistics.data(),
                                              statistics.data()};
  batch_norm<float>(Cuda{}, {nullptr, 0, 3}, {nullptr, 0, 3}, nullptr, parameters, true);
  batch_norm_backward<float>(Cuda{}, {.dgamma = dgamma.data(), .dbeta = dbeta.data()},
                             {nullptr, 0, 3}, {nullptr, 0, 3}, nullptr, parameters, {.relu = true});
  for (i64 c = 0; c < 3; ++c) EXPECT_EQ(dgamma[c] + dbeta[c], 0.0f);
}

TEST(CudaBatchNorm, CommitUnlessSkipped) {
  for_types([]<class T>() {
    for (const i64 channels : {0, 1, 33, 300}) {
      Numbers numbers;
      const Array<T> before(channels, numbers);
      const Array<double> mean(channels, numbers), var(channels, numbers);
      auto mean64 = before.numbers(), var64 = before.numbers();
      const BatchMoments batch{mean.data(), var.data()};
      commit_running_stats<double>(Cpu{}, {mean64.data(), var64.data(), nullptr, channels}, batch,
                                   0.1, nullptr);
      in_every_order([&] {
        OnDevice<bool> no(false), yes(true);
        OnDevice<i64> batches(5);
        for (const bool* skip :
             {static_cast<const bool*>(nullptr), static_cast<const bool*>(no.data())}) {
          Array<T> m(before), v(before);
          commit_running_stats<T>(Cuda{}, {m.data(), v.data(), batches.data(), channels}, batch,
                                  0.1, skip);
          expect_near(m, mean64);
          expect_near(v, var64);
        }
        Array<T> m(before), v(before);
        commit_running_stats<T>(Cuda{}, {m.data(), v.data(), batches.data(), channels}, batch, 0.1,
                                yes.data());
        EXPECT_EQ(*batches, 7);
        expect_same_bytes(m, before);
        expect_same_bytes(v, before);
      });
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
