// SPDX-License-Identifier: Apache-2.0
// The parts of a tape: one node per op with its backward functions (Note [Tape], autograd/tape.h),
// and the memory that they lie in.
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

// The memory of nodes and backward functions: blocks in size classes, which are reused after they
// are given back. The pool lives until its tape is destroyed and the last block has been given
// back.
class Pool {
 public:
  static constexpr std::size_t kAlignment = alignof(std::max_align_t);

  void* take(std::size_t bytes);
  void give_back(void* block, std::size_t bytes);
  // Frees a node whose last reference is gone, and the nodes that only it referred to.
  void destroy(Node* node);
  // Called when the tape is destroyed. Deletes the pool once no block is in use.
  void abandon();

 private:
  static constexpr std::size_t kChunkBytes = 64 * 1024;
  static constexpr std::size_t kUnit = 64;     // the size of a block is a multiple of it, in bytes
  static constexpr std::size_t kClasses = 32;  // larger blocks come from the heap
  struct Block {
    Block* next;
  };
  void delete_if_unused();

  std::array<Block*, kClasses + 1> free_{};  // free blocks by size in units
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t used_ = kChunkBytes;  // bytes of the last chunk
  i64 blocks_ = 0;                  // blocks in use
  Node* to_destroy_ = nullptr;
  bool destroying_ = false;
  bool abandoned_ = false;
};

// The destination of a gradient: a leaf, or the node of an earlier op. The target keeps it alive.
struct Target {
  std::shared_ptr<Leaf> leaf = nullptr;
  Node* node = nullptr;
  bool wanted() const { return leaf != nullptr || node != nullptr; }
};

// The backward function of one edge, with one target per input of the edge.
struct BackwardFunction {
  static constexpr int kMaxTargets = 4;
  using Invoke = void (*)(void* function, const Tensor& dy, std::span<Tensor* const> dx);
  enum class Kind : u8 { write, in_place, identity };

  BackwardFunction* next = nullptr;
  Invoke invoke = nullptr;
  void (*destroy)(void* function) = nullptr;
  void* function = nullptr;
  std::size_t block_bytes = 0;  // the block holds this object and the object at `function`
  Kind kind = Kind::write;
  int targets = 1;
  std::array<Target, kMaxTargets> target;
};

// The nodes that were recorded directly before and after a node.
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
  i64 references = 1;    // from variables, targets of later ops, and one while `reached`
  bool freed = false;    // its backward functions are freed, and it is no longer on the tape
  bool reached = false;  // it has a gradient, and the current backward pass has yet to run it
  DType dtype = DType::f32;
  Device device;
  Shape shape;
  Tensor grad;
  std::string scope;  // set only while a TapeObserver is set
};

inline void release(Node* node) {
  if (--node->references == 0) node->pool->destroy(node);
}

}  // namespace detail
}  // namespace weft
