// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/module.h"

#include "weft/tests/nn/nn_test_tools.h"
#include "weft/autograd/tape.h"
#include "weft/nn/dry_run.h"

namespace weft::nn {
namespace {

using Strings = std::vector<std::string>;

struct Block : Module {
  Linear fc{4, 4};
  Sequential tail{ReLU{}, Linear{4, 4, {.bias = false}}};
  Parameter scale{Tensor::full({4}, 2.0)};
  Buffer seen{Tensor::zeros({}, DType::int64)};
  void parts(Parts& p) override { p("fc", fc)("tail", tail)("scale", scale)("seen", seen); }
  Variable forward(const Variable& x) override { return tail(fc(x)) * scale; }
  std::string label() const override { return "Block"; }
};

struct Net : Module {
  Block first;
  std::vector<Block> blocks = std::vector<Block>(2);
  Linear head{4, 3};
  void parts(Parts& p) override { p("first", first)("blocks", blocks)("head", head); }
  Variable forward(const Variable& x) override {
    Variable y = first(x);
    for (Block& block : blocks) y = block(y);
    return head(y);
  }
  std::string label() const override { return "Net"; }
};

// Two layers share one weight.
struct Tied : Module {
  Linear a{4, 4, {.bias = false}}, b{4, 4, {.bias = false}};
  Tied() { b.weight.tie(a.weight); }
  void parts(Parts& p) override { p("a", a)("b", b); }
  Variable forward(const Variable& x) override { return b(a(x)); }
};

TEST(Module, NamesAreThoseOfPyTorchInItsOrder) {
  Net net;
  Strings expected;
  for (const std::string block : {"first", "blocks.0", "blocks.1"})
    for (const char* name : {".fc.weight", ".fc.bias", ".tail.1.weight", ".scale"})
      expected.push_back(block + name);
  expected.insert(expected.end(), {"head.weight", "head.bias"});
  EXPECT_EQ(names_of(net), expected);
  Strings buffers;
  for (const NamedBuffer& b : net.named_buffers()) buffers.push_back(b.name);
  EXPECT_EQ(buffers, (Strings{"first.seen", "blocks.0.seen", "blocks.1.seen"}));
  EXPECT_EQ(net.parameter_count(), 3 * (20 + 16 + 4) + 15);
}

TEST(Module, TrainAndEvalReachEveryPartAndEvalModeRestoresEach) {
  Net net;
  net.blocks[1].tail.eval();
  {
    const EvalMode mode(net);
    for (const NamedModule& m : net.named_modules()) EXPECT_FALSE(m.module->training()) << m.path;
  }
  for (const NamedModule& m : net.named_modules())
    EXPECT_EQ(m.module->training(), m.path.find("blocks.1.tail") != 0) << m.path;
  net.train();
  for (const NamedModule& m : net.named_modules()) EXPECT_TRUE(m.module->training()) << m.path;
}

TEST(Module, ACopyIsIndependent) {
  Net net;
  const Tensor x = numbers({2, 4});
  const Tensor before = net(x).value().clone();
  Net copy = net;
  expect_same(copy(x).value(), before);
  for (const NamedParameter& p : copy.named_parameters()) p.variable.value().fill(0.1);
  for (const NamedBuffer& b : copy.named_buffers()) b.buffer->value.fill(7);
  expect_same(net(x).value(), before);
  EXPECT_EQ(net.first.seen.value.item<i64>(), 0);

  sum(net(x)).backward();
  EXPECT_TRUE(net.head.weight.variable().grad().defined());
  EXPECT_FALSE(copy.head.weight.variable().grad().defined());
}

TEST(Module, AnyModuleCopiesItsModule) {
  AnyModule a = Linear{2, 2};
  AnyModule b = Linear{1, 1};
  b = a;
  a->named_parameters()[0].variable.value().fill(0);
  double sum = 0;
  for (const double v : doubles(b->named_parameters()[0].variable.value())) sum += std::abs(v);
  EXPECT_GT(sum, 0);
}

TEST(Module, TiesSurviveCloneAndCountOnce) {
  Tied tied;
  EXPECT_EQ(names_of(tied), Strings{"a.weight"});
  EXPECT_EQ(tied.named_parameters(true).size(), 2u);
  EXPECT_EQ(tied.parameter_count(), 16);
  Tied cloned = clone(tied);
  EXPECT_EQ(names_of(cloned), Strings{"a.weight"});
  EXPECT_FALSE(cloned.a.weight.value().shares_storage_with(tied.a.weight.value()));
  EXPECT_EQ(cloned.b.weight.value().raw(), cloned.a.weight.value().raw());
}

TEST(Module, TiedGradientsAdd) {
  Tied tied;
  const Tensor x = numbers({3, 4});
  sum(tied(x)).backward();
  const Tensor both = tied.a.weight.variable().grad().clone();

  Linear a{4, 4, {.bias = false}}, b = a;  // equal values, not tied
  a.weight.value().copy_from(tied.a.weight.value());
  b.weight.value().copy_from(tied.a.weight.value());
  sum(b(a(x))).backward();
  expect_near(both, add(a.weight.variable().grad(), b.weight.variable().grad()), 1e-5);
}

TEST(Module, InDoublePrecision) {
  Net net;
  const Tensor x = numbers({2, 4}, DType::f64);
  const Tensor single = net(x.to(DType::f32)).value();
  net.to(DType::f64);
  const Tensor y = net(x).value();
  EXPECT_EQ(y.dtype(), DType::f64);
  expect_near(y, single, 1e-5);
  EXPECT_EQ(net.first.seen.value.dtype(), DType::int64);
  EXPECT_CONTAINS(error_of([&] { net.to(DType::int64); }), "Module::to");
}

TEST(Module, ErrorsNameTheLayerOnce) {
  Net net;
  net.blocks[1].fc = Linear{5, 4};
  const std::string message = error_of([&] { net(numbers({2, 4})); });
  EXPECT_EQ(message.find("layer blocks.1.fc: linear: "), 0u) << message;
  EXPECT_EQ(message.rfind("layer "), 0u) << message;

  // A layer that is called as the root has no path. A layer that is called within a child has the
  // path from that child.
  EXPECT_EQ(error_of([&] { net.blocks[1].fc(numbers({2, 4})); }).find("linear: "), 0u);
  EXPECT_EQ(error_of([&] { net.blocks[1](numbers({2, 4})); }).find("layer fc: linear: "), 0u);

  // The path of a root that has a name comes first.
  net.name_paths("twin");
  const std::string of_twin = error_of([&] { net(numbers({2, 4})); });
  EXPECT_EQ(of_twin.find("layer twin.blocks.1.fc: linear: "), 0u) << of_twin;
  EXPECT_EQ(of_twin.rfind("layer "), 0u) << of_twin;
}

TEST(Module, ErrorsOfFusedLayersNameThemToo) {
  Sequential model{Linear{4, 3}, ReLU{}, Linear{4, 2}, Tanh{}};
  EXPECT_EQ(error_of([&] { model(numbers({2, 4})); }).find("layer 2: linear: "), 0u);
}

TEST(Module, OpsAreSeenUnderTheirModule) {
  struct Seen : TapeObserver {
    Strings scopes;
    void on_forward(const char*, const std::string& scope, const Tensor&) override {
      scopes.push_back(scope);
    }
    void on_backward(const char*, const std::string&, const Tensor&) override {}
  } seen;
  Net net;
  TapeObserver* before = set_tape_observer(&seen);
  net(numbers({1, 4}));
  set_tape_observer(before);
  EXPECT_EQ(seen.scopes,
            (Strings{"first.fc", "first.tail.0", "first.tail.1", "first", "blocks.0.fc",
                     "blocks.0.tail.0", "blocks.0.tail.1", "blocks.0", "blocks.1.fc",
                     "blocks.1.tail.0", "blocks.1.tail.1", "blocks.1", "head"}));
  EXPECT_EQ(module_scope(), "");
}

TEST(Module, Summary) {
  Sequential model{Flatten{}, Linear{12, 1024}, ReLU{}, Linear{1024, 2}};
  model[1].named_parameters()[0].variable.set_requires_grad(false);
  EXPECT_EQ(model.summary({2, 3, 2}),
            "layer  type              output  parameters\n"
            "       Sequential        (2)\n"
            "0      Flatten           (12)\n"
            "1      Linear(12, 1024)  (1024)      13,312\n"
            "2      ReLU              (1024)\n"
            "3      Linear(1024, 2)   (2)          2,050\n"
            "15,362 parameters, 3,074 of them trained, 0.0586 MiB; input (2, 3, 2)\n");
}

TEST(Module, SummaryCountsATiedParameterWhereItComesFirst) {
  Tied tied;
  const std::string text = tied.summary({4});
  EXPECT_CONTAINS(text, "a      Linear(4, 4)  (4)             16\n");
  EXPECT_CONTAINS(text, "b      Linear(4, 4)  (4)              0\n");
  EXPECT_CONTAINS(text, "16 parameters, 16 of them trained");
}

TEST(Module, SummaryPrintsOutputsWithoutABatchWhole) {
  struct WithPositions : Module {
    Embedding positions{7, 4};
    Linear head{4, 2};
    void parts(Parts& p) override { p("positions", positions)("head", head); }
    Variable forward(const Variable& x) override {
      const std::vector<i64> indices{0, 1, 2, 3, 4};
      return head(x + positions(Variable(Tensor::copy_of(indices, {5}))));
    }
  } model;
  const std::string text = model.summary({5, 4});
  EXPECT_CONTAINS(text, "Embedding(7, 4)  (5, 4)");
  EXPECT_CONTAINS(text, "Linear(4, 2)     (5, 2)");
  struct OneOnly : Module {
    Linear head{4, 2};
    void parts(Parts& p) override { p("head", head); }
    Variable forward(const Variable& x) override { return head(reshape(x, {1, 4})); }
  } one;
  EXPECT_CONTAINS(one.summary({4}), "head   Linear(4, 2)  (2)");
}

TEST(Module, AModuleOfTwoInputsHasAForwardOfItsOwn) {
  struct Sum : Module {
    Linear a{3, 2}, b{4, 2};
    void parts(Parts& p) override { p("a", a)("b", b); }
    using Module::forward;  // clang warns about a hidden function
    Variable forward(const Variable& x, const Variable& y) { return a(x) + b(y); }
    Variable operator()(const Variable& x, const Variable& y) {
      return run([&] { return forward(x, y); });
    }
  } both;
  EXPECT_EQ(both(numbers({5, 3}), numbers({5, 4})).shape(), (Shape{5, 2}));
  EXPECT_EQ(error_of([&] {
              both(numbers({5, 3}), numbers({5, 3}));
            }).find("layer b: linear: "),
            0u);
  Module& module = both;
  const std::string error = error_of([&] { module(numbers({5, 3})); });
  EXPECT_CONTAINS(error, "Sum: called with one input");
  EXPECT_CONTAINS(error, "forward(const Variable&)");
}

TEST(Module, ANameOfTwoPartsIsAnError) {
  struct Twice : Module {
    Linear a{3, 3}, b{3, 2};
    void parts(Parts& p) override { p("fc", a)("fc", b); }
    Variable forward(const Variable& x) override { return b(a(x)); }
  };
  Sequential outer{Twice{}};
  EXPECT_EQ(error_of([&] { outer.named_parameters(); }),
            "parts: '0.fc' names Linear(3, 3) and Linear(3, 2); a name may be used once");
  EXPECT_THROW(state_of(outer), UserError);
  struct Mixed : Module {
    Linear block{3, 3};
    Parameter scale{Tensor::zeros({3})};
    std::vector<Linear> list = std::vector<Linear>(1, Linear{3, 3});
    int kind = 0;
    void parts(Parts& p) override {
      if (kind == 0) p("block", block)("block", scale);
      if (kind == 1) p("block", block)("block.weight", scale);
      if (kind == 2) p("list.0", block)("list", list);
    }
  } mixed;
  EXPECT_EQ(error_of([&] { mixed.named_parameters(); }),
            "parts: 'block' names Linear(3, 3) and a parameter (3); a name may be used once");
  mixed.kind = 1;
  EXPECT_CONTAINS(error_of([&] { mixed.train(); }), "'block.weight' names a parameter (3, 3) and ");
  mixed.kind = 2;
  EXPECT_CONTAINS(error_of([&] { mixed.train(); }), "'list.0' names Linear(3, 3) and Linear(3, 3)");
}

TEST(Module, ANameThatAFileCannotHoldIsAnError) {
  struct Named : Module {
    std::string name;
    Parameter scale{Tensor::zeros({3})};
    explicit Named(std::string given) : name(std::move(given)) {}
    void parts(Parts& p) override { p(name, scale); }
  };
  const auto error = [](const std::string& name) {
    Named module(name);
    return error_of([&] { module.named_parameters(); });
  };
  const std::string required =
      " names a parameter (3); a name of UTF-8 without control characters is required, which is "
      "not empty and not __metadata__";
  EXPECT_EQ(error(""), "parts: ''" + required);
  EXPECT_EQ(error("__metadata__"), "parts: '__metadata__'" + required);
  EXPECT_EQ(error("a\nb"), "parts: 'a\\nb'" + required);
  EXPECT_EQ(error("a\xff"), "parts: 'a\\xff'" + required);
  Sequential outer{Named{""}};
  EXPECT_EQ(error_of([&] { outer.train(); }), "parts: '0.'" + required);
  Named fits("größe");
  EXPECT_EQ(fits.named_parameters()[0].name, "größe");
}

TEST(Module, ADryRunChangesNothing) {
  Net net;
  net.blocks[0].eval();
  manual_seed(5);
  const u64 counter = default_generator().counter();
  EXPECT_EQ(dry_run(net, {4}).shape(), (Shape{1, 3}));
  EXPECT_EQ(default_generator().counter(), counter);
  EXPECT_TRUE(net.training());
  EXPECT_FALSE(net.blocks[0].training());
}

}  // namespace
}  // namespace weft::nn
