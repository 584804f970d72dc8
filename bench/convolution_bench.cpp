// SPDX-License-Identifier: Apache-2.0
// Compares weft's own convolutions with the library's direct ones, shape by shape:
// convolution_bench [ROUNDS] [BATCH]. The rules of kernels/library/conv2d_method.cpp come from it.
// In each round all run in turns, on one thread, whose processor time is measured: then other work
// on the machine hardly matters. A column has how many times as fast as the direct one it is: the
// median, and the range. The last table has shapes of which only the library computes most: its
// GFLOP/s and GB/s (x and y once each) show how far from the machine's limits it is. WEFT_SIMD and
// ONEDNN_MAX_CPU_ISA choose the instruction set (avx2, avx512; AVX2, AVX512_CORE).
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "weft/bench/arguments.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/library/conv2d_method.h"
#include "weft/kernels/library/narrow_groups.h"
#include "weft/kernels/library/winograd.h"

namespace {

using namespace weft;
using kernels::ConvolutionPass;

enum class Way { direct, winograd2, winograd4, narrow_groups };
int tile(Way way) { return way == Way::winograd2 ? 2 : 4; }

constexpr ConvolutionPass kPasses[] = {ConvolutionPass::forward, ConvolutionPass::input_gradient,
                                       ConvolutionPass::weight_gradient};
const char* name_of(ConvolutionPass pass) {
  static constexpr const char* kNames[] = {"forward", "input gradient", "weight gradient"};
  return kNames[static_cast<int>(pass)];
}

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
  void run(ConvolutionPass pass, Way way) {
    using namespace kernels;
    constexpr Activation none = Activation::none;
    switch (pass) {
      case ConvolutionPass::forward:
        if (way == Way::direct)
          return conv2d<float, float>(Cpu{}, y.data(), x.data(), w.data(), nullptr, none, s);
        if (way == Way::narrow_groups)
          return narrow_groups::conv2d(y.data(), x.data(), w.data(), nullptr, none, s);
        return winograd::conv2d(y.data(), x.data(), w.data(), nullptr, none, s, tile(way));
      case ConvolutionPass::input_gradient:
        if (way == Way::direct)
          return kernels::conv2d_input_gradient(Cpu{}, dx.data(), dy.data(), w.data(), s);
        if (way == Way::narrow_groups)
          return narrow_groups::conv2d_input_gradient(dx.data(), dy.data(), w.data(), s);
        return winograd::conv2d_input_gradient(dx.data(), dy.data(), w.data(), s, tile(way));
      case ConvolutionPass::weight_gradient:
        if (way == Way::direct)
          return kernels::conv2d_weight_gradient<float, float>(Cpu{}, dw.data(), nullptr, dy.data(),
                                                               x.data(), s);
        if (way == Way::narrow_groups)
          return narrow_groups::conv2d_weight_gradient(dw.data(), nullptr, dy.data(), x.data(), s);
        return winograd::conv2d_weight_gradient(dw.data(), nullptr, dy.data(), x.data(), s,
                                                tile(way));
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

double milliseconds(Problem& problem, ConvolutionPass pass, Way way, int calls) {
  const double begin = processor_ms();
  for (int i = 0; i < calls; ++i) problem.run(pass, way);
  return (processor_ms() - begin) / calls;
}

struct Spread {
  double low = 0, median = 0, high = 0;
};
Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

// Prints a row with the direct way and how many times as fast the others are.
void measure(const kernels::Conv2dShape& s, ConvolutionPass pass, const std::vector<Way>& others,
             int rounds) {
  constexpr double kRoundMilliseconds = 20;
  Problem problem(s);
  problem.run(pass, Way::direct);
  for (const Way way : others) problem.run(pass, way);
  const int calls = std::max(
      1, static_cast<int>(kRoundMilliseconds / milliseconds(problem, pass, Way::direct, 1)));
  std::vector<double> direct;
  std::vector<std::vector<double>> ratios(others.size());
  for (int round = 0; round < rounds; ++round) {
    direct.push_back(milliseconds(problem, pass, Way::direct, calls));
    for (std::size_t i = 0; i < others.size(); ++i)
      ratios[i].push_back(direct.back() / milliseconds(problem, pass, others[i], calls));
  }
  const i64 products = outputs(s) * s.kernel.h * s.kernel.w * (s.channels / s.groups);
  const double ms = spread(direct).median;
  fmt::print("| {} of {}×{}, {} to {}", s.batch, s.height, s.width, s.channels, s.out_channels);
  if (s.kernel.h != 3) fmt::print(", {0}×{0}", s.kernel.h);
  if (s.stride.h != 1) fmt::print(", stride {}", s.stride.h);
  if (s.groups != 1) fmt::print(", {} groups", s.groups);
  fmt::print(" | {} | {:.3g} | {:.0f} | {:.1f} |", name_of(pass), ms,
             2e-6 * static_cast<double>(products) / ms,
             4e-6 * static_cast<double>(inputs(s) + outputs(s)) / ms);
  for (const std::vector<double>& ratio : ratios) {
    const Spread times = spread(ratio);
    fmt::print(" {:.2f} ({:.2f}–{:.2f}) |", times.median, times.low, times.high);
  }
  fmt::print("\n");
  std::fflush(stdout);
}

struct Layer {
  i64 pixels, channels, out_channels;
  i64 kernel = 3, stride = 1, group = 0;  // channels of a group; 0: one group
};

void table(const std::vector<Layer>& layers, const std::vector<Way>& others, i64 batch,
           int rounds) {
  static constexpr const char* kNames[] = {"direct", "F(2×2)", "F(4×4)", "narrow groups"};
  fmt::print("\n| images, channels | pass | direct, ms | GFLOP/s | GB/s |");
  for (const Way way : others) fmt::print(" {} |", kNames[static_cast<int>(way)]);
  fmt::print("\n|---|---|---|---|---|");
  for (std::size_t i = 0; i < others.size(); ++i) fmt::print("---|");
  fmt::print("\n");
  for (const Layer& layer : layers) {
    const i64 padding = layer.kernel / 2;
    const i64 out = (layer.pixels + 2 * padding - layer.kernel) / layer.stride + 1;
    kernels::Conv2dShape s{batch, layer.pixels, layer.pixels,      layer.channels,
                           out,   out,          layer.out_channels};
    s.kernel = {layer.kernel, layer.kernel};
    s.stride = {layer.stride, layer.stride};
    s.padding = {padding, padding};
    if (layer.group > 0) s.groups = layer.channels / layer.group;
    for (const ConvolutionPass pass : kPasses) measure(s, pass, others, rounds);
  }
}

}  // namespace

int main(int count, char** arguments) try {
  WEFT_CHECK(count <= 3,
             "convolution_bench: {} arguments given; at most ROUNDS and BATCH are required",
             count - 1);
  const int rounds = count > 1 ? number_of(arguments[1], "ROUNDS") : 9;
  const i64 batch = count > 2 ? number_of(arguments[2], "BATCH") : 32;
  kernels::set_convolution_method(kernels::ConvolutionMethod::direct);
  set_threads(1);
  fmt::print("{}, {}\n", name_of(vector_set()), kernels::name_of(kernels::cpu_backend()));
  table({{32, 64, 64},
         {16, 128, 128},
         {8, 256, 256},
         {4, 512, 512},
         {32, 16, 16},
         {16, 32, 32},
         {8, 64, 64},
         {28, 16, 32},
         {14, 32, 64}},
        {Way::winograd2, Way::winograd4}, batch, rounds);
  table({{16, 128, 128, 3, 1, 2},
         {8, 64, 64, 3, 2, 2},
         {32, 64, 64, 3, 1, 4},
         {16, 128, 128, 3, 1, 4},
         {14, 256, 256, 3, 2, 4},
         {32, 32, 32, 3, 1, 1},
         {16, 128, 128, 3, 1, 1},
         {8, 256, 256, 3, 1, 1},
         {32, 32, 32, 3, 2, 1},
         {16, 128, 128, 3, 2, 1},
         {14, 384, 384, 3, 2, 1}},
        {Way::narrow_groups}, batch, rounds);
  table({{28, 1, 32},
         {32, 3, 16},
         {32, 3, 64},
         {64, 3, 64, 7, 2},
         {16, 128, 128, 3, 1, 8},
         {16, 128, 128, 3, 1, 16},
         {32, 64, 64, 1},
         {16, 128, 256, 1},
         {32, 64, 128, 1, 2},
         {16, 128, 256, 1, 2}},
        {}, batch, rounds);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
