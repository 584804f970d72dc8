// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/random.h"

#include "weft/kernels/common/philox.h"
#include "weft/kernels/random.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

RandomOp& random_ops() {
  thread_local RandomOp state{Tensor::zeros({3}, DType::int64), 0};
  return state;
}

}  // namespace

void Generator::uniform(const Tensor& y, double low, double high) {
  visit_compute("uniform", y.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::fill_uniform<T>(device, span<T>(y), low, high, {seed_, counter_});
        },
        y.device());
  });
  counter_ += static_cast<u64>((y.elements() + 3) / 4);
}

void Generator::normal(const Tensor& y, double mean, double std) {
  visit_compute("normal", y.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::fill_normal<T>(device, span<T>(y), mean, std, {seed_, counter_});
        },
        y.device());
  });
  counter_ += static_cast<u64>((y.elements() + 3) / 4);
}

u64 Generator::next() {
  const kernels::PhiloxWords words = kernels::philox(seed_, counter_++, 0);
  return u64{words.word[1]} << 32 | words.word[0];
}

Generator& default_generator() {
  thread_local Generator generator(0);
  return generator;
}

void manual_seed(u64 seed) {
  default_generator() = Generator(seed);
  set_random_step(seed, 0);
}

void set_random_step(u64 seed, i64 step, i64 first_sample) {
  RandomOp& state = random_ops();
  // A graph that has not been differentiated yet may hold these values, so they are not
  // overwritten.
  if (!state.numbers.storage_is_unique() || !is_cpu(state.numbers.device()))
    state.numbers = Tensor::empty({3}, DType::int64);
  const std::span<i64> numbers = state.numbers.values<i64>();
  numbers[0] = static_cast<i64>(seed);
  numbers[1] = step;
  numbers[2] = first_sample;
  state.ordinal = 0;
}

void set_random_numbers(const Tensor& numbers) {
  WEFT_CHECK(numbers.shape() == Shape{3} && numbers.dtype() == DType::int64,
             "set_random_numbers: {} {} given; int64 (3) is required", numbers.dtype(),
             numbers.shape());
  random_ops() = {numbers, 0};
}

RandomOp next_random_op(const Device& device) {
  RandomOp& state = random_ops();
  return {state.numbers.to(device), state.ordinal++};
}

// The numbers are shared, so set_random_step() takes a new tensor while this object lives.
KeptRandomState::KeptRandomState() : generator_(default_generator()), random_ops_(random_ops()) {}

KeptRandomState::~KeptRandomState() {
  default_generator() = generator_;
  random_ops() = random_ops_;
}

}  // namespace weft
