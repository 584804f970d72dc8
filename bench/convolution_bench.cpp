// SPDX-License-Identifier: Apache-2.0
// Compares Winograd's convolutions with direct ones, shape by shape: convolution_bench [ROUNDS]
// [BATCH]. The table of kernels/library/conv2d_method.cpp comes from it. In each round all three
// run in turns, on one thread, whose processor time is measured: then other work on the machine
// hardly matters. A column has how many times as fast as the direct one it is: the median, and the
// range. WEFT_SIMD and ONEDNN_MAX_CPU_ISA choose the instruction set (avx2, avx512; AVX2,
// AVX512_CORE).
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/library/conv2d_method.h"
#include "weft/kernels/library/winograd.h"

namespace {

using namespace weft;
using kernels::ConvolutionPass;

struct Problem {
  explicit Problem(const kernels::Conv2dShape& shape)
      : s(shape), x(drawn(inputs(s))), w(drawn(weights(s))), dy(drawn(outputs(s))) {
    y = dy;
    dx = x;
    dw = w;
  }
  static std::vector<float> drawn(i64 count) {
    static std::mt19937 engine;
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = normal(engine);
    return values;
  }
  // m: as in winograd.h; 0: direct.
  void run(ConvolutionPass pass, int m) {
    using namespace kernels;
    switch (pass) {
      case ConvolutionPass::forward:
        if (m == 0)
          return conv2d<float, float>(Cpu{}, y.data(), x.data(), w.data(), nullptr,
                                      Activation::none, s);
        return winograd::conv2d(y.data(), x.data(), w.data(), nullptr, Activation::none, s, m);
      case ConvolutionPass::input_gradient:
        if (m == 0) return kernels::conv2d_input_gradient(Cpu{}, dx.data(), dy.data(), w.data(), s);
        return winograd::conv2d_input_gradient(dx.data(), dy.data(), w.data(), s, m);
      case ConvolutionPass::weight_gradient:
        if (m == 0)
          return kernels::conv2d_weight_gradient<float, float>(Cpu{}, dw.data(), nullptr, dy.data(),
                                                               x.data(), s);
        return winograd::conv2d_weight_gradient(dw.data(), nullptr, dy.data(), x.data(), s, m);
    }
  }
  kernels::Conv2dShape s;
  std::vector<float> x, w, dy, y, dx, dw;
};

double processor_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

double milliseconds(Problem& problem, ConvolutionPass pass, int m, int calls) {
  const double begin = processor_ms();
  for (int i = 0; i < calls; ++i) problem.run(pass, m);
  return (processor_ms() - begin) / calls;
}

struct Spread {
  double low = 0, median = 0, high = 0;
};
Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

void measure(const kernels::Conv2dShape& s, ConvolutionPass pass, int rounds) {
  constexpr double kRoundMilliseconds = 20;
  Problem problem(s);
  for (const int m : {0, 2, 4}) problem.run(pass, m);
  const int calls =
      std::max(1, static_cast<int>(kRoundMilliseconds / milliseconds(problem, pass, 0, 1)));
  std::vector<double> direct, ratios[2];
  for (int round = 0; round < rounds; ++round) {
    direct.push_back(milliseconds(problem, pass, 0, calls));
    for (const int m : {2, 4})
      ratios[m / 4].push_back(direct.back() / milliseconds(problem, pass, m, calls));
  }
  const double billions = 2e-9 * 9 * static_cast<double>(outputs(s) * s.channels);
  const double ms = spread(direct).median;
  const Spread two = spread(ratios[0]), four = spread(ratios[1]);
  static constexpr const char* kPasses[] = {"forward", "input gradient", "weight gradient"};
  fmt::print(
      "| {} of {}×{}, {} to {} | {} | {:.3g} | {:.0f} | {:.2f} ({:.2f}–{:.2f}) | {:.2f} "
      "({:.2f}–{:.2f}) |\n",
      s.batch, s.height, s.width, s.channels, s.out_channels, kPasses[static_cast<int>(pass)], ms,
      billions / ms * 1e3, two.median, two.low, two.high, four.median, four.low, four.high);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::max(1, std::atoi(arguments[1])) : 9;
  const i64 batch = count > 2 ? std::max(1, std::atoi(arguments[2])) : 32;
  kernels::set_convolution_method(kernels::ConvolutionMethod::direct);
  set_threads(1);
  fmt::print("{}, {}\n\n", name_of(vector_set()), kernels::name_of(kernels::cpu_backend()));
  fmt::print(
      "| images, channels | pass | direct, ms | GFLOP/s | F(2×2) | F(4×4) |\n|---|---|---|---|---|"
      "---|\n");
  struct Layer {
    i64 pixels, channels, out_channels;
  };
  for (const Layer& layer : {Layer{32, 64, 64}, Layer{16, 128, 128}, Layer{8, 256, 256},
                             Layer{4, 512, 512}, Layer{32, 16, 16}, Layer{16, 32, 32},
                             Layer{8, 64, 64}, Layer{28, 16, 32}, Layer{14, 32, 64}}) {
    kernels::Conv2dShape s{batch,        layer.pixels, layer.pixels,      layer.channels,
                           layer.pixels, layer.pixels, layer.out_channels};
    s.kernel = {3, 3};
    s.padding = {1, 1};
    for (const ConvolutionPass pass : {ConvolutionPass::forward, ConvolutionPass::input_gradient,
                                       ConvolutionPass::weight_gradient})
      measure(s, pass, rounds);
  }
}
