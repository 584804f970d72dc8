// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/serialize.h"

#include <fstream>

#include "weft/tests/nn/nn_test_tools.h"
#include "weft/nn/dry_run.h"

namespace weft::nn {
namespace {

using Strings = std::vector<std::string>;

// A model with everything that a file can hold: a convolution weight, a Linear after an image, a
// buffer and an integer. The image has height 2, width 3 and 5 channels.
struct Net : Module {
  Parameter kernel{Tensor::empty({4, 1, 3, 5}), {.kind = FileLayout::Kind::convolution}};
  Sequential head{Flatten{}, Linear{30, 7}, ReLU{}, Linear{7, 2}};
  Buffer mean{numbers({5})}, steps{Tensor::full({}, 3, DType::int64)};
  explicit Net(double factor = 1) {
    dry_run(head, {2, 3, 5});
    double offset = 0;
    for (const NamedParameter& p : named_parameters()) {
      const Tensor& value = p.variable.value();
      value.copy_from(affine(numbers(value.shape()), factor, offset += 0.1));
    }
  }
  void parts(Parts& p) override { p("kernel", kernel)("head", head)("mean", mean)("steps", steps); }
  Variable forward(const Variable& x) override { return head(x); }
};

void expect_equal(Net& a, Net& b) {
  const TensorMap x = state_of(a), y = state_of(b);
  ASSERT_EQ(x.size(), y.size());
  for (const auto& [name, tensor] : x) expect_same(tensor, y.at(name));
}

TEST(Serialize, ALoadedModelIsTheSavedOneBitwise) {
  const TempFile file;
  Net saved, loaded{0.5};
  fill_with_zeros(loaded.mean.value);
  fill_with_zeros(loaded.steps.value);
  save(saved, file.path(), {{"model", "net"}});
  const LoadReport report = load(loaded, file.path());
  EXPECT_EQ(report.loaded, (Strings{"kernel", "head.1.weight", "head.1.bias", "head.3.weight",
                                    "head.3.bias", "mean", "steps"}));
  EXPECT_TRUE(report.missing.empty() && report.mismatched.empty() && report.unexpected.empty());
  expect_equal(saved, loaded);
  expect_same(saved.head(numbers({2, 2, 3, 5})).value(),
              loaded.head(numbers({2, 2, 3, 5})).value());
  EXPECT_EQ(loaded.steps.value.item<i64>(), 3);
  EXPECT_EQ(read_safetensors_metadata(file.path()).at("model"), "net");
}

TEST(Serialize, FilesHaveTheAxesOfPyTorch) {
  Net net;
  const TensorMap state = state_of(net);
  const Tensor kernel = state.at("kernel");
  ASSERT_EQ(kernel.shape(), (Shape{4, 5, 1, 3}));  // (out, in, h, w)
  const auto in_file = kernel.values<float>(), in_memory = net.kernel.value().values<float>();
  for (std::size_t o = 0; o < 4; ++o)
    for (std::size_t c = 0; c < 5; ++c)
      for (std::size_t w = 0; w < 3; ++w)
        EXPECT_EQ(in_file[(o * 5 + c) * 3 + w], in_memory[(o * 3 + w) * 5 + c]);

  const auto first = state.at("head.1.weight").values<float>();
  const auto memory = static_cast<Linear&>(net.head[1]).weight.value().values<float>();
  for (std::size_t o = 0; o < 7; ++o)
    for (std::size_t c = 0; c < 5; ++c)
      for (std::size_t h = 0; h < 2; ++h)
        for (std::size_t w = 0; w < 3; ++w)
          EXPECT_EQ(first[o * 30 + (c * 2 + h) * 3 + w], memory[o * 30 + (h * 3 + w) * 5 + c]);
}

TEST(Serialize, AModelThatHasSeenNoImageIsRefused) {
  Sequential model{Flatten{}, Linear{30, 2}};
  EXPECT_CONTAINS(error_of([&] { state_of(model); }), "1.weight: file layout: ");
  TensorMap state{{"1.weight", numbers({2, 30})}, {"1.bias", numbers({2})}};
  EXPECT_CONTAINS(error_of([&] { load_state(model, state, "a file"); }), "1.weight: file layout: ");
  dry_run(model, {30});  // plain features keep their order
  expect_same(state_of(model).at("1.weight"), static_cast<Linear&>(model[1]).weight.value());
}

TEST(Serialize, TheErrorOfAModelThatHasSeenNoImageNamesTheCallThatHelps) {
  Sequential model{Flatten{}, Linear{30, 2}};
  const std::string error = error_of([&] { state_of(model); });
  EXPECT_CONTAINS(error, "nn::dry_run(model, {height, width, channels})");
  dry_run(model, {2, 3, 5});
  state_of(model);
}

Sequential flattening() { return Sequential{Flatten{}, Linear{30, 4}, ReLU{}, Linear{4, 2}}; }
// Loads a trained model, of images or of plain features, into a model that has seen no sample.
void expect_loads_at_once(const Shape& sample) {
  const TempFile file;
  Sequential trained = flattening(), loaded = flattening();
  dry_run(trained, sample);
  save(trained, file.path(), {{"model", "mine"}});
  load(loaded, file.path());
  const Tensor x = numbers(sample.inserted(0, 2));
  expect_same(loaded(x).value(), trained(x).value());
  const TensorMap a = state_of(trained), b = state_of(loaded);
  expect_same(a.at("1.weight"), b.at("1.weight"));
  EXPECT_EQ(read_safetensors_metadata(file.path()).at("model"), "mine");
}
TEST(Serialize, AFileOfSaveIsLoadedBeforeTheFirstSample) {
  expect_loads_at_once({2, 3, 5});
  expect_loads_at_once({6, 5, 1});
  expect_loads_at_once({30});
}

TEST(Serialize, AFileOfAnotherProgramIsNotLoadedBeforeTheFirstSample) {
  const TempFile file;
  Sequential trained = flattening(), loaded = flattening();
  dry_run(trained, {2, 3, 5});
  write_safetensors(file.path(), state_of(trained));
  EXPECT_CONTAINS(error_of([&] { load(loaded, file.path()); }), "nn::dry_run(model, ");
  write_safetensors(file.path(), state_of(trained), {{"flattened_images", "1.weight=9x9x9"}});
  EXPECT_CONTAINS(error_of([&] { load(loaded, file.path()); }),
                  "the metadata gives 1.weight a flattened image of 9 × 9 × 9; one of 30 elements");
  dry_run(loaded, {2, 3, 5});
  load(loaded, file.path());
}

TEST(Serialize, WeightsThatWereNotLoadedStillWaitForTheFirstSample) {
  const TempFile file;
  Sequential backbone{Identity{}, Linear{3, 3}};
  save(backbone, file.path());
  Sequential whole = flattening();
  load(whole, file.path(), {.strict = false, .exclude = {"1.*"}});
  EXPECT_CONTAINS(error_of([&] { state_of(whole); }), "nn::dry_run(model, ");
  dry_run(whole, {2, 3, 5});
}

TEST(Serialize, AConvolutionBeforeFlattenShowsTheOrder) {
  const auto model = [] {
    return Sequential{Conv2d{1, 5, 1}, BatchNorm{5}, ReLU{},
                      MaxPool2d{2},    Flatten{},    Linear{30, 2}};
  };
  Sequential fresh = model(), run = model();
  load_state(run, state_of(fresh), "fresh");
  dry_run(run, {4, 6, 1});
  expect_same(state_of(fresh).at("5.weight"), state_of(run).at("5.weight"));
  expect_same(static_cast<Linear&>(run[5]).weight.value(),
              static_cast<Linear&>(fresh[5]).weight.value());
  const auto file = state_of(fresh).at("5.weight").values<float>();
  const auto memory = static_cast<Linear&>(fresh[5]).weight.value().values<float>();
  EXPECT_EQ(file[6 * 4 + 1], memory[1 * 5 + 4]);  // channel 4 of pixel 1
  EXPECT_CONTAINS(error_of([&] {
                    state_of(*std::make_unique<Sequential>(
                        Sequential{Conv2d{1, 5, 1}, GlobalAvgPool{}, Flatten{}, Linear{5, 2}}));
                  }),
                  "nn::dry_run(model, ");
}

// A network that calls flatten(), with another op between it and the Linear.
struct FlattensItself : Module {
  Linear fc{30, 2};
  void parts(Parts& p) override { p("fc", fc); }
  Variable forward(const Variable& x) override { return fc(relu(flatten(x))); }
};

TEST(Serialize, AFreeFlattenIsFollowedToTheLinear) {
  FlattensItself free;
  Sequential model{Flatten{}, ReLU{}, Linear{30, 2}};
  dry_run(free, {2, 3, 5});
  dry_run(model, {2, 3, 5});
  free.fc.weight.value().copy_from(static_cast<Linear&>(model[2]).weight.value());
  expect_same(state_of(free).at("fc.weight"), state_of(model).at("2.weight"));
  EXPECT_EQ(error_of([&] {
              dry_run(free, {4, 3, 5});
            }),
            "layer fc: Linear: the input is a flattened image of 4 × 3 × 5, 60 elements; 30 are "
            "required (after a flatten, images are of one size)");
}

TEST(Serialize, AnImageAfterTheWeightsWereLoadedIsRefused) {
  FlattensItself loaded;
  load_state(loaded, {{"fc.weight", numbers({2, 30})}, {"fc.bias", numbers({2})}}, "a file");
  EXPECT_EQ(
      error_of([&] {
        dry_run(loaded, {2, 3, 5});
      }),
      "layer fc: Linear: the input is a flattened image of 2 × 3 × 5 and the weights are laid out for "
      "features that are not an image; their orders in a file differ, so one batch of images must run "
      "through the model before its weights are loaded or saved");
  dry_run(loaded, {6, 5, 1});  // one channel has only one order
  dry_run(loaded, {30});
}

TEST(Serialize, StrictNamesWhatDiffersAndChangesNothing) {
  Net net, before;
  TensorMap state = state_of(net);
  for (auto& [name, tensor] : state) tensor = tensor.clone();
  for (auto& [name, tensor] : state) tensor.fill(9);
  state["head.1.weigth"] = state.at("head.1.weight");
  state.erase("head.1.weight");
  state["head.3.weight"] = numbers({3, 7});
  state["steps"] = Tensor::full({}, 1.5);
  const std::string message = error_of([&] { load_state(net, state, "x.safetensors"); });
  EXPECT_EQ(
      message,
      "load: x.safetensors: 2 mismatched (head.3.weight is f32 (3, 7) in the file and f32 (2, 7) in the module; "
      "steps is f32 () in the file and int64 () in the module), 1 missing (head.1.weight, nearest in the file: "
      "head.1.weigth), 1 unexpected (head.1.weigth; did you mean 'head.1.weight'?); every tensor of the module "
      "and no other is required");
  EXPECT_TRUE(error_of([&] {
                load_state(net, state, "x.safetensors", {.or_else = "a glob in some.key"});
              }).ends_with("and no other is required, or a glob in some.key"));
  expect_equal(net, before);

  const LoadReport report = load_state(net, state, "x.safetensors", {.strict = false});
  EXPECT_EQ(report.mismatched, (Strings{"head.3.weight", "steps"}));
  EXPECT_EQ(report.missing, Strings{"head.1.weight"});
  EXPECT_EQ(report.unexpected, Strings{"head.1.weigth"});
  EXPECT_EQ(report.loaded, (Strings{"kernel", "head.1.bias", "head.3.bias", "mean"}));
  EXPECT_EQ(net.mean.value.to_vector<float>()[0], 9);
}

TEST(Serialize, ManyNamesAreCutShort) {
  Net net;
  EXPECT_CONTAINS(error_of([&] { load_state(net, {}, "x"); }),
                  "7 missing (kernel; head.1.weight; head.1.bias; "
                  "head.3.weight; head.3.bias; and 2 more)");
}

TEST(Serialize, ExcludedNamesAreLeftAlone) {
  Net net, before;
  TensorMap state = state_of(net);
  for (auto& [name, tensor] : state) tensor = Tensor::full(tensor.shape(), 9, tensor.dtype());
  state["head.3.weight"] = numbers({100, 7});  // another number of classes
  const LoadReport report = load_state(net, state, "x", {.exclude = {"head.3.*"}});
  EXPECT_EQ(report.excluded, (Strings{"head.3.weight", "head.3.bias"}));
  expect_same(static_cast<Linear&>(net.head[3]).bias.value(),
              static_cast<Linear&>(before.head[3]).bias.value());
  EXPECT_EQ(static_cast<Linear&>(net.head[1]).bias.value().to_vector<float>()[0], 9);
  EXPECT_CONTAINS(error_of([&] { load_state(net, state, "x", {.exclude = {"haed.*"}}); }),
                  "'haed.*' matches none");
}

TEST(Serialize, FloatingTypesAreConverted) {
  Net net, other{0.5};
  TensorMap state = state_of(net);
  for (auto& [name, tensor] : state)
    if (is_floating(tensor.dtype())) tensor = tensor.to(DType::f64);
  load_state(other, state, "x");
  expect_equal(net, other);
  EXPECT_EQ(other.kernel.value().dtype(), DType::f32);
}

struct Tied : Module {
  Linear a{3, 3}, b{3, 3};
  Tied() { b.weight.tie(a.weight); }
  void parts(Parts& p) override { p("a", a)("b", b); }
  Variable forward(const Variable& x) override { return b(a(x)); }
};

TEST(Serialize, TiedParametersStandUnderEachNameAndOneIsEnough) {
  Tied tied;
  TensorMap state = state_of(tied);
  EXPECT_EQ(state.size(), 4u);
  expect_same(state.at("a.weight"), state.at("b.weight"));
  state["b.weight"] = numbers({3, 3});
  state.erase("a.weight");
  EXPECT_TRUE(load_state(tied, state, "x").missing.empty());
  expect_same(tied.a.weight.value(), numbers({3, 3}));
}

TEST(Serialize, ADamagedFileIsRefusedAndTheModuleStays) {
  const TempFile file;
  Net net, before;
  save(net, file.path());
  const auto bytes = static_cast<i64>(std::filesystem::file_size(file.path()));
  for (const i64 kept : {i64{0}, i64{7}, i64{8}, i64{100}, bytes - 1}) {
    save(net, file.path());
    std::filesystem::resize_file(file.path(), static_cast<std::uintmax_t>(kept));
    EXPECT_CONTAINS(error_of([&] { load(net, file.path()); }), file.path());
  }
  expect_equal(net, before);
  EXPECT_CONTAINS(error_of([&] { load(net, "/nowhere/a.safetensors"); }), "/nowhere/a.safetensors");
  EXPECT_CONTAINS(error_of([&] { save(net, "/nowhere/a.safetensors"); }), "/nowhere");
}

}  // namespace
}  // namespace weft::nn
