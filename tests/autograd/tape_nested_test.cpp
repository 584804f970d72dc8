// SPDX-License-Identifier: Apache-2.0
// Tests of tapes inside tapes, and of the hooks for ready leaves and for gradients.
#include <gtest/gtest.h>

#include "weft/autograd/tape.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::Variables;

Variable leaf(double value, std::string name) {
  return Variable::leaf(Tensor::full({2}, value, DType::f64), std::move(name));
}

// exp(tanh(x)·x), which saves only x. The backward pass computes the rest again on its own tape.
Variable block(const Variable& x) { return exp(tanh(x) * x); }
Variable recomputed(const Variable& x) {
  Tensor y;
  {
    const NoGrad no_grad;
    y = block(x).value();
  }
  return record("recomputed", std::move(y),
                edge(x, [kept = x.value()](const Tensor& dy, Tensor& dx) {
                  Tape inner;
                  const Tape::Scope scope(inner);
                  const EnableGrad enable;
                  const Variable again = Variable::leaf(kept);
                  block(again).backward(dy);
                  dx.copy_from(again.grad());
                }));
}

TEST(NestedTape, RecomputationGivesTheSameGradient) {
  const auto twice = [](const auto& part) {
    const Variable x = leaf(0.7, "x");
    sum(part(part(x) * 0.5) + x).backward();
    return x.grad();
  };
  EXPECT_EQ(testing::difference_in_bytes(twice(recomputed), twice(block)), "");
  EXPECT_EQ(testing::gradcheck("recomputed",
                               [](const Variables& a) { return recomputed(recomputed(a[0])); },
                               {Tensor::full({2}, 0.7, DType::f64)}),
            "");
}

TEST(NestedTape, TheInnerOneIsCurrentOnlyInItsScope) {
  Tape& outer = Tape::current();
  const Variable x = leaf(1, "x");
  const Variable y = square(x);
  {
    Tape inner;
    const Tape::Scope scope(inner);
    EXPECT_EQ(&Tape::current(), &inner);
    EXPECT_EQ(inner.recorded_ops(), 0);
    EXPECT_THROW(square(y), UserError);  // y was recorded on the outer tape
    const Variable z = square(x);
    EXPECT_EQ(inner.recorded_ops(), 1);
    sum(z).backward();
  }
  EXPECT_EQ(&Tape::current(), &outer);
  EXPECT_EQ(outer.recorded_ops(), 1);
  sum(y).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{4, 4}));
}

TEST(NestedTape, EnableGradLastsAsLongAsItsGuard) {
  const NoGrad no_grad;
  {
    const EnableGrad enable;
    EXPECT_TRUE(grad_enabled());
  }
  EXPECT_FALSE(grad_enabled());
}

// Collects the names of leaves in the order in which they became ready.
class OnReady : public ::testing::Test {
 protected:
  OnReady() {
    Tape::current().set_on_ready(
        [this](Leaf& ready) { order_ += ready.name + (ready.has_grad ? " " : "(no gradient) "); });
  }
  ~OnReady() override { Tape::current().set_on_ready(nullptr); }
  std::string order_;
};

TEST_F(OnReady, LeavesComeInTheOrderOfTheirLastContribution) {
  const Variable a = leaf(1, "a"), b = leaf(2, "b"), c = leaf(3, "c");
  sum(((a * b) * c)).backward();
  EXPECT_EQ(order_, "c a b ");
}

TEST_F(OnReady, ALeafUsedOftenComesOnceAtItsEarliestUse) {
  const Variable a = leaf(1, "a"), b = leaf(2, "b"), c = leaf(3, "c");
  sum(((a * b) * c) * a * a * c).backward();
  EXPECT_EQ(order_, "c a b ");
}

TEST_F(OnReady, ALeafWithAUseThatIsNotReachedComesOnceAtTheEnd) {
  const Variable a = leaf(1, "a"), b = leaf(2, "b");
  const Variable beside = square(a);
  sum(a * b + a + a).backward();
  EXPECT_EQ(order_, "b a ");
}

TEST_F(OnReady, EveryPassTellsAgain) {
  const Variable a = leaf(1, "a");
  for (int step = 0; step < 3; ++step) sum(square(a)).backward();
  EXPECT_EQ(order_, "a a a ");
}

