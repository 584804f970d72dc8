// SPDX-License-Identifier: Apache-2.0
// The tape records ops in execution order, with their backward functions.
//
// Note [Tape]
// An op computes its output and calls record() with one edge per input. The edge is a function that
// writes the input's gradient where the tape says:
//
//   Variable matmul(const Variable& a, const Variable& b) {
//     const Tensor &A = a.value(), &B = b.value();
//     return record("matmul", matmul(A, B),
//                   edge(a, [B](const Tensor& dC, Tensor& dA) { matmul(dA, dC, transposed(B)); }),
//                   edge(b, [A](const Tensor& dC, Tensor& dB) { matmul(dB, transposed(A), dC); }));
//   }
//
// - The capture list decides memory use: a captured tensor lives until the backward pass ran the
//   edge.
// - An edge toward an input that wants no gradient is dropped here, with all it captured.
// - Edges write; only the tape adds. A leaf's first contribution is written straight into its grad
//   buffer, an inner node's into a fresh tensor; later ones go to scratch that the tape adds.
// - The tape is a list of nodes in execution order, one node per op. backward() walks it in reverse
//   from its start and frees each node, until no gradient is pending: no sorting, no recursion.
// - A node lives while a Variable or the node of a later op refers to it. So a Variable that is
//   held keeps the graph behind it, as its backward() needs it, and nothing that was recorded
//   later; after backward() it keeps its own node only.
// - Nodes and backward functions lie in a pool of the tape's, whose blocks are used again, so that
//   recording an op costs no call to the heap once warm.
#pragma once
#include <functional>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

#include "weft/autograd/node.h"
#include "weft/autograd/variable.h"

namespace weft {

// Sees every op as it is recorded or differentiated (tracing, search for NaN, profiling). Called on
// the thread that runs the op, with grad mode on or off.
class TapeObserver {
 public:
  virtual ~TapeObserver() = default;
  // After the forward computation. `scope` is the module path, "" outside modules.
  virtual void on_forward(const char* op, const std::string& scope, const Tensor& output) = 0;
  // After one op's backward: the gradient that came in.
  virtual void on_backward(const char* op, const std::string& scope, const Tensor& grad) = 0;
};
// Sets this thread's observer (null for none) and returns the one before.
TapeObserver* set_tape_observer(TapeObserver* observer);
TapeObserver* tape_observer();

// The module path ops are recorded under, on this thread ("features.0"). Kept by nn::Module while
// an observer is set.
std::string& module_scope();

namespace detail {

template <class F>
struct EdgeOf {
  const Variable& input;
  F function;
  BackwardFunction::Kind kind;
};
template <class F, std::size_t N>
struct MultiInputEdgeOf {
  std::array<const Variable*, N> inputs;
  F function;
  BackwardFunction::Kind kind;
};

}  // namespace detail

// {input, function(dy, dx)}: writes all of dx, which has the input's shape and dtype.
template <class F>
auto edge(const Variable& input, F function) {
  return detail::EdgeOf<F>{input, std::move(function), detail::BackwardFunction::Kind::write};
}
// The same for a function that reads dy[i] before it writes dx[i], with dx of dy's shape: when
// dy has no other use, dx is dy.
template <class F>
auto in_place_edge(const Variable& input, F function) {
  return detail::EdgeOf<F>{input, std::move(function), detail::BackwardFunction::Kind::in_place};
}
// dx = dy, under the input's shape; no copy is made unless needed.
inline auto identity_edge(const Variable& input) {
  auto nothing = [](const Tensor&, Tensor&) {};
  return detail::EdgeOf<decltype(nothing)>{input, nothing,
                                           detail::BackwardFunction::Kind::identity};
}
// A kernel that yields several gradients at once: function(dy, dx) where dx[i] is null when input i
// wants none. Dropped when no input wants one.
template <std::size_t N, class F>
auto multi_input_edge(std::array<const Variable*, N> inputs, F function) {
  static_assert(N <= detail::BackwardFunction::kMaxTargets);
  return detail::MultiInputEdgeOf<F, N>{inputs, std::move(function),
                                        detail::BackwardFunction::Kind::write};
}
// The same for a function that lets the first dx of dy's shape that is wanted be dy.
template <std::size_t N, class F>
auto in_place_multi_input_edge(std::array<const Variable*, N> inputs, F function) {
  static_assert(N <= detail::BackwardFunction::kMaxTargets);
  return detail::MultiInputEdgeOf<F, N>{inputs, std::move(function),
                                        detail::BackwardFunction::Kind::in_place};
}

class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // The tape that record() writes to on this thread: its own, or the innermost Scope's.
  static Tape& current();

  // Makes a tape current on this thread while it lives. Tapes nest, for recomputation inside a
  // backward pass (with EnableGrad). A variable that outlives its tape keeps its value, and its
  // backward() is an error.
  class Scope {
   public:
    explicit Scope(Tape& tape);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Tape* before_;
  };

