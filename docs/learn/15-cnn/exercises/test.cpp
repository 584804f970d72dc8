// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include "block.h"
#include "exercise.h"
#include "layers.h"

int receptive_field(const std::vector<Layer>& layers);
void train_model(weft::nn::Module& model, const weft::data::Digits& digits, int epochs);

namespace {

void test_1() {
  learn::expect("receptive_field() of one 3 x 3", receptive_field({{3, 1}}), 3);
  learn::expect("receptive_field() of two 3 x 3", receptive_field({{3, 1}, {3, 1}}), 5);
  learn::expect("receptive_field() of the chapter's network: 3 x 3, pooling, 3 x 3, pooling",
                receptive_field({{3, 1}, {2, 2}, {3, 1}, {2, 2}}), 10);
}

void test_2() {
  using namespace weft;
  Block block(2);
  std::string names;
  for (const nn::NamedParameter& p : block.named_parameters()) names += p.name + " ";
  learn::expect(names == "conv1.weight conv1.bias conv2.weight conv2.bias ",
                "the parameters are " + names + "and those of conv1 and conv2 are required");
  Tensor x = Tensor::empty({1, 4, 4, 2});
  Generator(3).normal(x, 0, 1);
  const Variable wanted = Variable(x) + block.conv2(relu(block.conv1(x)));
  const std::vector<float> got = block(x).value().to_vector<float>(),
                           values = wanted.value().to_vector<float>();
  learn::expect("the output of the block", {got.begin(), got.end()},
                {values.begin(), values.end()});
}

void test_3() {
  using namespace weft;
  manual_seed(1);
  const data::Digits digits{{.size = 1000}}, test_digits{{.split = "test", .size = 500}};
  data::Loader test_loader{test_digits, {.batch_size = 250}};
  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 32}, nn::ReLU{}, nn::Linear{32, 10}};
  train_model(model, digits, 5);
  train::Evaluator evaluator{model, train::classification()};
  const double accuracy = evaluator.evaluate(test_loader).accuracy;
  learn::expect(accuracy > 0.6, "the accuracy after 5 epochs is " + std::to_string(accuracy) +
                                    "; above 0.6 is required");
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
