// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <fmt/format.h>

#include "exercise.h"
#include "scaler.h"

double round_to_bits(double x, int bits);
void update(Scaler& scaler, bool overflow, int growth_interval);
double weight_after(double weight, double change, int steps);

namespace {

using namespace weft;

void test_1() {
  for (const double x : {0.1, 0.9999, 1.0 + 1.0 / 512, -1234.567, 4097.0, 1.0 + 1.0 / 2048})
    for (const auto& [dtype, bits] : {std::pair{DType::f16, 11}, {DType::bf16, 8}})
      learn::expect(fmt::format("round_to_bits({}, {})", x, bits), round_to_bits(x, bits),
                    Tensor::full({}, x, DType::f64).to(DType::f32).to(dtype).item<double>(), 0);
  learn::expect("round_to_bits(0, 8)", round_to_bits(0, 8), 0);
}

void test_2() {
  Scaler scaler;
  optim::LossScaler weft_scaler{{.init_scale = 65536, .growth_interval = 3}};
  int step = 0;
  for (const bool overflow :
       {false, true, false, false, true, false, false, false, false, false, false}) {
    update(scaler, overflow, 3);
    weft_scaler.update(overflow);
    learn::expect(fmt::format("the scale after step {}", ++step), scaler.scale,
                  weft_scaler.scale());
  }
}

void test_3() {
  learn::expect("weight_after(1, 0.0001, 1)", weight_after(1, 0.0001, 1), 1);
  learn::expect("weight_after(1, 0.0001, 1000)", weight_after(1, 0.0001, 1000), 0.9, 3e-4);
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
