// SPDX-License-Identifier: Apache-2.0
// From logits to probabilities, to a loss, and back to a gradient.
#include <weft/weft.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

using namespace weft;

using Row = std::array<double, 3>;

void print(const char* name, const Row& r) {
  std::printf("  %-13s %8.4f %8.4f %8.4f\n", name, r[0], r[1], r[2]);
}

Row softmax_of(const Row& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  Row p{};
  double sum = 0;
  for (int k = 0; k < 3; ++k) sum += p[k] = std::exp(logits[k] - largest);
  for (double& each : p) each /= sum;
  return p;
}

int main() {
  std::puts("by hand, the label is class 1");
  Row logits{2, 1, 0};
  const int label = 1;
  for (int step = 0; step < 3; ++step) {
    const Row p = softmax_of(logits);
    Row gradient = p;
    gradient[label] -= 1;
    print("logits", logits);
    print("probabilities", p);
    std::printf("  loss %.4f\n", -std::log(p[label]));
    print("gradient", gradient);
    for (int k = 0; k < 3; ++k) logits[k] -= gradient[k];  // a step with learning rate 1
  }

  std::puts("large logits");
  std::printf("  e^1002 is %g\n", std::exp(1002.0));
  print("probabilities", softmax_of({1002, 1001, 1000}));

  std::puts("with weft, two samples");
  const Variable batch =
      Variable::leaf(Tensor::copy_of(std::vector<float>{2, 1, 0, 1002, 1001, 1000}, {2, 3}));
  const Tensor labels = Tensor::copy_of(std::vector<i64>{1, 0}, {2});
  const Variable loss = cross_entropy(batch, labels);
  loss.backward();
  std::printf("  mean loss %.4f\n", loss.value().item<double>());
  const std::vector<float> g = batch.grad().to_vector<float>();
  print("gradient", {g[0], g[1], g[2]});
  print("", {g[3], g[4], g[5]});
}
