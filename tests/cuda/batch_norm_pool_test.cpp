// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/batch_norm_pool.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

const PooledImages kImages[] = {{1, 2, 2, 1}, {2, 5, 4, 3}, {2, 4, 7, 64},
                                {3, 7, 9, 5}, {0, 4, 4, 8}, {1, 6, 6, 33}};

template <class T>
struct Problem {
  explicit Problem(const PooledImages& s, i64 shift)
      : x(s.pixels() * s.channels, numbers, shift),
        dy(s.windows() * s.channels, numbers, shift),
        gamma(s.channels, numbers, -1.5, 1.5),
        beta(s.channels, numbers),
        mean(s.channels, numbers, -0.3, 0.3),
        inv_std(s.channels, numbers, 0.8, 1.2) {}
  Numbers numbers;
  Array<T> x, dy, gamma, beta;
  Array<double> mean, inv_std;

  BatchNormParameters<T> parameters(bool affine) const {
    return {affine ? gamma.data() : nullptr, affine ? beta.data() : nullptr, mean.data(),
            inv_std.data()};
  }
};

// What the CPU computes of the same values in double.
struct Wanted {
  template <class T>
  Wanted(const Problem<T>& p, const PooledImages& s, bool affine, bool relu)
      : x(p.x.numbers()),
        dy(p.dy.numbers()),
        gamma(p.gamma.numbers()),
        beta(p.beta.numbers()),
        y(dy.size()),
        best(dy.size()),
        dx(x.size()),
        sums(2 * gamma.size() + 1),
        index(dy.size()) {
    const BatchNormParameters<double> parameters{affine ? gamma.data() : nullptr,
                                                 affine ? beta.data() : nullptr, p.mean.data(),
                                                 p.inv_std.data()};
    batch_norm_pool<double>(Cpu{}, y.data(), best.data(), index.data(), x.data(), s, parameters,
                            relu);
    batch_norm_backward_sums<double>(Cpu{}, sums.data(), {}, view(dy, s.windows(), s.channels),
                                     view(best, s.windows(), s.channels), nullptr, parameters,
                                     relu);
    batch_norm_pool_dx<double>(Cpu{}, dx.data(), sums.data(),
                               {dy.data(), best.data(), index.data()}, x.data(), s, parameters,
                               relu);
  }
  std::vector<double> x, dy, gamma, beta, y, best, dx, sums;
  std::vector<u8> index;
};

TEST(CudaBatchNormPool, ForwardAndBackward) {
  for_types([]<class T>() {
    for (const PooledImages& s : kImages)
      for (const i64 shift : {0, 1})
        for (const bool affine : {false, true})
          for (const bool relu : {false, true}) {
            SCOPED_TRACE(::testing::Message()
                         << s.batch << " × " << s.height << " × " << s.width << " × " << s.channels
                         << (affine ? ", affine" : "") << (relu ? ", relu" : ""));
            const Problem<T> p(s, shift);
            const Wanted wanted(p, s, affine, relu);
            Array<double> sums(2 * s.channels + 1);
            for (i64 i = 0; i < sums.size(); ++i)
              sums[i] = wanted.sums[static_cast<std::size_t>(i)];
            in_every_order([&] {
              Array<T> y(p.dy.size(), shift), best(p.dy.size(), shift), alone(p.dy.size(), shift),
                  dx(p.x.size(), shift);
              Array<u8> index(p.dy.size(), shift);
              const auto parameters = p.parameters(affine);
              batch_norm_pool<T>(Cuda{}, y.data(), best.data(), index.data(), p.x.data(), s,
                                 parameters, relu);
              batch_norm_pool<T>(Cuda{}, alone.data(), nullptr, nullptr, p.x.data(), s, parameters,
                                 relu);
              batch_norm_pool_dx<T>(Cuda{}, dx.data(), sums.data(),
                                    {p.dy.data(), best.data(), index.data()}, p.x.data(), s,
                                    parameters, relu);
              expect_near(y, wanted.y, 4 * tolerance<T>());
              expect_same_bytes(alone, y);
              expect_near(best, wanted.best, 0);
              for (i64 i = 0; i < index.size(); ++i)
                ASSERT_EQ(index[i], wanted.index[static_cast<std::size_t>(i)]);
              expect_near(dx, wanted.dx, 10 * tolerance<T>());
            });
          }
  });
}

// The first of equal values, a NaN before all others, and the smallest x where gamma is negative.
TEST(CudaBatchNormPool, ChoosesAsPoolingDoes) {
  const double nan = std::nan("");
  const double images[][4] = {{1, 1, 1, 1}, {0, 3, 3, 2}, {5, nan, 9, nan}, {-1, -2, -3, -3}};
  const struct {
    double gamma;
    int index[4];
  } channels[] = {{2, {0, 1, 1, 0}}, {-2, {0, 0, 1, 2}}, {0, {0, 0, 1, 0}}};
  for (const auto& channel : channels)
    for (int i = 0; i < 4; ++i) {
      Array<float> x(4), y(1), best(1), gamma(1);
      Array<double> mean(1), inv_std(1);
      Array<u8> index(1);
      for (int k = 0; k < 4; ++k) x[k] = static_cast<float>(images[i][k]);
      gamma[0] = static_cast<float>(channel.gamma), mean[0] = 0.5, inv_std[0] = 1;
      const BatchNormParameters<float> parameters{gamma.data(), nullptr, mean.data(),
                                                  inv_std.data()};
      const auto check = [&](auto device) {
        batch_norm_pool<float>(device, y.data(), best.data(), index.data(), x.data(), {1, 2, 2, 1},
                               parameters, false);
        EXPECT_EQ(index[0], channel.index[i]) << "gamma " << channel.gamma << ", image " << i;
        const double expected = images[i][channel.index[i]];
        EXPECT_TRUE(best[0] == expected || (std::isnan(best[0]) && std::isnan(expected)));
        const double z = (expected - 0.5) * channel.gamma;
        EXPECT_TRUE(y[0] == z || (std::isnan(y[0]) && std::isnan(z)));
      };
      check(Cuda{});
      check(Cpu{});
    }
}

}  // namespace
}  // namespace weft::kernels::test
