// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <cmath>

#include "exercise.h"

double expected_rms(int width, double deviation, int layers);
double uniform_bound(int fan_in);
void initialise(weft::nn::Module& network);

namespace {

void test_1() {
  learn::expect("expected_rms(512, 1.0 / 32, 1)", expected_rms(512, 1.0 / 32, 1), 0.5);
  learn::expect("expected_rms(512, 1.0 / 8, 10)", expected_rms(512, 1.0 / 8, 10), 1024);
  learn::expect("expected_rms(3, 1, 2)", expected_rms(3, 1, 2), 1.5);
}

void test_2() {
  learn::expect("uniform_bound(6)", uniform_bound(6), 1);
  learn::expect("uniform_bound(600)", uniform_bound(600), 0.1);
}

void test_3() {
  using namespace weft;
  manual_seed(1);
  nn::Sequential network{nn::Linear{200, 100}, nn::ReLU{}, nn::Linear{100, 400}};
  initialise(network);
  for (const nn::NamedParameter& parameter : network.named_parameters()) {
    const Tensor value = parameter.variable.value();
    const bool weight = parameter.name.ends_with("weight");
    double squares = 0;
    for (const float each : value.to_vector<float>()) squares += each * each;
    learn::expect("the root mean square of " + parameter.name,
                  std::sqrt(squares / static_cast<double>(value.elements())),
                  weight ? std::sqrt(2.0 / static_cast<double>(value.size(1))) : 0, 0.003);
  }
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
