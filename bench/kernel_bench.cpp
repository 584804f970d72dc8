// SPDX-License-Identifier: Apache-2.0
// Compares kernels with the bandwidth of the memory, products with cuBLASLt's best algorithm, and
// convolutions with cuDNN's:
//
//   kernel_bench [--device cpu|cuda] [--elements N] [--rounds R]
//
// Each round times a copy of the same array and then each kernel. The ratio of a round is the
// kernel's bytes per second over the copy's. Each byte that must be read or written counts once.
// The output is one line of JSON per kernel with the median, the lowest and the highest ratio.
// Inputs are random. Arrays have 256 MB by default, which is larger than any cache.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "weft/bench/arguments.h"
#include "weft/bench/best_conv2d.h"
#include "weft/bench/best_matmul.h"
#include "weft/core/error.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/resident_gather.h"
#include "weft/data/tensor_dataset.h"
#include "weft/device/device.h"
#include "weft/kernels/library/matmul_plans.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/random.h"

namespace {
using namespace weft;

struct Settings {
  Device device = Cpu{};
  i64 elements = i64{1} << 26;
  int rounds = 7;
};

double seconds_of(const Device& device, int repeats, const std::function<void()>& body) {
  synchronize(device);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i) body();
  synchronize(device);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return seconds.count() / repeats;
}

// The number of repeats that take about a fifth of a second.
int repeats_for(const Device& device, const std::function<void()>& body) {
  body();
  const double once = seconds_of(device, 1, body);
  return static_cast<int>(std::clamp(0.2 / once, 1.0, 1000.0));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Tensor random(const Shape& shape, const Settings& settings, DType dtype = DType::f32) {
  const Tensor x = Tensor::empty(shape, DType::f32, settings.device);
  Generator(3).normal(x, 0, 1);
  return x.to(dtype);
}

// A call to time, and a reference of the same work.
struct Line {
  std::string name;
  double amount;  // bytes or operations
  const char* unit;
  std::function<void()> body;
  double yardstick_amount;
  std::function<void()> yardstick;
};

void report(const Line& line, const Settings& settings) {
  const int repeats = repeats_for(settings.device, line.body),
            yardstick_repeats = repeats_for(settings.device, line.yardstick);
  std::vector<double> rates, ratios;
  for (int round = 0; round < settings.rounds; ++round) {
    const double yardstick =
        line.yardstick_amount / seconds_of(settings.device, yardstick_repeats, line.yardstick);
    rates.push_back(line.amount / seconds_of(settings.device, repeats, line.body));
    ratios.push_back(rates.back() / yardstick);
  }
  std::printf(
      "{\"kernel\": \"%s\", \"%s\": %.1f, \"ratio\": %.3f, \"low\": %.3f, \"high\": %.3f}\n",
      line.name.c_str(), line.unit, median(rates) / 1e9, median(ratios),
      *std::min_element(ratios.begin(), ratios.end()),
      *std::max_element(ratios.begin(), ratios.end()));
  std::fflush(stdout);
}

void memory_bound(const Settings& settings) {
  constexpr i64 kCols = 1024;
  const i64 rows = std::max<i64>(1, settings.elements / kCols);
  const Tensor x = random({rows, kCols}, settings), other = random({rows, kCols}, settings);
  Tensor y = Tensor::empty_like(x);
  const auto bytes = static_cast<double>(x.elements()) * 4;
  const auto copy = [&] { y.copy_from(x); };
  const auto line = [&](const char* name, double arrays, const std::function<void()>& body) {
    report({name, arrays * bytes, "GB/s", body, 2 * bytes, copy}, settings);
  };
  line("copy", 2, copy);
  line("relu", 2, [&] { relu(y, x); });
  line("add", 3, [&] { add(y, x, other); });
  line("softmax", 2, [&] { softmax(y, x); });
  const Tensor weight = random({kCols}, settings), bias = random({kCols}, settings);
  line("layer_norm", 2, [&] { layer_norm(x, weight, bias, 1e-5); });

  // The step reads and writes weights and two moments, and reads gradients.
  nn::Linear layer{kCols, rows, {.bias = false}};
  layer.to(settings.device);
  optim::Adam adam(layer.named_parameters());
  adam.zero_grad();
  sum(layer(Variable(random({1, kCols}, settings)))).backward();
  line("adam", 7, [&] { adam.step(); });
}

// Gathers all pictures of a dataset on the device, in random order, as they are, augmented and
// mixed.
void batches(const Settings& settings) {
  const Shape picture{32, 32, 3};
  const i64 count = std::max<i64>(64, settings.elements / picture.elements());
  const Tensor values = Tensor::empty(picture.inserted(0, count));
  Generator(3).uniform(values, 0, 256);
  data::DatasetInfo info;
  info.name = "random";
  info.classes = 10;
  const data::TensorDataset pictures(info, values.to(DType::uint8),
                                     Tensor::zeros({count}, DType::int64));
  const data::ResidentDataset resident(pictures, settings.device);
  const Tensor copied = Tensor::empty_like(resident.samples());
  const auto bytes = static_cast<double>(copied.elements());
  const auto line = [&](const char* name, double arrays, data::LoaderOptions options) {
    options.batch_size = count;
    options.shuffle = true;
    data::Loader loader(resident, options);
    loader.start_epoch();
    const Tensor rows = loader.next()->x.to(settings.device);
    const data::ResidentGather gather(loader);
    report({name, arrays * bytes, "GB/s", [&] { gather(rows); }, 2 * bytes,
            [&] { copied.copy_from(resident.samples()); }},
           settings);
  };
  const std::vector<data::AugmentationRecipe> augment{data::crop({.padding = 4}), data::flip(),
                                                      data::cutout()};
  line("gather", 2, {});
  line("gather, crop, flip, cutout", 2, {.augment = augment});
  line("gather, crop, flip, cutout, mixup", 3, {.augment = augment, .mix = data::mixup()});
}

// Times products with the first algorithm of the library's heuristic, and on a GPU with the one
// that autotuning finds.
void products(const Settings& settings, bool autotune) {
  kernels::forget_matmul_plans();
  kernels::set_matmul_autotune(autotune);
  const i64 n = settings.elements >= (i64{1} << 24) ? 4096 : 64;
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    const Tensor a = random({n, n}, settings, dtype), b = random({n, n}, settings, dtype);
    const double operations = 2 * std::pow(static_cast<double>(n), 3);
    Tensor c = matmul(a, b);
    // Without another measurement, the reference is the product itself.
    std::function<void()> best = best_matmul(c, a, b);
    if (!best) best = [&] { matmul(c, a, b); };
    report({fmt::format("matmul {} {}{}", n, name_of(dtype), autotune ? " autotuned" : ""),
            operations, "GFLOP/s", [&] { matmul(c, a, b); }, operations, best},
           settings);
  }
}

