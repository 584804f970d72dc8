// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/node.h"

#include "weft/autograd/tape.h"

namespace weft::detail {

void* Pool::take(std::size_t bytes) {
  ++blocks_;
  const std::size_t units = (bytes + kUnit - 1) / kUnit;
  if (units > kClasses) return ::operator new(bytes);
  if (Block* block = free_[units]; block != nullptr) {
    free_[units] = block->next;
    return block;
  }
  if (used_ + units * kUnit > kChunkBytes) {
    chunks_.push_back(std::make_unique<std::byte[]>(kChunkBytes));
    used_ = 0;
  }
  void* memory = chunks_.back().get() + used_;
  used_ += units * kUnit;
  return memory;
}

void Pool::give_back(void* block, std::size_t bytes) {
  --blocks_;
  const std::size_t units = (bytes + kUnit - 1) / kUnit;
  if (units > kClasses) return ::operator delete(block);
  free_[units] = new (block) Block{free_[units]};
}

// The nodes to destroy form a list instead of a recursion, because a chain of nodes may be longer
// than the stack allows.
void Pool::destroy(Node* node) {
  node->next_to_destroy = std::exchange(to_destroy_, node);
  if (destroying_) return;
  destroying_ = true;
  while (to_destroy_ != nullptr) {
    Node* next = std::exchange(to_destroy_, to_destroy_->next_to_destroy);
    if (!next->freed) next->tape->free(*next);
    next->~Node();
    give_back(next, sizeof(Node));
  }
  destroying_ = false;
  delete_if_unused();
}

void Pool::abandon() {
  abandoned_ = true;
  delete_if_unused();
}

void Pool::delete_if_unused() {
  if (abandoned_ && blocks_ == 0) delete this;
}

}  // namespace weft::detail
