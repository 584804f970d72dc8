// SPDX-License-Identifier: Apache-2.0
// Measures what a step costs besides its arithmetic: step_bench [ROUNDS].
//
// The first table is for ops on eight elements, in chains of a hundred: nanoseconds and calls of
// operator new for each op, without a tape, when it is recorded, and in the backward pass. It is
// processor time of the thread, so that other work on the machine hardly matters. The second table
// is for parallel loops whose body is empty, so that the time is that of starting and joining the
// threads. It is elapsed time, of which the lowest of all rounds is what an idle machine takes.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "weft/autograd/ops.h"
#include "weft/bench/arguments.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/library/matmul.h"
#include "weft/testing/heap_counter.h"

namespace {

using namespace weft;

constexpr int kChain = 100;

double processor_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

double elapsed_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::nano>(now).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct ChainedOp {
  const char* name;
  std::function<Variable(const Variable&)> apply;
};

// Measures one op in a chain, whose first input requires a gradient.
void measure(const ChainedOp& op, const Variable& start, int rounds) {
  std::vector<double> plain, recorded, backward;
  const auto chain = [&] {
    Variable x = op.apply(start);
    for (int i = 1; i < kChain; ++i) x = op.apply(x);
    return x;
  };
  const Tensor seed = Tensor::full(start.shape(), 1);
  i64 heap_calls = 0;
  for (int round = -1; round < rounds; ++round) {  // round -1 fills the caches
    if (round == 0) heap_calls = testing::heap_calls();
    const double begin = processor_ns();
    {
      const NoGrad no_grad;
      chain();
    }
    const double middle = processor_ns();
    const Variable end = chain();
    const double made = processor_ns();
    end.backward(seed);
    const double done = processor_ns();
    if (round < 0) {
      plain.reserve(static_cast<std::size_t>(rounds));
      recorded.reserve(static_cast<std::size_t>(rounds));
      backward.reserve(static_cast<std::size_t>(rounds));
      continue;
    }
    plain.push_back((middle - begin) / kChain);
    recorded.push_back((made - middle) / kChain);
    backward.push_back((done - made) / kChain);
  }
  const auto calls = static_cast<double>(testing::heap_calls() - heap_calls) / rounds / kChain;
  fmt::print("| {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.2f} |\n", op.name, median(plain),
             median(recorded), median(backward), median(recorded) + median(backward), calls);
}

void measure_ops(int rounds) {
  const Shape shape{2, 4};
  const Variable x = Variable::leaf(Tensor::full(shape, 0.5)),
                 w = Variable::leaf(Tensor::full({4, 4}, 0.25)),
                 b = Variable::leaf(Tensor::full({4}, 0.1)),
                 same = Variable::leaf(Tensor::full(shape, 0.5)),
                 constant(Tensor::full(shape, 0.5));
  fmt::print(
      "| op on 8 elements | no tape, ns | recorded, ns | backward, ns | recorded and backward, ns | "
      "heap calls |\n|---|---|---|---|---|---|\n");
  const ChainedOp ops[] = {
      {"relu", [](const Variable& v) { return relu(v); }},
      {"affine", [](const Variable& v) { return affine(v, 0.5, 0.5); }},
      {"add, to a constant", [&](const Variable& v) { return add(v, constant); }},
      {"add, to a leaf", [&](const Variable& v) { return add(v, same); }},
      {"mul, by a leaf", [&](const Variable& v) { return mul(v, same); }},
      {"softmax", [](const Variable& v) { return softmax(v); }},
      {"matmul, 2×4 by 4×4", [&](const Variable& v) { return matmul(v, w); }},
      {"linear and relu, 2×4 by 4×4",
       [&](const Variable& v) { return linear(v, w, b, kernels::Activation::relu); }},
  };
  for (const ChainedOp& op : ops) measure(op, x, rounds);
}

// Measures a loop on `count` threads that starts `pause_ns` after the one before.
void measure_region(int count, double pause_ns, int rounds) {
  set_threads(count);
  std::vector<double> times;
  for (int round = 0; round < 10 * rounds; ++round) {
    for (const double begin = elapsed_ns(); elapsed_ns() - begin < pause_ns;) {
    }
    const double begin = elapsed_ns();
    parallel_for(count, 1, [](i64, i64) {});
    times.push_back(elapsed_ns() - begin);
  }
  fmt::print("| {} | {:.0f} | {:.2f} | {:.2f} |\n", count, pause_ns / 1e3,
             *std::min_element(times.begin(), times.end()) / 1e3, median(times) / 1e3);
}

void measure_regions(int rounds) {
  fmt::print("\n| threads | after a pause of, µs | lowest, µs | median, µs |\n|---|---|---|---|\n");
  const int most = threads();
  for (int count = 1; count <= most; count *= 2)
    for (const double pause_us : {0., 10., 100., 1000.})
      measure_region(count, 1e3 * pause_us, rounds);
  set_threads(most);
}

}  // namespace

int main(int count, char** arguments) try {
  WEFT_CHECK(count <= 2, "step_bench: {} arguments given; at most ROUNDS is required", count - 1);
  const int rounds = count > 1 ? number_of(arguments[1], "ROUNDS") : 200;
  fmt::print("{}, {}\n\n", name_of(vector_set()), kernels::name_of(kernels::cpu_backend()));
  const int most = threads();
  set_threads(1);
  measure_ops(rounds);
  set_threads(most);
  measure_regions(rounds);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
