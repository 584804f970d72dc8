// SPDX-License-Identifier: Apache-2.0
// The tape records ops in execution order, with their backward functions.
//
// Note [Tape]
// An op computes its output and calls record() with one edge per input. An edge holds a function
// that computes the gradient of its input from the gradient of the output, and writes it to a
// tensor that the tape provides:
//
//   Variable matmul(const Variable& a, const Variable& b) {
//     const Tensor &A = a.value(), &B = b.value();
//     return record(
//         "matmul", matmul(A, B),
//         edge(a, [B = B](const Tensor& dC, Tensor& dA) { matmul(dA, dC, transposed(B)); }),
//         edge(b, [A = A](const Tensor& dC, Tensor& dB) { matmul(dB, transposed(A), dC); }));
//   }
//
// - The capture list decides memory use: a captured tensor lives until its edge has run. [B = B]
//   moves to the tape with its function; [B], of a const Tensor, would be copied at each move.
// - record() drops an edge to an input that requires no gradient, with everything it captured.
// - Edges write, and only the tape adds. The first contribution to a leaf is written into its grad
//   buffer. The first contribution to an inner node is written into a new tensor. Each later
//   contribution is written into a temporary tensor, which the tape adds.
// - The tape is a list of nodes in execution order, one node per op. backward() walks the list in
//   reverse from its start until no gradient is pending, and frees each node that it has run. It
//   needs no sorting and no recursion.
// - A node lives while a Variable or the node of a later op refers to it. A Variable therefore
//   keeps the graph that it was computed from, which its backward() needs, and nothing that was
//   recorded later. After backward() it keeps its own node only.
// - Nodes and backward functions lie in a memory pool of the tape, whose blocks are reused. Once
//   the pool is large enough, recording an op does not call the heap.
#pragma once
#include <functional>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

#include "weft/autograd/node.h"
#include "weft/autograd/variable.h"

namespace weft {

// An op as the tape has recorded it. What it refers to lives during the call.
struct RecordedOp {
  const char* op;
  const std::string& scope;  // module path, "" outside modules
  const std::string& note;   // of note_op(): what the name does not say, such as "relu"
  const Tensor& output;
  std::span<const Variable* const> inputs;  // those with an edge, constants included
  const detail::Node* node;                 // null if no gradient flows through the op
};

// Is called for every op that is recorded or differentiated, for tracing, for the search for NaN
// and for profiling. The calls come on the thread that runs the op, with grad mode on or off.
class TapeObserver {
 public:
  virtual ~TapeObserver() = default;
  // Called after the forward computation. `scope` is the module path, "" outside modules.
  virtual void on_forward(const char* op, const std::string& scope, const Tensor& output) = 0;
  // Called before the backward functions of an op run. `grad` is the gradient of its output.
  virtual void on_backward(const char* op, const std::string& scope, const Tensor& grad) = 0;

  // For those who follow each node. on_module is called before a module computes; on_recorded after
  // on_forward; the other three around the backward functions of a node, which on_node_freed no
  // longer has.
  virtual void on_module(const std::string& /*scope*/) {}
  virtual void on_recorded(const RecordedOp&) {}
  virtual void on_node_begin(const detail::Node&, const Tensor& /*grad*/) {}
  virtual void on_node_end(const detail::Node&) {}
  virtual void on_node_freed(const detail::Node&) {}
};
// Sets this thread's observer (null for none) and returns the previous one.
TapeObserver* set_tape_observer(TapeObserver* observer);
TapeObserver* tape_observer();

namespace detail {
std::string& op_note();
}
// Tells the observer of this thread what the name of the next recorded op does not say. Without an
// observer nothing is called.
template <class MakeNote>
void note_op(MakeNote make_note) {
  if (tape_observer() != nullptr) detail::op_note() = make_note();
}

// The module path under which this thread records ops ("features.0"). nn::Module sets it while an
// observer is set.
std::string& module_scope();

namespace detail {

template <class F>
struct EdgeOf {
  const Variable& input;
  F function;
  BackwardFunction::Kind kind;
};
template <class MakeFunction>
struct EdgesOf {
  std::span<const Variable> inputs;
  MakeFunction make_function;
};
template <class F, std::size_t N>
struct MultiInputEdgeOf {
  std::array<const Variable*, N> inputs;
  F function;
  BackwardFunction::Kind kind;
};

using Inputs = std::vector<const Variable*>;
template <class F>
void append_inputs(Inputs& inputs, const EdgeOf<F>& edge) {
  inputs.push_back(&edge.input);
}
template <class F>
void append_inputs(Inputs& inputs, const EdgesOf<F>& edges) {
  for (const Variable& input : edges.inputs) inputs.push_back(&input);
}
template <class F, std::size_t N>
void append_inputs(Inputs& inputs, const MultiInputEdgeOf<F, N>& edge) {
  for (const Variable* input : edge.inputs)
    if (input->defined()) inputs.push_back(input);
}

}  // namespace detail

// An edge to `input`, whose function(dy, dx) writes all of dx. dx has the shape and dtype of the
// input.
template <class F>
auto edge(const Variable& input, F function) {
  return detail::EdgeOf<F>{input, std::move(function), detail::BackwardFunction::Kind::write};
}
// An edge whose function may run in place: it reads dy[i] before it writes dx[i], and dx has the
// shape of dy. If dy has no other use, dx is dy.
template <class F>
auto in_place_edge(const Variable& input, F function) {
  return detail::EdgeOf<F>{input, std::move(function), detail::BackwardFunction::Kind::in_place};
}
// An edge with dx = dy, in the shape of the input. dy is copied only for the first contribution to
// a leaf.
inline auto identity_edge(const Variable& input) {
  auto nothing = [](const Tensor&, Tensor&) {};
  return detail::EdgeOf<decltype(nothing)>{input, nothing,
                                           detail::BackwardFunction::Kind::identity};
}
// An edge to each of any number of inputs. make_function(i) returns the function of the edge to
// input i. It is called for each input in order.
template <class MakeFunction>
auto edges(std::span<const Variable> inputs, MakeFunction make_function) {
  return detail::EdgesOf<MakeFunction>{inputs, std::move(make_function)};
}
// An edge for a kernel that yields several gradients at once. In function(dy, dx), dx[i] is null if
// input i requires no gradient. The edge is dropped if no input requires one.
template <std::size_t N, class F>
auto multi_input_edge(std::array<const Variable*, N> inputs, F function) {
  static_assert(N <= detail::BackwardFunction::kMaxTargets);
  return detail::MultiInputEdgeOf<F, N>{inputs, std::move(function),
                                        detail::BackwardFunction::Kind::write};
}
// A multi-input edge whose function may run in place: the first wanted dx of the shape of dy may be
// dy.
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