  // Called when a leaf's last recorded use has delivered its gradient in a backward pass, so that
  // communication can overlap the rest; at the latest when the pass ends.
  void set_on_ready(std::function<void(Leaf&)> on_ready) { on_ready_ = std::move(on_ready); }
  // Called for each contribution that a backward pass has added to a leaf's gradient, so that a
  // trainer learns of leaves that are not its own. Null, the default, costs one comparison.
  void set_on_gradient(std::function<void(Leaf&)> on_gradient) {
    on_gradient_ = std::move(on_gradient);
  }

  i64 recorded_ops() const { return live_nodes_; }  // not yet freed
  void backward(const Variable& from, const Tensor& seed);

  template <class... Edges>
  Variable record(const char* op, Tensor y, Edges&&... edges);

 private:
  friend class detail::Pool;

  template <class F>
  void attach(detail::BackwardFunction*& functions, detail::EdgeOf<F>& edge);
  template <class F, std::size_t N>
  void attach(detail::BackwardFunction*& functions, detail::MultiInputEdgeOf<F, N>& edge);
  // A backward function at the end of the list, which holds `function`.
  template <class F>
  detail::BackwardFunction* append(detail::BackwardFunction*& functions, F& function);
  detail::Target target_of(const Variable& input);
  Variable finish(const char* op, Tensor y, detail::BackwardFunction* functions);

  void free_functions(detail::BackwardFunction*& functions);
  void free(detail::Node& node);
  void unlink(detail::Node& node);
  void run(detail::Node& node);
  void deliver(detail::BackwardFunction& backward, const Tensor& dy, bool last);
  void deliver_identity(detail::Target& target, const Tensor& dy);
  void add_contribution(detail::Target& target, const Tensor& contribution);
  void contribution_done(detail::Target& target);
  void give_up();

  detail::Pool* pool_;
  detail::Node* last_ = nullptr;  // of the nodes that are not freed, in execution order
  i64 live_nodes_ = 0;
  i64 reached_nodes_ = 0;  // that the backward pass under way has yet to run
  std::function<void(Leaf&)> on_ready_, on_gradient_;
  std::vector<std::shared_ptr<Leaf>> waiting_;
};

// Records an op on the current tape. `y` is the output; edges as above.
template <class... Edges>
Variable record(const char* op, Tensor y, Edges&&... edges) {
  return Tape::current().record(op, std::move(y), std::forward<Edges>(edges)...);
}

template <class... Edges>
Variable Tape::record(const char* op, Tensor y, Edges&&... edges) {
  detail::BackwardFunction* functions = nullptr;
  if (grad_enabled()) {
    try {
      (attach(functions, edges), ...);
    } catch (...) {  // an input of another tape
      free_functions(functions);
      throw;
    }
  }
  return finish(op, std::move(y), functions);
}

template <class F>
detail::BackwardFunction* Tape::append(detail::BackwardFunction*& functions, F& function) {
  using detail::BackwardFunction;
  static_assert(alignof(F) <= detail::Pool::kAlignment);
  constexpr std::size_t offset =
      (sizeof(BackwardFunction) + alignof(F) - 1) / alignof(F) * alignof(F);
  constexpr std::size_t bytes = offset + sizeof(F);
  auto* block = static_cast<std::byte*>(pool_->take(bytes));
  auto* added = new (block) BackwardFunction;
  added->block_bytes = bytes;
  added->function = new (block + offset) F(std::move(function));
  if constexpr (!std::is_trivially_destructible_v<F>)
    added->destroy = [](void* held) { static_cast<F*>(held)->~F(); };
  // Kept in the order given: an in-place edge is honoured only as the last one.
  BackwardFunction** end = &functions;
  while (*end != nullptr) end = &(*end)->next;
  return *end = added;
}

template <class F>
void Tape::attach(detail::BackwardFunction*& functions, detail::EdgeOf<F>& edge) {
  if (!edge.input.requires_grad()) return;
  detail::Target target = target_of(edge.input);
  detail::BackwardFunction* added = append(functions, edge.function);
  added->kind = edge.kind;
  added->target[0] = std::move(target);
  added->invoke = [](void* function, const Tensor& dy, std::span<Tensor* const> dx) {
    (*static_cast<F*>(function))(dy, *dx[0]);
  };
}

template <class F, std::size_t N>
void Tape::attach(detail::BackwardFunction*& functions, detail::MultiInputEdgeOf<F, N>& edge) {
  bool wanted = false;
  for (const Variable* input : edge.inputs) wanted |= input->requires_grad();
  if (!wanted) return;
  detail::BackwardFunction* added = append(functions, edge.function);
  added->kind = edge.kind;
  added->targets = static_cast<int>(N);
  for (std::size_t i = 0; i < N; ++i)
    if (edge.inputs[i]->requires_grad()) added->target[i] = target_of(*edge.inputs[i]);
  added->invoke = [](void* function, const Tensor& dy, std::span<Tensor* const> dx) {
    (*static_cast<F*>(function))(dy, dx);
  };
}

}  // namespace weft
