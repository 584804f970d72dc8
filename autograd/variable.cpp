// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/variable.h"

#include "weft/autograd/tape.h"

namespace weft {
namespace {
thread_local bool recording = true;
}

NoGrad::NoGrad() : before_(std::exchange(recording, false)) {}
NoGrad::~NoGrad() { recording = before_; }
EnableGrad::EnableGrad() : before_(std::exchange(recording, true)) {}
EnableGrad::~EnableGrad() { recording = before_; }
bool grad_enabled() { return recording; }

Variable Variable::leaf(Tensor value, std::string name) {
  WEFT_CHECK(is_floating(value.dtype()),
             "Variable::leaf: dtype {} given; a gradient needs a floating dtype", value.dtype());
  auto leaf = std::make_shared<Leaf>();
  leaf->value = std::move(value);
  leaf->name = std::move(name);
  return of_leaf(std::move(leaf));
}

Variable Variable::of_leaf(std::shared_ptr<Leaf> leaf) {
  Variable variable;
  variable.leaf_ = std::move(leaf);
  return variable;
}

Variable::Variable(Tensor value, detail::Node* node) : value_(std::move(value)), node_(node) {}

Variable::Variable(const Variable& other)
    : value_(other.value_), leaf_(other.leaf_), node_(other.node_) {
  if (node_ != nullptr) ++node_->references;
}

Variable::Variable(Variable&& other) noexcept
    : value_(std::move(other.value_)),
      leaf_(std::move(other.leaf_)),
      node_(std::exchange(other.node_, nullptr)) {}

Variable& Variable::operator=(Variable other) noexcept {
  std::swap(value_, other.value_);
  std::swap(leaf_, other.leaf_);
  std::swap(node_, other.node_);
  return *this;
}

Variable::~Variable() {
  if (node_ != nullptr) release(node_);
}

bool Variable::requires_grad() const {
  return leaf_ != nullptr ? leaf_->requires_grad : node_ != nullptr;
}

void Variable::set_requires_grad(bool on) const {
  WEFT_CHECK(leaf_ != nullptr,
             "set_requires_grad: called on a computed variable; only leaves have the switch");
  leaf_->requires_grad = on;
}

Tensor Variable::grad() const {
  WEFT_CHECK(leaf_ != nullptr, "grad: called on a computed variable; only leaves keep a gradient");
  return leaf_->has_grad ? leaf_->grad : Tensor();
}

void Variable::zero_grad() const {
  WEFT_CHECK(leaf_ != nullptr,
             "zero_grad: called on a computed variable; only leaves keep a gradient");
  leaf_->has_grad = false;
}

void Variable::backward() const {
  WEFT_CHECK(defined() && value().elements() == 1,
             "backward: the variable has shape {}; without a seed it must have one element",
             value().shape());
  backward(Tensor::full(shape(), 1.0, dtype(), device()));
}

void Variable::backward(const Tensor& seed) const {
  WEFT_CHECK(seed.shape() == shape() && seed.dtype() == dtype(),
             "backward: the seed is {} {} and the variable {} {}; they must be equal", seed.dtype(),
             seed.shape(), dtype(), shape());
  WEFT_CHECK(
      node_ != nullptr,
      "backward: nothing was recorded for this variable; it must be computed, with grad mode on, "
      "from a leaf that requires a gradient");
  WEFT_CHECK(
      !node_->freed,
      "backward: the graph behind this variable was freed by an earlier backward(); compute it again, "
      "or detach() what should not be differentiated");
  node_->tape->backward(*this, seed);
}

}  // namespace weft
