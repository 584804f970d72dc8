// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/autocast.h"

namespace weft {
namespace {

thread_local DType current_dtype = DType::f32;
thread_local WeightCasts* current_casts = nullptr;

}  // namespace

WeightCasts::Entry& WeightCasts::entry_of(const std::shared_ptr<Leaf>& leaf) {
  for (std::size_t tried = 0; tried < entries_.size(); ++tried) {
    const std::size_t i = (next_ + tried) % entries_.size();
    if (entries_[i].leaf != leaf) continue;
    next_ = i + 1;
    return entries_[i];
  }
  next_ = 0;
  return entries_.emplace_back(Entry{leaf, {}});
}

Tensor WeightCasts::of(const std::shared_ptr<Leaf>& leaf, DType dtype) {
  Entry& entry = entry_of(leaf);
  if (entry.copy.defined() && entry.generation == generation_ && entry.copy.dtype() == dtype)
    return entry.copy;
  // A new tensor is made, because a graph that is not yet differentiated may hold the old copy.
  entry.copy = leaf->value.to(dtype);
  entry.generation = generation_;
  return entry.copy;
}

Autocast::Autocast(DType dtype, WeightCasts& casts)
    : dtype_before_(current_dtype), casts_before_(current_casts) {
  WEFT_CHECK(dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16,
             "Autocast: {} given; f32, f16 or bf16 is required", dtype);
  current_dtype = dtype;
  current_casts = &casts;
}

Autocast::~Autocast() {
  current_dtype = dtype_before_;
  current_casts = casts_before_;
}

Tensor autocast(const Variable& input) {
  if (current_dtype == DType::f32 || input.dtype() != DType::f32) return input.value();
  return input.is_leaf() ? current_casts->of(input.leaf_state(), current_dtype)
                         : input.value().to(current_dtype);
}

}  // namespace weft
