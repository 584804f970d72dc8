// SPDX-License-Identifier: Apache-2.0
// A small convolutional network like LeNet-5 (LeCun et al. 1998):
//   features     for each entry of channels: Conv2d 3×3, BatchNorm, activation, MaxPool2d 2
//   classifier   Flatten, Dropout, Linear, activation, Dropout, Linear
// A convolution before a batch norm has no bias, because the batch norm subtracts it. The dropout
// modules are present for dropout 0 too, so that names do not depend on it: "classifier.2.weight",
// "classifier.5.weight". With batch norm the convolutions are features.0, .4, .8, …; without,
// features.0, .3, .6, ….
#include "weft/nn/activations.h"
#include "weft/nn/batch_norm.h"
#include "weft/nn/conv2d.h"
#include "weft/nn/dropout.h"
#include "weft/nn/linear.h"
#include "weft/nn/models/models.h"
#include "weft/nn/pool.h"
#include "weft/nn/sequential.h"

namespace weft::nn {
namespace {

struct Cnn : Module {
  Cnn(const CnnOptions& o, const ModelInput& input) {
    i64 height = input.sample[0], width = input.sample[1], channels = input.sample[2];
    for (const i64 out : o.channels) {
      features.push(Conv2d{channels, out, 3, {.padding = 1, .bias = !o.batch_norm}});
      if (o.batch_norm) features.push(BatchNorm{out});
      features.push(activation_named(o.activation)).push(MaxPool2d{2});
      channels = out;
      height /= 2;
      width /= 2;
    }
    WEFT_CHECK(
        height >= 1 && width >= 1,
        "cnn: a sample is {} and there are {} convolutions; each halves the image, so at least {} × {} is "
        "required",
        input.sample, o.channels.size(), i64{1} << o.channels.size(), i64{1} << o.channels.size());
    classifier.push(Flatten{}).push(Dropout{o.dropout});
    classifier.push(Linear{height * width * channels, o.hidden})
        .push(activation_named(o.activation));
    classifier.push(Dropout{o.dropout}).push(Linear{o.hidden, input.outputs});
  }

  void parts(Parts& p) override { p("features", features)("classifier", classifier); }
  Variable forward(const Variable& x) override { return classifier(features(x)); }
  std::string label() const override { return "cnn"; }

  Sequential features, classifier;
};

AnyModule make_cnn(const CnnOptions& options, const ModelInput& input) {
  require_image("cnn", input);
  return checked(Cnn{options, input}, input);
}

const bool registered = Registry<Model>::add<CnnOptions>("cnn", make_cnn);

}  // namespace

void describe(Fields& f, CnnOptions& o) {
  f("channels", o.channels, "output channels of each convolution", at_least(1));
  f("hidden", o.hidden, "width of the hidden linear layer", at_least(1));
  f("dropout", o.dropout, "fraction of elements set to zero before each linear layer in training",
    from_to_below(0, 1));
  f("batch_norm", o.batch_norm, "batch norm after each convolution");
  f("activation", o.activation, "activation after each layer but the last", activation_names());
  f.rule(!o.channels.empty() && o.channels.size() <= 16, "channels", "1 to 16 values");
}

Recipe<Model> cnn(const CnnOptions& options) { return Recipe<Model>::of("cnn", options); }

}  // namespace weft::nn
