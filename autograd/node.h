// SPDX-License-Identifier: Apache-2.0
// What a tape consists of: a node per op, with its backward functions (Note [Tape],
// autograd/tape.h), and the memory they lie in.
#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "weft/autograd/variable.h"

namespace weft {

class Tape;

namespace detail {

struct Node;

// Memory for nodes and backward functions: blocks in size classes, which are used again when given
// back. It lives until its tape is gone and the last block was given back.
class Pool {
 public:
  static constexpr std::size_t kAlignment = alignof(std::max_align_t);

  void* take(std::size_t bytes);
  void give_back(void* block, std::size_t bytes);
  // Frees a node that nothing refers to any more, and with it those that only it referred to.
  void destroy(Node* node);
  // The tape is gone.
  void abandon();

 private:
  static constexpr std::size_t kChunkBytes = 64 * 1024;
  static constexpr std::size_t kUnit = 64;     // blocks are multiples of it
  static constexpr std::size_t kClasses = 32;  // larger blocks come from the heap
  struct Block {
    Block* next;
  };
  void delete_if_unused();

  std::array<Block*, kClasses + 1> free_{};  // by size in units
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t used_ = kChunkBytes;  // of the last chunk
  i64 blocks_ = 0;                  // handed out
  Node* to_destroy_ = nullptr;
  bool destroying_ = false;
  bool abandoned_ = false;
};

// Where a gradient goes: to a leaf or to the node of an earlier op, which it keeps alive.
struct Target {
  std::shared_ptr<Leaf> leaf = nullptr;
  Node* node = nullptr;
  bool wanted() const { return leaf != nullptr || node != nullptr; }
};

// The backward function of one edge, with one target per input.
struct BackwardFunction {
  static constexpr int kMaxTargets = 4;
  using Invoke = void (*)(void* function, const Tensor& dy, std::span<Tensor* const> dx);
  enum class Kind : u8 { write, in_place, identity };

  BackwardFunction* next = nullptr;
  Invoke invoke = nullptr;
  void (*destroy)(void* function) = nullptr;
  void* function = nullptr;
  std::size_t block_bytes = 0;  // of this and of what `function` points to
  Kind kind = Kind::write;
  int targets = 1;
  std::array<Target, kMaxTargets> target;
};

// The nodes recorded just before and just after one.
struct Neighbours {
  Node *before = nullptr, *after = nullptr;
};

struct Node {
  Tape* tape = nullptr;
  Pool* pool = nullptr;
  const char* op = nullptr;
  BackwardFunction* functions = nullptr;
  Neighbours on_tape;
  Node* next_to_destroy = nullptr;
  i64 references = 1;    // variables, targets of later ops, and one while `reached`
  bool freed = false;    // its backward functions are gone, and it is off the tape
  bool reached = false;  // by the backward pass under way, which has yet to run it
  DType dtype = DType::f32;
  Device device;
  Shape shape;
  Tensor grad;
  std::string scope;  // filled only under an observer
};

inline void release(Node* node) {
  if (--node->references == 0) node->pool->destroy(node);
}

}  // namespace detail
}  // namespace weft
