// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/tape.h"

#include <algorithm>

#include "weft/tensor/ops.h"

namespace weft {
namespace {

thread_local Tape* scoped_tape = nullptr;
thread_local TapeObserver* current_observer = nullptr;

Tape& own_tape() {
  thread_local Tape tape;
  return tape;
}

void refuse_freed(const detail::Node& input) {
  WEFT_CHECK(
      !input.freed,
      "backward: the graph behind an input of this variable was freed by an earlier backward(); "
      "compute it again, or detach() what should not be differentiated");
}

// Runs `action` at the end of the scope unless `failed` was set to false.
template <class F>
struct OnFailure {
  F action;
  bool failed = true;
  ~OnFailure() {
    if (failed) action();
  }
};

}  // namespace

TapeObserver* set_tape_observer(TapeObserver* observer) {
  return std::exchange(current_observer, observer);
}
TapeObserver* tape_observer() { return current_observer; }

std::string& module_scope() {
  thread_local std::string scope;
  return scope;
}

std::string& detail::op_note() {
  thread_local std::string note;
  return note;
}

Tape::Tape() : pool_(new detail::Pool) {}
Tape::~Tape() {
  give_up();
  pool_->abandon();
}

Tape& Tape::current() { return scoped_tape != nullptr ? *scoped_tape : own_tape(); }
Tape::Scope::Scope(Tape& tape) : before_(std::exchange(scoped_tape, &tape)) {}
Tape::Scope::~Scope() { scoped_tape = before_; }

detail::Target Tape::target_of(const Variable& input) {
  if (input.leaf_state() != nullptr) {
    ++input.leaf_state()->pending_uses;
    return {.leaf = input.leaf_state()};
  }
  WEFT_CHECK(
      input.node_->tape == this,
      "record: an input was recorded on another tape (another thread's, or an outer one); detach() it");
  ++input.node_->references;
  return {.node = input.node_};
}

Variable Tape::finish(const char* op, Tensor y, detail::BackwardFunction* functions,
                      const detail::Inputs& inputs) {
  if (current_observer != nullptr) current_observer->on_forward(op, module_scope(), y);
  const auto recorded = [&](const detail::Node* node) {
    if (current_observer == nullptr) return;
    current_observer->on_recorded({op, module_scope(), detail::op_note(), y, inputs, node});
    detail::op_note().clear();
  };
  if (functions == nullptr) {
    recorded(nullptr);
    return Variable(std::move(y));
  }
  auto* node = new (pool_->take(sizeof(detail::Node))) detail::Node;
  node->tape = this;
  node->pool = pool_;
  node->op = op;
  node->functions = functions;
  node->shape = y.shape();
  node->dtype = y.dtype();
  node->device = y.device();
  if (current_observer != nullptr) node->scope = module_scope();
  node->on_tape.before = last_;
  if (last_ != nullptr) last_->on_tape.after = node;
  last_ = node;
  ++live_nodes_;
  recorded(node);
  return Variable(std::move(y), node);
}

void Tape::free_functions(detail::BackwardFunction*& functions) {
  while (functions != nullptr) {
    detail::BackwardFunction* first = std::exchange(functions, functions->next);
    if (first->destroy != nullptr) first->destroy(first->function);
    for (detail::Target& target : first->target) {
      if (target.leaf != nullptr) --target.leaf->pending_uses;
      if (target.node != nullptr) release(target.node);
    }
    const std::size_t bytes = first->block_bytes;
    first->~BackwardFunction();
    pool_->give_back(first, bytes);
  }
}

void Tape::unlink(detail::Node& node) {
  const auto [before, after] = node.on_tape;
  if (before != nullptr) before->on_tape.after = after;
  (after != nullptr ? after->on_tape.before : last_) = before;
  node.freed = true;
  node.grad = Tensor();
  --live_nodes_;
}

void Tape::free(detail::Node& node) {
  free_functions(node.functions);
  unlink(node);
}

// Frees everything that is recorded, so that none of it can be differentiated any more.
void Tape::give_up() {
  while (last_ != nullptr) {
    detail::Node* node = last_;
    // The reference keeps the node alive during free().
    if (!std::exchange(node->reached, true)) ++node->references;
    free(*node);
    node->reached = false;
    release(node);
  }
  reached_nodes_ = 0;
  for (const std::shared_ptr<Leaf>& leaf : waiting_) leaf->waiting = false;
  waiting_.clear();
}

void Tape::backward(const Variable& from, const Tensor& seed) {
  const auto on_failure = [&] { give_up(); };
  OnFailure<decltype(on_failure)> guard{on_failure};
  const NoGrad no_grad;
  // The count of an outer backward pass, during which this one runs.
  const i64 reached_before = std::exchange(reached_nodes_, 0);
  detail::Target start{.node = from.node_};
  add_contribution(start, seed);
  for (detail::Node* node = from.node_; reached_nodes_ > 0;) {
    if (!node->reached) {
      node = node->on_tape.before;
      continue;
    }
    run(*node);
    free_functions(node->functions);
    if (current_observer != nullptr) current_observer->on_node_freed(*node);
    // Freeing the functions may have taken earlier nodes off the tape, so this is read after it.
    detail::Node* const before = node->on_tape.before;
    unlink(*node);
    node->reached = false;
    --reached_nodes_;
    release(node);
    node = before;
  }
  reached_nodes_ = reached_before;
  // These leaves have uses outside the graph of this pass, so their last contribution did not come.
  for (const std::shared_ptr<Leaf>& leaf : waiting_)
    if (std::exchange(leaf->waiting, false)) on_ready_(*leaf);
  waiting_.clear();
  guard.failed = false;
}

void Tape::run(detail::Node& node) {
  // The gradient is moved out of the node, so that an in-place edge sees whether anything else
  // holds it.
  Tensor dy = std::move(node.grad);
  node.grad = Tensor();
  if (current_observer != nullptr) {
    current_observer->on_backward(node.op, node.scope, dy);
    current_observer->on_node_begin(node, dy);
  }
  for (detail::BackwardFunction* f = node.functions; f != nullptr; f = f->next)
    deliver(*f, dy, f->next == nullptr);
  if (current_observer != nullptr) current_observer->on_node_end(node);
}

void Tape::deliver(detail::BackwardFunction& backward, const Tensor& dy, bool last) {
  if (backward.kind == detail::BackwardFunction::Kind::identity) {
    deliver_identity(backward.target[0], dy);
    contribution_done(backward.target[0]);
  } else if (backward.targets == 1) {  // nearly always
    deliver_written<1>(backward, dy, last);
  } else {
    deliver_written<detail::BackwardFunction::kMaxTargets>(backward, dy, last);
  }
}

// Has room for kTargets gradients, at least as many as the function has targets.
template <std::size_t kTargets>
void Tape::deliver_written(detail::BackwardFunction& backward, const Tensor& dy, bool last) {
  const std::size_t targets = std::min(kTargets, static_cast<std::size_t>(backward.targets));
  std::array<Tensor, kTargets> written;
  std::array<Tensor*, kTargets> dx{};
  std::array<bool, kTargets> is_first{};
  for (std::size_t i = 0; i < targets; ++i) {
    detail::Target& target = backward.target[i];
    if (!target.wanted()) continue;
    dx[i] = &written[i];
    if (target.leaf != nullptr) {
      Leaf& leaf = *target.leaf;
      // If one function has a leaf twice (tied inputs), only the first target writes into its grad
      // buffer.
      is_first[i] = !leaf.has_grad;
      for (std::size_t j = 0; j < i; ++j)
        is_first[i] = is_first[i] && backward.target[j].leaf != target.leaf;
      if (!leaf.grad.defined()) leaf.grad = Tensor::empty_like(leaf.value);
      written[i] = is_first[i] ? leaf.grad : Tensor::empty_like(leaf.value);
      continue;
    }
    const detail::Node& node = *target.node;
    refuse_freed(node);
    const bool reuse = backward.kind == detail::BackwardFunction::Kind::in_place && last &&
                       dy.storage_is_unique() && node.shape == dy.shape() &&
                       node.dtype == dy.dtype();
    written[i] = reuse ? dy : Tensor::empty(node.shape, node.dtype, node.device);
  }
  backward.invoke(backward.function, dy, {dx.data(), targets});
  for (std::size_t i = 0; i < targets; ++i) {
    detail::Target& target = backward.target[i];
    if (!target.wanted()) continue;
    if (is_first[i]) target.leaf->has_grad = true;
    else add_contribution(target, std::move(written[i]));
    written[i] = Tensor();
    contribution_done(target);
  }
}

void Tape::deliver_identity(detail::Target& target, const Tensor& dy) {
  if (target.leaf == nullptr) {
    refuse_freed(*target.node);
    add_contribution(target, dy.reshape(target.node->shape));
    return;
  }
  Leaf& leaf = *target.leaf;
  if (!leaf.grad.defined()) leaf.grad = Tensor::empty_like(leaf.value);
  if (leaf.has_grad) return add_contribution(target, dy.reshape(leaf.value.shape()));
  leaf.grad.copy_from(dy.reshape(leaf.value.shape()));
  leaf.has_grad = true;
}

void Tape::add_contribution(detail::Target& target, Tensor contribution) {
  if (target.leaf != nullptr) {
    add(target.leaf->grad, target.leaf->grad, contribution);
    return;
  }
  detail::Node& node = *target.node;
  Tensor& grad = node.grad;
  if (!node.reached) {
    node.reached = true;  // counts as a reference until the node has run
    ++node.references;
    ++reached_nodes_;
    grad = std::move(contribution);
  } else if (grad.storage_is_unique()) {
    add(grad, grad, contribution);
  } else {  // the tensor is shared with other nodes, so it must not be changed
    grad = add(grad, contribution);
  }
}

void Tape::contribution_done(detail::Target& target) {
  if (target.leaf == nullptr) return;
  Leaf& leaf = *target.leaf;
  --leaf.pending_uses;
  if (on_gradient_) on_gradient_(leaf);
  if (on_ready_ && leaf.pending_uses == 0) {
    leaf.waiting = false;
    on_ready_(leaf);
  } else if (on_ready_ && !std::exchange(leaf.waiting, true)) {
    waiting_.push_back(target.leaf);
  }
  target.leaf.reset();  // so that free_functions() does not decrement pending_uses again
}

}  // namespace weft
