// SPDX-License-Identifier: Apache-2.0
// Batch norm: four values by hand, then a deep network with it and without it.
#include <weft/device/parallel.h>
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

namespace {

void print(const char* name, const Tensor& values) {
  std::printf("%-14s", name);
  for (const double v : values.to(DType::f64).to_vector<double>()) std::printf(" %8.4f", v);
  std::printf("\n");
}

// Twelve layers of 32 neurons each. The loss after 100 steps.
double loss_after(bool normalise, double lr) {
  manual_seed(1);
  data::Digits digits{{.size = 500}};
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1, .workers = 0}};
  nn::Sequential model{nn::Flatten{}};
  for (int layer = 0; layer < 12; ++layer) {
    model.push(nn::Linear{layer == 0 ? 784 : 32, 32});
    if (normalise) model.push(nn::BatchNorm{32});
    model.push(nn::Tanh{});
  }
  model.push(nn::Linear{32, 10});
  model.to(DType::f64);
  train::Trainer trainer{model, train::classification(), {.optimizer = optim::sgd({.lr = lr})}};
  double loss = 0;
  for (int epoch = 0; epoch < 10; ++epoch) loss = trainer.train_one_epoch(loader).loss;
  return loss;
}

}  // namespace

int main() {
  nn::BatchNorm norm{1};
  norm.weight.value().fill(2);
  norm.bias.value().fill(1);
  const Variable x =
      Variable::leaf(Tensor::copy_of<float>(std::vector<float>{2, 4, 4, 10}, {4, 1}));
  const Variable y = norm(x);
  y.backward(Tensor::copy_of<float>(std::vector<float>{1, 0, 0, 0}, {4, 1}));  // the loss is y1
  print("y", y.value());
  print("dL/dx", x.grad());
  print("dL/dgamma", norm.weight.variable().grad());
  print("dL/dbeta", norm.bias.variable().grad());
  print("running mean", norm.running_mean.value);
  print("running var", norm.running_var.value);
  norm.eval();
  print("y, evaluation", norm(x).value());

  set_threads(1);  // the layers are small
  for (const double lr : {0.01, 0.03, 0.1})
    std::printf("learning rate %4.2f: loss %.2f without, %.2f with batch norm\n", lr,
                loss_after(false, lr), loss_after(true, lr));
}