  // The tape that record() uses on this thread: the tape of the innermost Scope, or else the tape
  // of the thread.
  static Tape& current();

  // Makes a tape current on this thread while the scope lives. Scopes nest, for recomputation
  // inside a backward pass (with EnableGrad). A variable that outlives its tape keeps its value,
  // and its backward() throws UserError.
  class Scope {
   public:
    explicit Scope(Tape& tape);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Tape* before_;
  };

  // Sets a function that a backward pass calls when the last recorded use of a leaf has contributed
  // to its gradient, so that communication can overlap the rest of the pass. A leaf with uses
  // outside the graph of this pass is reported when the pass ends.
  void set_on_ready(std::function<void(Leaf&)> on_ready) { on_ready_ = std::move(on_ready); }
  // Sets a function that is called for each contribution that a backward pass has added to the
  // gradient of a leaf. A trainer learns in this way of leaves that are not its own. A null
  // function, the default, costs one comparison.
  void set_on_gradient(std::function<void(Leaf&)> on_gradient) {
    on_gradient_ = std::move(on_gradient);
  }

  i64 recorded_ops() const { return live_nodes_; }  // those not yet freed
  // The work of Variable::backward(). If it throws, the whole tape is freed.
  void backward(const Variable& from, const Tensor& seed);

  template <class... Edges>
  Variable record(const char* op, Tensor y, Edges&&... edges);

 private:
  friend class detail::Pool;

  template <class F>
  void attach(detail::BackwardFunction*& functions, detail::EdgeOf<F>& edge);
  template <class MakeFunction>
  void attach(detail::BackwardFunction*& functions, detail::EdgesOf<MakeFunction>& edges);
  template <class F, std::size_t N>
  void attach(detail::BackwardFunction*& functions, detail::MultiInputEdgeOf<F, N>& edge);
  // Appends a backward function that holds `function` to the list.
  template <class F>
  detail::BackwardFunction* append(detail::BackwardFunction*& functions, F& function);
  detail::Target target_of(const Variable& input);
  Variable finish(const char* op, Tensor y, detail::BackwardFunction* functions,
                  const detail::Inputs& inputs);

  void free_functions(detail::BackwardFunction*& functions);
  void free(detail::Node& node);
  void unlink(detail::Node& node);
  void run(detail::Node& node);
  void deliver(detail::BackwardFunction& backward, const Tensor& dy, bool last);
  template <std::size_t kTargets>
  void deliver_written(detail::BackwardFunction& backward, const Tensor& dy, bool last);
  void deliver_identity(detail::Target& target, const Tensor& dy);
  void add_contribution(detail::Target& target, Tensor contribution);
  void contribution_done(detail::Target& target);
  void give_up();

  detail::Pool* pool_;
  detail::Node* last_ = nullptr;  // the last of the nodes that are not freed, in execution order
  i64 live_nodes_ = 0;
  i64 reached_nodes_ = 0;  // nodes with a gradient that the current backward pass has yet to run
  std::function<void(Leaf&)> on_ready_, on_gradient_;
  std::vector<std::shared_ptr<Leaf>> waiting_;
};

// Records an op with output `y` and its edges on the current tape.
template <class... Edges>
Variable record(const char* op, Tensor y, Edges&&... edges) {
  return Tape::current().record(op, std::move(y), std::forward<Edges>(edges)...);
}

template <class... Edges>
Variable Tape::record(const char* op, Tensor y, Edges&&... edges) {
  detail::BackwardFunction* functions = nullptr;
  detail::Inputs inputs;
  if (tape_observer() != nullptr) (detail::append_inputs(inputs, edges), ...);
  if (grad_enabled()) {
    try {
      (attach(functions, edges), ...);
    } catch (...) {  // an input is on another tape
      free_functions(functions);
      throw;
    }
  }
  return finish(op, std::move(y), functions, inputs);
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
  // The order of the edges is kept, because an in-place edge may reuse dy only as the last one.
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

template <class MakeFunction>
void Tape::attach(detail::BackwardFunction*& functions, detail::EdgesOf<MakeFunction>& edges) {
  for (std::size_t i = 0; i < edges.inputs.size(); ++i) {
    auto each = edge(edges.inputs[i], edges.make_function(i));
    attach(functions, each);
  }
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
