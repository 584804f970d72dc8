// SPDX-License-Identifier: Apache-2.0
// Tests of dropout and of filling with random values.
#include "weft/kernels/random.h"

#include "weft/kernels/dropout.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 samples, elements;
};
const Size kSamples[] = {{0, 4}, {4, 0}, {1, 1}, {3, 31}, {2, 33}, {3, 64}, {2, 1025}};

// The masks equal the CPU's bit for bit. Floats are scaled in the same way on both devices.
TEST(CudaDropout, MasksAreTheCpus) {
  for_types([]<class T>() {
    for (const Size s : kSamples) {
      for (const double p : {0.0, 0.3, 1.0}) {
        for (const i64 shift : {0, 1}) {
          Numbers numbers;
          const Array<T> x(s.samples * s.elements, numbers, 0.5, 1.5, shift);
          Array<i64> counters(3);
          counters[0] = 0x1234567890abcdef;  // seed
          counters[1] = 5;                   // step
          counters[2] = (i64{1} << 32) - 2;  // first sample; the counter word wraps around
          std::vector<double> wanted(static_cast<std::size_t>(x.size()));
          const auto x64 = x.numbers();
          dropout<double>(Cpu{}, view(wanted, s.samples, s.elements),
                          view(x64, s.samples, s.elements), counters.data(), 9, p);
          in_every_order([&] {
            Array<T> y(x);  // y may alias x
            const Rows<T> both = view(y, s.samples, s.elements);
            dropout<T>(Cuda{}, both, both, counters.data(), 9, p);
            for (i64 i = 0; i < y.size(); ++i)
              ASSERT_EQ(converted<double>(y[i]) == 0.0, wanted[static_cast<std::size_t>(i)] == 0.0);
            expect_near(y, wanted);
          });
        }
      }
    }
  });
}

TEST(CudaDropout, FloatsAreTheCpusToTheBit) {
  Numbers numbers;
  const Array<float> x(3 * 1025, numbers);
  Array<i64> counters(3);
  for (i64 i = 0; i < 3; ++i) counters[i] = 7 + i;
  Array<float> wanted(x.size()), y(x.size());
  dropout<float>(Cpu{}, view(wanted, 3, 1025), view(x, 3, 1025), counters.data(), 1, 0.5);
  dropout<float>(Cuda{}, view(y, 3, 1025), view(x, 3, 1025), counters.data(), 1, 0.5);
  expect_same_bytes(y, wanted);
}

TEST(CudaRandom, FillsAreTheCpus) {
  const auto test = [&]<class T>() {
    for (const i64 n : kSizes) {
      const RandomRange range{0xfeedface12345678u, 77};
      Array<T> uniform(n), normal(n);
      fill_uniform<T>(Cpu{}, view(uniform), -1.0, 3.0, range);  // exact with and without FMA
      fill_normal<T>(Cpu{}, view(normal), 0.5, 2.0, range);
      in_every_order([&] {
        Array<T> y(n, 1), z(n, 1);
        fill_uniform<T>(Cuda{}, view(y), -1.0, 3.0, range);
        expect_same_bytes(y, uniform);
        fill_normal<T>(Cuda{}, view(z), 0.5, 2.0, range);
        expect_near(z, normal.numbers(), 1e-7);
      });
    }
  };
  test.operator()<float>();
  test.operator()<double>();
}

}  // namespace
}  // namespace weft::kernels::test
