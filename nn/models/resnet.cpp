// SPDX-License-Identifier: Apache-2.0
// ResNet-18 and ResNet-34 (He et al. 2016, arXiv:1512.03385), with torchvision's names:
//   conv1, bn1                 3×3 (cifar), or 7×7 with stride 2 and then 3×3 max-pooling with
//                              stride 2 (imagenet)
//   layer1 … layer4            basic blocks; layer2 to layer4 begin by halving the image
//   fc                         a Linear on the mean of each channel
// Convolution weights are drawn from Kaiming's normal distribution with fan_out. Batch norm starts
// with weight 1 and bias 0.
#include <array>
#include <optional>

#include "weft/autograd/ops.h"
#include "weft/nn/batch_norm.h"
#include "weft/nn/conv2d.h"
#include "weft/nn/init.h"
#include "weft/nn/linear.h"
#include "weft/nn/models/models.h"
#include "weft/nn/pool.h"
#include "weft/nn/sequential.h"

namespace weft::nn {
namespace {

using kernels::Activation;

Conv2d convolution(i64 in, i64 out, i64 kernel, i64 stride) {
  Conv2d conv{in, out, kernel, {.stride = stride, .padding = kernel / 2, .bias = false}};
  init::kaiming_normal(conv.weight.value(), std::sqrt(2.0), init::Fan::out);
  return conv;
}

// Computes relu(bn2(conv2(relu(bn1(conv1(x))))) + x). If the shapes differ, x goes through a 1×1
// convolution and a batch norm.
struct BasicBlock : Module {
  BasicBlock(i64 in, i64 out, i64 stride)
      : conv1(convolution(in, out, 3, stride)),
        bn1(out),
        conv2(convolution(out, out, 3, 1)),
        bn2(out) {
    if (stride != 1 || in != out)
      downsample.emplace(convolution(in, out, 1, stride), BatchNorm{out});
  }

  void parts(Parts& p) override {
    p("conv1", conv1)("bn1", bn1)("conv2", conv2)("bn2", bn2);
    if (downsample) p("downsample", *downsample);
  }
  Variable forward(const Variable& x) override {
    const Variable residual = downsample ? (*downsample)(x) : x;
    return bn2.with_residual(conv2(bn1.fused(conv1(x), Activation::relu)), residual);
  }
  std::string label() const override { return "BasicBlock"; }

  Conv2d conv1;
  BatchNorm bn1;
  Conv2d conv2;
  BatchNorm bn2;
  std::optional<Sequential> downsample;
};

struct ResNet : Module {
  ResNet(const ResNetOptions& o, const ModelInput& input)
      : conv1(o.stem == ResNetStem::cifar ? convolution(input.sample[2], o.width, 3, 1)
                                          : convolution(input.sample[2], o.width, 7, 2)),
        bn1(o.width),
        fc(8 * o.width, input.outputs),
        has_max_pool(o.stem == ResNetStem::imagenet) {
    const std::array<i64, 4> blocks =
        o.depth == 18 ? std::array<i64, 4>{2, 2, 2, 2} : std::array<i64, 4>{3, 4, 6, 3};
    i64 in = o.width;
    for (std::size_t stage = 0; stage < layers.size(); ++stage) {
      const i64 out = o.width << stage;
      for (i64 block = 0; block < blocks[stage]; ++block) {
        layers[stage].push(BasicBlock{in, out, block == 0 && stage > 0 ? 2 : 1});
        in = out;
      }
    }
  }

  void parts(Parts& p) override {
    p("conv1", conv1)("bn1", bn1);
    p("layer1", layers[0])("layer2", layers[1])("layer3", layers[2])("layer4", layers[3]);
    p("fc", fc);
  }
  Variable forward(const Variable& x) override {
    Variable y = bn1.fused(conv1(x), Activation::relu);
    if (has_max_pool) y = max_pool2d(y, {.kernel = 3, .stride = 2, .padding = 1});
    for (Sequential& layer : layers) y = layer(y);
    return fc(global_avg_pool(y));
  }
  std::string label() const override { return "resnet"; }

  Conv2d conv1;
  BatchNorm bn1;
  std::array<Sequential, 4> layers;
  Linear fc;
  bool has_max_pool;
};

AnyModule make_resnet(const ResNetOptions& options, const ModelInput& input) {
  require_image("resnet", input);
  return checked(ResNet{options, input}, input);
}

const bool registered = Registry<Model>::add<ResNetOptions>("resnet", make_resnet);

}  // namespace

void describe(Fields& f, ResNetOptions& o) {
  f("depth", o.depth, "layers with weights: 18 or 34");
  f("stem", o.stem, "first layers for small images (cifar) or large ones (imagenet)");
  f("width", o.width, "channels of the first stage", at_least(1));
  f.rule(o.depth == 18 || o.depth == 34, "depth", "18 or 34");
}

Recipe<Model> resnet(const ResNetOptions& options) { return Recipe<Model>::of("resnet", options); }

}  // namespace weft::nn
