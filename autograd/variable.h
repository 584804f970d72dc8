// SPDX-License-Identifier: Apache-2.0
// Variable: a tensor on the tape.
//
// A Variable is a constant (made from a Tensor), a leaf (whose gradient is kept: a parameter, or an
// input made with Variable::leaf), or the result of a recorded op. Copies are handles to the same
// variable. A result belongs to the thread whose tape recorded it.
#pragma once
#include <memory>
#include <string>

#include "weft/tensor/tensor.h"

namespace weft {

class Tape;
namespace detail {
struct Node;
}

// The state of a leaf, which it keeps between steps. `grad` may be preset to a slice of a flat
// buffer. The values of `grad` are valid only while `has_grad` is true.
struct Leaf {
  Tensor value;
  Tensor grad;
  bool requires_grad = true;
  bool has_grad = false;
  std::string name;      // for messages; may be empty
  i64 pending_uses = 0;  // recorded uses that have not yet contributed a gradient
  bool waiting = false;  // has a contribution of this backward pass, but not yet the last one
};

class Variable {
 public:
  Variable() = default;
  Variable(Tensor value)
      : value_(std::move(value)) {}  // a constant  NOLINT(google-explicit-constructor)
  // Makes a leaf, into whose grad() backward() accumulates.
  static Variable leaf(Tensor value, std::string name = "");

  Variable(const Variable& other);
  Variable(Variable&& other) noexcept;
  Variable& operator=(Variable other) noexcept;
  ~Variable();

  bool defined() const { return leaf_ != nullptr || value_.defined(); }
  const Tensor& value() const { return leaf_ != nullptr ? leaf_->value : value_; }
  const Shape& shape() const { return value().shape(); }
  DType dtype() const { return value().dtype(); }
  const Device& device() const { return value().device(); }

  bool is_leaf() const { return leaf_ != nullptr; }
  // Whether a gradient flows through this variable in a backward pass.
  bool requires_grad() const;
  // Throws UserError unless this is a leaf.
  void set_requires_grad(bool on) const;

  // The gradient of a leaf. It is undefined before a backward pass has reached the leaf, and after
  // zero_grad().
  Tensor grad() const;
  void zero_grad() const;

  // Adds d(this)/d(leaf) to the grad() of every leaf that this variable was computed from, and
  // frees the recorded graph behind it. Without a seed gradient this variable must have one
  // element, and the seed is 1. A seed must have the shape and dtype of this variable. Throws
  // UserError on a second call for the same graph.
  void backward() const;
  void backward(const Tensor& seed) const;

  // The same value as a constant.
  Variable detach() const { return Variable(value()); }

  // These two functions are for the tape and for modules.
  const std::shared_ptr<Leaf>& leaf_state() const { return leaf_; }
  static Variable of_leaf(std::shared_ptr<Leaf> leaf);

 private:
  friend class Tape;
  Variable(Tensor value, detail::Node* node);  // takes over a reference to the node

  Tensor value_;
  std::shared_ptr<Leaf> leaf_;
  detail::Node* node_ = nullptr;  // the node of the op that computed it; see Note [Tape]
};

// While a NoGrad lives, ops on this thread are not recorded. Guards nest.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};
// While an EnableGrad lives, ops on this thread are recorded again. It serves recomputation inside
// a backward pass, which runs without recording, on a tape of its own (Tape::Scope).
class EnableGrad {
 public:
  EnableGrad();
  ~EnableGrad();
  EnableGrad(const EnableGrad&) = delete;
  EnableGrad& operator=(const EnableGrad&) = delete;

 private:
  bool before_;
};
bool grad_enabled();

}  // namespace weft
