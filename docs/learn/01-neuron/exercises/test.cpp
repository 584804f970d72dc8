// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "exercise.h"

double neuron(const std::vector<double>& w, const std::vector<double>& x, double b);
std::vector<double> gradient(const std::vector<double>& w, const std::vector<double>& x, double b,
                             double target);
std::vector<double> and_neuron();

namespace {

void test_1() {
  learn::expect("neuron({0.5, -0.25, 0.1}, {1, 2, 3}, 0.2)",
                neuron({0.5, -0.25, 0.1}, {1, 2, 3}, 0.2), 0.5);
  learn::expect("neuron({2}, {-3}, 1)", neuron({2}, {-3}, 1), -5);
  learn::expect("neuron({}, {}, 4)", neuron({}, {}, 4), 4);
}

void test_2() {
  const double y = std::tanh(0.5), dz = 2 * (y - 1) * (1 - y * y);
  learn::expect("gradient({0.5, -0.25, 0.1}, {1, 2, 3}, 0.2, 1)",
                gradient({0.5, -0.25, 0.1}, {1, 2, 3}, 0.2, 1), {dz, 2 * dz, 3 * dz});
  learn::expect("gradient({0}, {7}, 0, 0.5)", gradient({0}, {7}, 0, 0.5), {-7});
}

void test_3() {
  const std::vector<double> p = and_neuron();
  learn::expect(p.size() == 3, "and_neuron() must return three numbers: w0, w1 and b");
  for (const int a : {0, 1}) {
    for (const int b : {0, 1}) {
      const double y = 1 / (1 + std::exp(-(p[0] * a + p[1] * b + p[2])));
      const bool both = a == 1 && b == 1;
      learn::expect(both ? y > 0.9 : y < 0.1,
                    fmt::format("the output for ({}, {}) is {:.4f}; {} is required", a, b, y,
                                both ? "above 0.9" : "below 0.1"));
    }
  }
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
