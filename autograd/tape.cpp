// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/tape.h"

#include "weft/tensor/ops.h"

namespace weft {
namespace {

thread_local Tape* scoped_tape = nullptr;
thread_local TapeObserver* current_observer = nullptr;

Tape& own_tape() {
  thread_local Tape tape;
  return tape;
}

// The rest of a failed backward pass: whatever was recorded is given up.
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

namespace detail {

void* Arena::take(std::size_t bytes, std::size_t alignment) {
  used_ = (used_ + alignment - 1) / alignment * alignment;
  while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_].size) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    const std::size_t size = std::max(kChunkBytes, bytes);
    chunks_.push_back({std::make_unique<std::byte[]>(size), size});
  }
  void* memory = chunks_[chunk_].memory.get() + used_;
  used_ += bytes;
  return memory;
}

void Arena::reset() { chunk_ = used_ = 0; }

}  // namespace detail

Tape::Tape() = default;
Tape::~Tape() { reset(); }

Tape& Tape::current() { return scoped_tape != nullptr ? *scoped_tape : own_tape(); }
Tape::Scope::Scope(Tape& tape) : before_(std::exchange(scoped_tape, &tape)) {}
Tape::Scope::~Scope() { scoped_tape = before_; }

detail::Pull* Tape::new_pull(detail::Pull*& list) {
  auto* pull = new (arena_.take(sizeof(detail::Pull), alignof(detail::Pull))) detail::Pull;
  // Kept in the order given: an in-place edge is honoured only as the last one.
  detail::Pull** end = &list;
  while (*end != nullptr) end = &(*end)->next;
  *end = pull;
  return pull;
}

detail::Target Tape::target_of(const Variable& input) {
  if (input.leaf_ != nullptr) {
    ++input.leaf_->pending_uses;
    return {.leaf = input.leaf_};
  }
  WEFT_CHECK(
      input.tape_ == this,
      "record: an input was recorded on another tape (another thread's, or an outer one); detach() it");
  return {.node = input.node_, .generation = input.generation_};
}

Variable Tape::finish(const char* op, Tensor y, detail::Pull* pulls) {
  if (current_observer != nullptr) current_observer->on_forward(op, module_scope(), y);
  if (pulls == nullptr) return Variable(std::move(y));
  if (used_ == nodes_.size()) nodes_.emplace_back();
  detail::Node& node = nodes_[used_++];
  node.op = op;
  node.pulls = pulls;
  node.shape = y.shape();
  node.dtype = y.dtype();
  node.device = y.device();
  node.freed = false;
  if (current_observer != nullptr) node.scope = module_scope();
  ++live_nodes_;
  ++live_variables_;
  return Variable(std::move(y), this, static_cast<i64>(used_) - 1, generation_);
}

void Tape::release_variable() {
  if (--live_variables_ == 0) reset();
}

void Tape::free_pulls(detail::Node& node) {
  if (node.freed) return;
  for (detail::Pull* pull = node.pulls; pull != nullptr; pull = pull->next) {
    if (pull->destroy != nullptr) pull->destroy(pull->function);
    for (detail::Target& target : pull->target)
      if (target.leaf != nullptr) --target.leaf->pending_uses;
    pull->~Pull();
  }
  node.pulls = nullptr;
  node.grad = Tensor();
  node.freed = true;
  --live_nodes_;
}

// Nothing recorded is of use any more: the next op writes at the front again, and variables of before
// are known by their older generation.
void Tape::reset() {
  for (std::size_t i = used_; i-- > 0;) free_pulls(nodes_[i]);
  used_ = 0;
  ++generation_;
  arena_.reset();
  for (const std::shared_ptr<Leaf>& leaf : waiting_) leaf->waiting = false;
  waiting_.clear();
}

void Tape::backward(const Variable& from, const Tensor& seed) {
  constexpr const char* kTwice =
      "backward: the graph behind this variable was freed by an earlier backward(); compute it again, "
      "or detach() what should not be differentiated";
  WEFT_CHECK(from.generation_ == generation_ && !nodes_[static_cast<std::size_t>(from.node_)].freed,
             kTwice);

  ++live_variables_;  // the tape must not reset itself below our feet
  const auto give_up = [&] {
    reset();
    --live_variables_;
  };
  OnFailure<decltype(give_up)> guard{give_up};
  const NoGrad no_grad;
  nodes_[static_cast<std::size_t>(from.node_)].grad = seed;
  for (i64 i = from.node_; i >= 0; --i) {
    detail::Node& node = nodes_[static_cast<std::size_t>(i)];
    if (!node.grad.defined()) continue;
    WEFT_CHECK(!node.freed, kTwice);
    run(node);
    free_pulls(node);
  }
  // Some use of these lies outside what was differentiated.
  for (const std::shared_ptr<Leaf>& leaf : waiting_)
    if (std::exchange(leaf->waiting, false)) on_ready_(*leaf);
  waiting_.clear();
  guard.failed = false;
  if (live_nodes_ == 0) reset();
  release_variable();
}