TEST_F(OnReady, FrozenLeavesAndThoseOutsideAreNotNamed) {
  const Variable a = leaf(1, "a"), b = leaf(2, "b"), c = leaf(3, "c");
  b.set_requires_grad(false);
  sum(a * b).backward();
  EXPECT_EQ(order_, "a ");
}

TEST(OnGradient, NamesEveryLeafThatAPassAddsTo) {
  std::string named;
  Tape::current().set_on_gradient([&](Leaf& leaf) { named += leaf.name + " "; });
  const Variable a = leaf(1, "a"), b = leaf(2, "b"), frozen = leaf(3, "frozen");
  frozen.set_requires_grad(false);
  sum((a * b) * frozen + a).backward();
  EXPECT_EQ(named, "a a b ");
  Tape::current().set_on_gradient(nullptr);
  sum(a * b).backward();
  EXPECT_EQ(named, "a a b ");
}

class Recorder : public TapeObserver {
 public:
  Recorder() : before_(set_tape_observer(this)) {}
  ~Recorder() override { set_tape_observer(before_); }
  void on_forward(const char* op, const std::string& scope, const Tensor& output) override {
    events_ += fmt::format("{}@{}{} ", op, scope, output.shape());
  }
  void on_backward(const char* op, const std::string& scope, const Tensor& grad) override {
    events_ += fmt::format("d{}@{}{} ", op, scope, grad.shape());
  }
  std::string events_;

 private:
  TapeObserver* before_;
};

TEST(TapeObserver, SeesEveryOpBothWaysWithItsScope) {
  const Variable x = leaf(1, "x");
  const Recorder recorder;
  module_scope() = "net.0";
  const Variable h = exp(x);
  module_scope() = "net.1";
  const Variable y = sum(h);
  module_scope() = "";
  y.backward();
  EXPECT_EQ(recorder.events_, "exp@net.0(2) sum@net.1() dsum@net.1() dexp@net.0(2) ");
}

TEST(TapeObserver, SeesForwardOpsUnderNoGradToo) {
  const Recorder recorder;
  const NoGrad no_grad;
  exp(leaf(1, "x"));
  EXPECT_EQ(recorder.events_, "exp@(2) ");
}

TEST(TapeObserver, FollowsNodesWithInputsAndNotes) {
  struct Follower final : Recorder {
    void on_forward(const char*, const std::string&, const Tensor&) override {}
    void on_backward(const char*, const std::string&, const Tensor&) override {}
    void on_recorded(const RecordedOp& op) override {
      events_ += fmt::format("{}+{}({}{}) ", op.op, op.note, op.inputs.size(),
                             op.node == nullptr ? ", constant" : "");
      last = op.node;
    }
    void on_node_begin(const detail::Node& node, const Tensor& grad) override {
      events_ += fmt::format("begin {}{} ", node.op, grad.shape());
      EXPECT_NE(node.functions, nullptr);
    }
    void on_node_end(const detail::Node& node) override {
      events_ += fmt::format("end {} ", node.op);
    }
    void on_node_freed(const detail::Node& node) override {
      events_ += fmt::format("freed {} ", node.op);
      EXPECT_EQ(node.functions, nullptr);
    }
    const detail::Node* last = nullptr;
  };
  const Variable x = Variable::leaf(Tensor::full({2, 3}, 1.0), "x"),
                 w = Variable::leaf(Tensor::full({4, 3}, 0.5), "w");
  Follower follower;
  sum(linear(x, w, Variable(), kernels::Activation::relu)).backward();
  EXPECT_EQ(follower.events_,
            "linear+relu(2) sum+(1) begin sum() end sum freed sum begin linear(2, 4) end linear "
            "freed linear ");
  follower.events_.clear();
  const NoGrad no_grad;
  exp(x);
  EXPECT_EQ(follower.events_, "exp+(1, constant) ");
}

TEST(TapeObserver, IsGivenBackWhenReplaced) {
  EXPECT_EQ(tape_observer(), nullptr);
  {
    const Recorder outer;
    {
      const Recorder inner;
      EXPECT_EQ(tape_observer(), &inner);
    }
    EXPECT_EQ(tape_observer(), &outer);
  }
  EXPECT_EQ(tape_observer(), nullptr);
}

}  // namespace
}  // namespace weft
