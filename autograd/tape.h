// SPDX-License-Identifier: Apache-2.0
// The tape: what was computed, in order, and how to go back.
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
// - The capture list is the memory bill: what it names lives until the backward pass has passed.
// - An edge toward an input that wants no gradient is dropped here, with all it captured.
// - Edges write; only the tape adds. A leaf's first contribution is written straight into its grad
//   buffer, an inner node's into a fresh tensor; later ones go to scratch that the tape adds.
// - The tape is a vector in execution order. backward() walks it in reverse, freeing as it goes: no
//   sorting, no recursion. When nothing recorded is left, the memory is reused from the start.
// - Edges lie in an arena, so that recording an op costs no call to the heap once warm.
#pragma once
#include <functional>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

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

// The module path ops are recorded under, on this thread ("features.0"). Kept by nn::Module while an
// observer is set.
std::string& module_scope();

namespace detail {

// Memory for edges: chunks handed out front to back, reset as a whole.
class Arena {
 public:
  void* take(std::size_t bytes, std::size_t alignment);
  void reset();

 private:
  static constexpr std::size_t kChunkBytes = 64 * 1024;
  struct Chunk {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size = 0;
  };
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

// Where a gradient goes.
struct Target {
  std::shared_ptr<Leaf> leaf = nullptr;  // or
  i64 node = -1;
  u64 generation = 0;
  bool wanted() const { return leaf != nullptr || node >= 0; }
};

// One recorded backward function: several targets for a joint one, else one.
struct Pull {
  static constexpr int kMaxTargets = 4;
  using Invoke = void (*)(void* function, const Tensor& dy, std::span<Tensor* const> dx);
  enum class Kind : u8 { write, in_place, pass };

