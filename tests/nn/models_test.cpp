// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/models/models.h"

#include <algorithm>
#include <map>

#include "weft/tests/nn/nn_test_tools.h"

namespace weft::nn {
namespace {

using Strings = std::vector<std::string>;

Strings state_names(Module& model) {
  Strings names;
  for (const auto& [name, tensor] : state_of(model)) names.push_back(name);
  return names;
}

TEST(Models, TheMlpIsPyTorchsSequentialWithAndWithoutDropout) {
  for (const double dropout : {0.0, 0.5}) {
    AnyModule model = mlp({.hidden = {16, 8}, .dropout = dropout}).make(ModelInput{{4, 5, 3}, 10});
    EXPECT_EQ(names_of(*model),
              (Strings{"1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"}));
    EXPECT_EQ((*model)(numbers({2, 4, 5, 3})).shape(), (Shape{2, 10}));
  }
}

TEST(Models, MlpDropoutDropsInTrainingOnly) {
  AnyModule model = mlp({.hidden = {64}, .dropout = 0.5}).make(ModelInput{{8}, 4});
  const Tensor x = numbers({2, 8});
  const std::vector<double> a = doubles((*model)(x).value()), b = doubles((*model)(x).value());
  EXPECT_NE(a, b);
  model->eval();
  const std::vector<double> c = doubles((*model)(x).value()), d = doubles((*model)(x).value());
  EXPECT_EQ(c, d);
}

TEST(Models, TheCnnHasItsNamesAndLayouts) {
  AnyModule model = cnn({.channels = {4, 6}, .hidden = 7}).make(ModelInput{{12, 8, 3}, 10});
  EXPECT_EQ(names_of(*model), (Strings{"features.0.weight", "features.1.weight", "features.1.bias",
                                       "features.4.weight", "features.5.weight", "features.5.bias",
                                       "classifier.2.weight", "classifier.2.bias",
                                       "classifier.5.weight", "classifier.5.bias"}));
  EXPECT_EQ((*model)(numbers({2, 12, 8, 3})).shape(), (Shape{2, 10}));
  const TensorMap state = state_of(*model);  // a new model knows its file layouts
  EXPECT_EQ(state.at("features.4.weight").shape(), (Shape{6, 4, 3, 3}));
  EXPECT_EQ(state.at("classifier.2.weight").shape(), (Shape{7, 36}));
  EXPECT_TRUE(state.contains("features.5.num_batches_tracked"));

  AnyModule plain = cnn({.channels = {4, 6}, .batch_norm = false}).make(ModelInput{{12, 8, 3}, 10});
  const Strings names = names_of(*plain);
  EXPECT_EQ(names[1], "features.0.bias");
  EXPECT_EQ(names[2], "features.3.weight");
  EXPECT_EQ(plain->named_buffers().size(), 0u);
}

TEST(Models, TheSummaryOfTheCnn) {
  AnyModule model = cnn({.channels = {4}, .hidden = 7}).make(ModelInput{{12, 8, 3}, 10});
  EXPECT_EQ(model->summary({12, 8, 3}),
            "layer         type               output      parameters\n"
            "              cnn                (10)\n"
            "features      Sequential         (6, 4, 4)\n"
            "features.0    Conv2d(3, 4, 3×3)  (12, 8, 4)         108\n"
            "features.1    BatchNorm(4)       (12, 8, 4)           8\n"
            "features.2    ReLU               (12, 8, 4)\n"
            "features.3    MaxPool2d(2×2)     (6, 4, 4)\n"
            "classifier    Sequential         (10)\n"
            "classifier.0  Flatten            (96)\n"
            "classifier.1  Dropout(0)         (96)\n"
            "classifier.2  Linear(96, 7)      (7)                679\n"
            "classifier.3  ReLU               (7)\n"
            "classifier.4  Dropout(0)         (7)\n"
            "classifier.5  Linear(7, 10)      (10)                80\n"
            "875 parameters, 875 of them trained, 0.003338 MiB; input (12, 8, 3)\n");
}

TEST(Models, MakingOneTouchesNeitherStatisticsNorRandomOps) {
  set_random_step(1, 0);
  AnyModule model = cnn({.channels = {4}, .dropout = 0.5}).make(ModelInput{{4, 4, 1}, 2});
  EXPECT_EQ(next_random_op(Device{Cpu{}}).ordinal, 0);
  EXPECT_TRUE(model->training());
  const NamedBuffer batches = model->named_buffers().back();
  EXPECT_EQ(batches.name, "features.1.num_batches_tracked");
  EXPECT_EQ(batches.buffer->value.item<i64>(), 0);
}

TEST(Models, WrongSizesAreTheUsersMistake) {
  EXPECT_EQ(
      error_of([] {
        cnn({.channels = {4, 4, 4}}).make(ModelInput{{28, 7, 1}, 10});
      }),
      "cnn: a sample is (28, 7, 1) and there are 3 convolutions; each halves the image, so at least 8 × 8 is "
      "required");
  EXPECT_CONTAINS(error_of([] {
                    cnn().make(ModelInput{{784}, 10});
                  }),
                  "an image (height, width, channels)");
  EXPECT_CONTAINS(error_of([] {
                    resnet().make(ModelInput{{784}, 10});
                  }),
                  "an image (height, width, channels)");
  EXPECT_EQ(error_of([] {
              mlp().make(ModelInput{{8}, 10, true});
            }),
            "mlp: a sample is (8) tokens, which are no numbers to compute with; text_mlp, or "
            "`layers` that begin with an `embedding`, is required");
  EXPECT_CONTAINS(error_of([] { resnet({.depth = 50}); }), "18 or 34");
  EXPECT_CONTAINS(error_of([] { cnn({.channels = {}}); }), "channels");
}

TEST(Models, ResNet18IsTheOneOfCifar) {
  AnyModule model = resnet().make(ModelInput{{32, 32, 3}, 10});
  EXPECT_EQ(model->parameter_count(), 11'173'962);
  const Strings names = state_names(*model);
  EXPECT_EQ(names.size(), 122u);  // torchvision's resnet18 has as many
  for (const char* name :
       {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer1.1.bn2.bias",
        "layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_var",
        "layer4.1.bn2.num_batches_tracked", "fc.weight", "fc.bias"})
    EXPECT_TRUE(std::find(names.begin(), names.end(), name) != names.end()) << name;
  EXPECT_TRUE(std::find(names.begin(), names.end(), "layer1.0.downsample.0.weight") == names.end());
}

TEST(Models, ResNetShapesAndStems) {
  AnyModule small = resnet({.width = 4}).make(ModelInput{{8, 8, 3}, 5});
  EXPECT_EQ((*small)(numbers({2, 8, 8, 3})).shape(), (Shape{2, 5}));
  AnyModule large = resnet({.depth = 34, .stem = ResNetStem::imagenet, .width = 2})
                        .make(ModelInput{{64, 48, 3}, 5});
  EXPECT_CONTAINS(large->summary({64, 48, 3}), "layer1.2.bn2");
  EXPECT_CONTAINS(large->summary({64, 48, 3}), "layer4.2");
  const std::string summary = large->summary({64, 48, 3});
  EXPECT_CONTAINS(summary, "(16, 12, 2)");  // after the stem each side is a quarter
  EXPECT_CONTAINS(summary, "(2, 2, 16)");
}

// The network of the paper, written out with the parameters of the model by name.
struct WrittenOutResNet {
  explicit WrittenOutResNet(Module& model) {
    for (const NamedParameter& p : model.named_parameters()) parameters[p.name] = p.variable;
    for (const NamedBuffer& b : model.named_buffers()) buffers[b.name] = b.buffer->value;
  }
  static Tensor inverse_deviation(const Tensor& variance) {
    return div(Tensor::full({}, 1), sqrt(affine(variance, 1, 1e-5)));
  }
  Variable norm(const Variable& x, const std::string& name) {
    const Variable inv_std = inverse_deviation(buffers.at(name + ".running_var"));
    return (x - buffers.at(name + ".running_mean")) * inv_std * parameters.at(name + ".weight") +
           parameters.at(name + ".bias");
  }
  Variable conv(const Variable& x, const std::string& name, i64 stride, i64 padding) {
    return conv2d(x, parameters.at(name + ".weight"), {}, {.stride = stride, .padding = padding});
  }
  Variable block(const Variable& x, const std::string& name, i64 stride) {
    Variable y = relu(norm(conv(x, name + ".conv1", stride, 1), name + ".bn1"));
    y = norm(conv(y, name + ".conv2", 1, 1), name + ".bn2");
    if (!parameters.contains(name + ".downsample.0.weight")) return relu(y + x);
    return relu(y + norm(conv(x, name + ".downsample.0", stride, 0), name + ".downsample.1"));
  }
  Variable forward(const Variable& x) {
    Variable y = relu(norm(conv(x, "conv1", 1, 1), "bn1"));
    for (const std::string stage : {"1", "2", "3", "4"}) {
      y = block(y, "layer" + stage + ".0", stage == "1" ? 1 : 2);
      y = block(y, "layer" + stage + ".1", 1);
    }
    return linear(global_avg_pool(y), parameters.at("fc.weight"), parameters.at("fc.bias"));
  }
  std::map<std::string, Variable> parameters;
  std::map<std::string, Tensor> buffers;
};

TEST(Models, ResNetIsTheWrittenOutOne) {
  AnyModule model = resnet({.width = 4}).make(ModelInput{{9, 8, 3}, 5});
  for (int batch = 0; batch < 3; ++batch) (*model)(affine(numbers({4, 9, 8, 3}), 1.0 + batch, 0.3));
  model->eval();
  const Tensor x = numbers({2, 9, 8, 3});
  expect_near((*model)(x).value(), WrittenOutResNet(*model).forward(x).value(), 1e-5);
}

TEST(Models, ResNetGradientsReachEveryParameter) {
  AnyModule model = resnet({.width = 4}).make(ModelInput{{8, 8, 3}, 5});
  cross_entropy((*model)(numbers({4, 8, 8, 3})), Tensor::copy_of(std::vector<i64>{0, 1, 2, 3}, {4}))
      .backward();
  for (const NamedParameter& p : model->named_parameters()) {
    ASSERT_TRUE(p.variable.grad().defined()) << p.name;
    double largest = 0;
    for (const double g : doubles(p.variable.grad())) largest = std::max(largest, std::abs(g));
    EXPECT_GT(largest, 0) << p.name;
    EXPECT_LT(largest, 1e3) << p.name;
  }
}

// Checks the gradient of every parameter of a small CNN in f64 in training mode. It passes through
// batch norm, pooling, the fused activations and the flattening. GELU has no kink, which would
// spoil the difference quotient.
TEST(Models, GradientsOfTheCnn) {
  AnyModule model =
      cnn({.channels = {2, 3}, .hidden = 4, .activation = "gelu"}).make(ModelInput{{4, 6, 2}, 3});
  model->to(DType::f64);
  const Tensor labels = Tensor::copy_of(std::vector<i64>{0, 2, 1}, {3});
  const Variable x = Variable::leaf(numbers({3, 4, 6, 2}, DType::f64), "x");
  const auto loss = [&] { return cross_entropy((*model)(x), labels); };
  loss().backward();

  std::vector<Variable> leaves{x};
  for (const NamedParameter& p : model->named_parameters()) leaves.push_back(p.variable);
  const auto loss_value = [&] {
    const NoGrad no_grad;
    return loss().value().item<double>();
  };
  for (const Variable& leaf : leaves) {
    const auto values = leaf.value().values<double>(), gradient = leaf.grad().values<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double before = values[i], step = 1e-5;
      values[i] = before + step;
      const double up = loss_value();
      values[i] = before - step;
      const double down = loss_value();
      values[i] = before;
      ASSERT_NEAR(gradient[i], (up - down) / (2 * step), 1e-8)
          << leaf.leaf_state()->name << " " << i;
    }
  }
}

TEST(Models, SaveAndLoadGiveTheSameModel) {
  const TempFile file;
  const ModelInput input{{12, 8, 3}, 10};
  for (const Recipe<Model>& recipe : {cnn({.channels = {4, 6}}), resnet({.width = 4}), mlp()}) {
    AnyModule saved = recipe.make(input), loaded = recipe.make(input);
    const Tensor x = numbers({3, 12, 8, 3});
    (*saved)(x);  // updates the batch norm statistics
    saved->eval();
    loaded->eval();
    EXPECT_NE(doubles((*loaded)(x).value()), doubles((*saved)(x).value()));
    save(*saved, file.path());
    load(*loaded, file.path());
    EXPECT_EQ(doubles((*loaded)(x).value()), doubles((*saved)(x).value()));
  }
}

// Modules that are registered as models: by their options and their input, or by one of the two.
struct WideOptions {
  i64 width = 3;
};
void describe(Fields& f, WideOptions& o) { f("width", o.width, "hidden", at_least(1)); }
struct Wide : Module {
  Wide(const WideOptions& o, const ModelInput& in)
      : first{in.sample.elements(), o.width}, second{o.width, in.outputs} {}
  void parts(Parts& p) override { p("first", first)("second", second); }
  Variable forward(const Variable& x) override { return second(first(x)); }
  Linear first, second;
};
struct ByInput : Wide {
  explicit ByInput(const ModelInput& in) : Wide({.width = 5}, in) {}
};
struct OfFixedSize : Wide {
  explicit OfFixedSize(const WideOptions& o) : Wide(o, ModelInput{{4}, 2}) {}
};
const bool has_wide = add_model<Wide, WideOptions>("wide_for_test");
const bool has_by_input = add_model<ByInput>("by_input_for_test");
const bool has_fixed = add_model<OfFixedSize, WideOptions>("fixed_for_test");

TEST(Models, AddModelMakesAModuleForItsInput) {
  const ModelInput input{{4}, 2};
  const AnyModule wide = Recipe<Model>::of("wide_for_test", WideOptions{7}).make(input);
  EXPECT_EQ(wide->parameter_count(), 4 * 7 + 7 + 7 * 2 + 2);
  EXPECT_EQ(Recipe<Model>::of("by_input_for_test").make(input)->parameter_count(),
            4 * 5 + 5 + 5 * 2 + 2);
  EXPECT_EQ(names_of(*wide),
            (Strings{"first.weight", "first.bias", "second.weight", "second.bias"}));
  EXPECT_NO_THROW(Recipe<Model>::of("fixed_for_test").make(input));
  EXPECT_EQ(
      error_of([] {
        Recipe<Model>::of("fixed_for_test").make(ModelInput{{4}, 3});
      }),
      "model 'fixed_for_test' gives (1, 2) for a batch of one sample (4); (1, 3) is required, "
      "3 outputs per sample");
  EXPECT_CONTAINS(error_of([] {
                    checked(Linear{4, 2}, ModelInput{{4}, 3});
                  }),
                  "model Linear(4, 2) gives (1, 2)");
  EXPECT_THROW(Recipe<Model>::of("fixed_for_test").make(ModelInput{{5}, 2}), UserError);
}

}  // namespace
}  // namespace weft::nn