void Tape::run(detail::Node& node) {
  // Taken out of the node: then an in-place edge can see that nobody else holds it.
  Tensor dy = std::move(node.grad);
  node.grad = Tensor();
  if (current_observer != nullptr) current_observer->on_backward(node.op, node.scope, dy);
  for (detail::Pull* pull = node.pulls; pull != nullptr; pull = pull->next)
    deliver(*pull, dy, pull->next == nullptr);
}

void Tape::deliver(detail::Pull& pull, const Tensor& dy, bool last) {
  if (pull.kind == detail::Pull::Kind::pass) {
    deliver_pass(pull.target[0], dy);
    contribution_done(pull.target[0]);
    return;
  }
  std::array<Tensor, detail::Pull::kMaxTargets> written;
  std::array<Tensor*, detail::Pull::kMaxTargets> dx{};
  std::array<bool, detail::Pull::kMaxTargets> is_first{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(pull.targets); ++i) {
    detail::Target& target = pull.target[i];
    if (!target.wanted()) continue;
    dx[i] = &written[i];
    if (target.leaf != nullptr) {
      Leaf& leaf = *target.leaf;
      // The same leaf twice in one joint pull (tied inputs): only one may write into its buffer.
      is_first[i] = !leaf.has_grad;
      for (std::size_t j = 0; j < i; ++j)
        is_first[i] = is_first[i] && pull.target[j].leaf != target.leaf;
      if (!leaf.grad.defined()) leaf.grad = Tensor::empty_like(leaf.value);
      written[i] = is_first[i] ? leaf.grad : Tensor::empty_like(leaf.value);
      continue;
    }
    WEFT_CHECK(
        target.generation == generation_ && !nodes_[static_cast<std::size_t>(target.node)].freed,
        "backward: the graph behind an input of this variable was freed by an earlier backward(); "
        "compute it again, or detach() what should not be differentiated");
    const detail::Node& node = nodes_[static_cast<std::size_t>(target.node)];
    const bool reuse = pull.kind == detail::Pull::Kind::in_place && last &&
                       dy.storage_is_unique() && node.shape == dy.shape() &&
                       node.dtype == dy.dtype();
    written[i] = reuse ? dy : Tensor::empty(node.shape, node.dtype, node.device);
  }
  pull.invoke(pull.function, dy, {dx.data(), static_cast<std::size_t>(pull.targets)});
  for (std::size_t i = 0; i < static_cast<std::size_t>(pull.targets); ++i) {
    detail::Target& target = pull.target[i];
    if (!target.wanted()) continue;
    if (is_first[i]) target.leaf->has_grad = true;
    else add_contribution(target, written[i]);
    written[i] = Tensor();
    contribution_done(target);
  }
}

void Tape::deliver_pass(detail::Target& target, const Tensor& dy) {
  if (target.leaf == nullptr) {
    WEFT_CHECK(
        target.generation == generation_ && !nodes_[static_cast<std::size_t>(target.node)].freed,
        "backward: the graph behind an input of this variable was freed by an earlier backward(); "
        "compute it again, or detach() what should not be differentiated");
    add_contribution(target, dy.reshape(nodes_[static_cast<std::size_t>(target.node)].shape));
    return;
  }
  Leaf& leaf = *target.leaf;
  if (!leaf.grad.defined()) leaf.grad = Tensor::empty_like(leaf.value);
  if (leaf.has_grad) return add_contribution(target, dy.reshape(leaf.value.shape()));
  leaf.grad.copy_from(dy.reshape(leaf.value.shape()));
  leaf.has_grad = true;
}

void Tape::add_contribution(detail::Target& target, const Tensor& contribution) {
  if (target.leaf != nullptr) {
    add(target.leaf->grad, target.leaf->grad, contribution);
    return;
  }
  Tensor& grad = nodes_[static_cast<std::size_t>(target.node)].grad;
  if (!grad.defined()) {
    grad = contribution;
  } else if (grad.storage_is_unique()) {
    add(grad, grad, contribution);
  } else {  // passed on to several inputs: not ours to change
    grad = add(grad, contribution);
  }
}

void Tape::contribution_done(detail::Target& target) {
  if (target.leaf == nullptr) return;
  Leaf& leaf = *target.leaf;
  --leaf.pending_uses;
  if (on_ready_ && leaf.pending_uses == 0) {
    leaf.waiting = false;
    on_ready_(leaf);
  } else if (on_ready_ && !std::exchange(leaf.waiting, true)) {
    waiting_.push_back(target.leaf);
  }
  target.leaf.reset();  // so that freeing the pull does not count it again
}

}  // namespace weft
