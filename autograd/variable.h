// SPDX-License-Identifier: Apache-2.0
// Variable: a tensor on the tape.
//
// A Variable is one of three things: a constant (made from a Tensor), a leaf (whose gradient is
// kept: parameters, inputs made with Variable::leaf), or the result of a recorded op. Copies are
// handles to the same one. A result belongs to the thread whose tape recorded it.
#pragma once
#include <memory>
#include <string>

#include "weft/tensor/tensor.h"

namespace weft {

class Tape;
namespace detail {
struct Node;
}

// What a leaf keeps between steps. `grad` may be preset to a slice of a flat buffer; its values
// are valid only while `has_grad` is true.
struct Leaf {
  Tensor value;
  Tensor grad;
  bool requires_grad = true;
  bool has_grad = false;
  std::string name;      // for messages and on_ready; may be empty
  i64 pending_uses = 0;  // recorded uses whose contribution has not arrived
  bool waiting = false;  // got a contribution in this backward pass, but not yet its last
};

class Variable {
 public:
  Variable() = default;
  Variable(Tensor value)
      : value_(std::move(value)) {}  // a constant  NOLINT(google-explicit-constructor)
  // A leaf: backward() accumulates into its grad().
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
  // Whether backward() through this variable would do anything.
  bool requires_grad() const;
  // Leaves only (UserError otherwise).
  void set_requires_grad(bool on) const;

  // The gradient of a leaf; undefined until a backward pass has reached it, and after zero_grad().
  Tensor grad() const;
  void zero_grad() const;

  // Adds d(this)/d(leaf) to the grad() of every leaf this variable was computed from, and frees the
  // recorded graph behind it. Without a seed this variable must have one element, whose seed is 1;
  // a seed has this variable's shape and dtype. Throws UserError on a second call for the same
  // graph.
  void backward() const;
  void backward(const Tensor& seed) const;

  // The same value as a constant.
  Variable detach() const { return Variable(value()); }

  // For the tape and for modules.
  const std::shared_ptr<Leaf>& leaf_state() const { return leaf_; }
  static Variable of_leaf(std::shared_ptr<Leaf> leaf);

 private:
  friend class Tape;
  Variable(Tensor value, detail::Node* node);  // takes over a reference to the node

  Tensor value_;
  std::shared_ptr<Leaf> leaf_;
  detail::Node* node_ = nullptr;  // of the op that computed it; see Note [Tape]
};

// While one lives, ops on this thread record nothing. Guards nest.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};
// While one lives, ops on this thread record again: for recomputation inside a backward pass, which
// runs without recording, on a tape of its own (Tape::Scope).
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