// Times 3×3 convolutions of ResNet-18's first and third stage, as a run makes them. The results of
// half types are f32, which cuDNN's are not.
void convolutions(const Settings& settings) {
  const bool small = settings.elements < (i64{1} << 24);
  const i64 batch = small ? 2 : 128;
  for (const auto& [side, channels] : {std::pair<i64, i64>{32, 64}, {8, 256}}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Tensor x = random({batch, side, side, channels}, settings, dtype),
                   w = random({channels, 3, 3, channels}, settings, dtype);
      const double operations = 2.0 * 9 * static_cast<double>(x.elements() * channels);
      const auto body = [&] { conv2d(x, w, {}, {.padding = 1}); };
      std::function<void()> best = best_conv2d(x, w);
      if (!best) best = body;
      report({fmt::format("conv2d {}x{}x{} {}", side, side, channels, name_of(dtype)), operations,
              "GFLOP/s", body, operations, best},
             settings);
    }
  }
}

}  // namespace

int main(int count, char** arguments) try {
  Settings settings;
  for (int i = 1; i < count; i += 2) {
    const std::string option = arguments[i];
    WEFT_CHECK(i + 1 < count, "kernel_bench: {} has no value", option);
    const std::string value = arguments[i + 1];
    if (option == "--device") settings.device = device_named(value);
    else if (option == "--elements") settings.elements = number_of<i64>(value, option);
    else if (option == "--rounds") settings.rounds = number_of(value, option);
    else fail("kernel_bench: '{}' given; --device, --elements or --rounds is required", option);
  }
  // What a goal of gpu-check names comes first: its time may be short.
  memory_bound(settings);
  if (!is_cpu(settings.device)) products(settings, true);
  products(settings, false);
  batches(settings);
  convolutions(settings);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
