// SPDX-License-Identifier: Apache-2.0
// weft's side of parity_test.py and parity_ops_test.py.
//
//   parity_tool export MODEL WEIGHTS HEIGHT WIDTH CHANNELS   writes a model with random weights
//   parity_tool logits MODEL WEIGHTS IMAGES LOGITS           writes logits of images (n, h, w, c)
//   parity_tool ops CASES TENSORS RESULTS                    calls ops (parity_ops.h)
//
// WEIGHTS, IMAGES and LOGITS are safetensors files. The last two hold one tensor of their name.
#include <cstdio>
#include <string>
#include <vector>

#include "weft/nn/nn.h"
#include "weft/nn/serialize.h"
#include "weft/tests/parity/parity_ops.h"

namespace {
using namespace weft;

nn::AnyModule model_for(const std::string& name, const Shape& sample) {
  const auto recipe = name == "mlp" ? nn::mlp({.hidden = {512, 512}}) : Recipe<nn::Model>::of(name);
  return recipe.make(nn::ModelInput{sample, 10});
}

void export_model(const std::string& name, const std::string& weights, const Shape& sample) {
  manual_seed(5);
  nn::AnyModule model = model_for(name, sample);
  const NoGrad guard;
  // A few batches in training mode change the running statistics from those of a new model.
  for (int batch = 0; batch < 3; ++batch) {
    const Tensor images = Tensor::empty({16, sample[0], sample[1], sample[2]});
    default_generator().normal(images, 0.3, 1.5);
    (*model)(images);
  }
  save(*model, weights);
}

void write_logits(const std::string& name, const std::string& weights, const std::string& input,
                  const std::string& output) {
  const Tensor images = read_safetensors(input).at("images");
  nn::AnyModule model = model_for(name, images.shape().without(0));
  load(*model, weights);
  model->eval();
  const NoGrad guard;
  write_safetensors(output, {{"logits", (*model)(images).value()}});
}

}  // namespace

int main(int count, char** arguments) try {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() == 6 && words[0] == "export") {
    export_model(words[1], words[2],
                 Shape{std::stoll(words[3]), std::stoll(words[4]), std::stoll(words[5])});
  } else if (words.size() == 4 && words[0] == "ops") {
    run_ops(words[1], words[2], words[3]);
  } else {
    WEFT_CHECK(words.size() == 5 && words[0] == "logits",
               "parity_tool: {} arguments given; export, logits or ops with theirs is required",
               words.size());
    write_logits(words[1], words[2], words[3], words[4]);
  }
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