  Pull* next = nullptr;
  Invoke invoke = nullptr;
  void (*destroy)(void* function) = nullptr;
  void* function = nullptr;
  Kind kind = Kind::write;
  int targets = 1;
  std::array<Target, kMaxTargets> target;
};

struct Node {
  const char* op = nullptr;
  Pull* pulls = nullptr;
  Tensor grad;
  Shape shape;
  DType dtype = DType::f32;
  Device device;
  std::string scope;  // filled only under an observer
  bool freed = false;
};

template <class F>
struct EdgeOf {
  const Variable& input;
  F function;
  Pull::Kind kind;
};
template <class F, std::size_t N>
struct JointOf {
  std::array<const Variable*, N> inputs;
  F function;
  Pull::Kind kind;
};

}  // namespace detail

// {input, function(dy, dx)}: writes all of dx, which has the input's shape and dtype.
template <class F>
auto edge(const Variable& input, F function) {
  return detail::EdgeOf<F>{input, std::move(function), detail::Pull::Kind::write};
}
// The same for a function that reads dy[i] before it writes dx[i], with dx of dy's shape: when nobody
// else needs dy, dx is dy.
template <class F>
auto in_place_edge(const Variable& input, F function) {
  return detail::EdgeOf<F>{input, std::move(function), detail::Pull::Kind::in_place};
}
// dx = dy, under the input's shape; no copy is made unless needed.
inline auto pass(const Variable& input) {
  auto nothing = [](const Tensor&, Tensor&) {};
  return detail::EdgeOf<decltype(nothing)>{input, nothing, detail::Pull::Kind::pass};
}
// A kernel that yields several gradients at once: function(dy, dx) where dx[i] is null when input i
// wants none. Dropped when no input wants one.
template <std::size_t N, class F>
auto joint(std::array<const Variable*, N> inputs, F function) {
  static_assert(N <= detail::Pull::kMaxTargets);
  return detail::JointOf<F, N>{inputs, std::move(function), detail::Pull::Kind::write};
}
// The same for a function that lets the first dx of dy's shape that is wanted be dy.
template <std::size_t N, class F>
auto in_place_joint(std::array<const Variable*, N> inputs, F function) {
  static_assert(N <= detail::Pull::kMaxTargets);
  return detail::JointOf<F, N>{inputs, std::move(function), detail::Pull::Kind::in_place};
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
  // backward pass (with EnableGrad). The tape must outlive every variable recorded on it.
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

  i64 recorded_ops() const { return live_nodes_; }  // not yet freed
  void backward(const Variable& from, const Tensor& seed);

  template <class... Edges>
  Variable record(const char* op, Tensor y, Edges&&... edges);

 private:
  friend class Variable;
  friend bool requires_grad(const Variable& variable);

  template <class F>
  bool attach(detail::Pull*& pulls, detail::EdgeOf<F>& edge);
  template <class F, std::size_t N>
  bool attach(detail::Pull*& pulls, detail::JointOf<F, N>& joint);
  template <class F>
  void hold(detail::Pull& pull, F& function);
  detail::Pull* new_pull(detail::Pull*& list);
  detail::Target target_of(const Variable& input);
  Variable finish(const char* op, Tensor y, detail::Pull* pulls);

  void release_variable();
  void free_pulls(detail::Node& node);
  void run(detail::Node& node);
  void deliver(detail::Pull& pull, const Tensor& dy, bool last);
  void deliver_pass(detail::Target& target, const Tensor& dy);
  void add_contribution(detail::Target& target, const Tensor& contribution);
  void contribution_done(detail::Target& target);
  void reset();

  std::vector<detail::Node> nodes_;
  std::size_t used_ = 0;  // nodes in use; the rest of the vector keeps its capacity
  i64 live_nodes_ = 0;
  i64 live_variables_ = 0;
  u64 generation_ = 1;
  detail::Arena arena_;
  std::function<void(Leaf&)> on_ready_;
  std::vector<std::shared_ptr<Leaf>> waiting_;
};

// Records an op on the current tape. `y` is the output; edges as above.
template <class... Edges>
Variable record(const char* op, Tensor y, Edges&&... edges) {
  return Tape::current().record(op, std::move(y), std::forward<Edges>(edges)...);
}

template <class... Edges>
Variable Tape::record(const char* op, Tensor y, Edges&&... edges) {
  detail::Pull* pulls = nullptr;
  if (grad_enabled()) (attach(pulls, edges), ...);
  return finish(op, std::move(y), pulls);
}

template <class F>
void Tape::hold(detail::Pull& pull, F& function) {
  pull.function = new (arena_.take(sizeof(F), alignof(F))) F(std::move(function));
  if constexpr (!std::is_trivially_destructible_v<F>)
    pull.destroy = [](void* held) { static_cast<F*>(held)->~F(); };
}

template <class F>
bool Tape::attach(detail::Pull*& pulls, detail::EdgeOf<F>& edge) {
  if (!edge.input.requires_grad()) return false;
  detail::Pull* pull = new_pull(pulls);
  pull->kind = edge.kind;
  pull->target[0] = target_of(edge.input);
  hold(*pull, edge.function);
  pull->invoke = [](void* function, const Tensor& dy, std::span<Tensor* const> dx) {
    (*static_cast<F*>(function))(dy, *dx[0]);
  };
  return true;
}

template <class F, std::size_t N>
bool Tape::attach(detail::Pull*& pulls, detail::JointOf<F, N>& joint) {
  bool wanted = false;
  for (const Variable* input : joint.inputs) wanted |= input->requires_grad();
  if (!wanted) return false;
  detail::Pull* pull = new_pull(pulls);
  pull->kind = joint.kind;
  pull->targets = static_cast<int>(N);
  for (std::size_t i = 0; i < N; ++i)
    if (joint.inputs[i]->requires_grad()) pull->target[i] = target_of(*joint.inputs[i]);
  hold(*pull, joint.function);
  pull->invoke = [](void* function, const Tensor& dy, std::span<Tensor* const> dx) {
    (*static_cast<F*>(function))(dy, dx);
  };
  return true;
}

}  // namespace weft
