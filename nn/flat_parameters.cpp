// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/flat_parameters.h"

namespace weft::nn {
namespace {
constexpr i64 kAlignment = 16;  // elements: 64 bytes of f32
i64 aligned(i64 elements, i64 alignment = kAlignment) {
  return (elements + alignment - 1) / alignment * alignment;
}
}  // namespace

FlatParameters::FlatParameters(const NamedParameters& parameters) {
  WEFT_CHECK(!parameters.empty(),
             "parameters: none given; a model needs at least one to be trained");
  const Tensor& first = parameters.front().variable.value();
  i64 total = 0;
  for (const NamedParameter& p : parameters) {
    const Tensor& value = p.variable.value();
    WEFT_CHECK(value.dtype() == first.dtype() && value.device() == first.device(),
               "parameters: '{}' is {} on {} and '{}' {} on {}; one dtype and device are required",
               p.name, value.dtype(), name_of(value.device()), parameters.front().name,
               first.dtype(), name_of(first.device()));
    segments_.push_back({p.name, p.variable.leaf_state(), total, value.elements(), -1});
    total += aligned(value.elements());
  }
  values_ = Tensor::zeros({total}, first.dtype(), first.device());
  for (const Segment& segment : segments_) {
    const Tensor place = values_.range(segment.offset, segment.leaf->value.shape());
    place.copy_from(segment.leaf->value);
    segment.leaf->value = place;
  }
  allocate_gradients();
}

void FlatParameters::allocate_gradients() {
  buckets_.clear();
  i64 total = 0;
  bool is_full = true;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    segment.gradient_offset = -1;
    if (!segment.leaf->requires_grad) continue;
    if (is_full) {
      total = aligned(total, kAlignment * bucket_rule_.parts);
      buckets_.push_back({.offset = total});
    }
    Bucket& bucket = buckets_.back();
    segment.gradient_offset = total;
    bucket.segments.push_back(i);
    total += aligned(segment.length);
    bucket.length = aligned(total - bucket.offset, kAlignment * bucket_rule_.parts);
    is_full = bucket.length * bytes_of(values_.dtype()) >= bucket_rule_.bytes;
  }
  if (!buckets_.empty()) total = buckets_.back().offset + buckets_.back().length;
  gradients_ = Tensor::zeros({total}, values_.dtype(), values_.device());
  for (const Segment& segment : segments_) {
    segment.leaf->has_grad = false;
    segment.leaf->grad =
        segment.gradient_offset < 0
            ? Tensor()
            : gradients_.range(segment.gradient_offset, segment.leaf->value.shape());
  }
  ++layout_version_;
}

void FlatParameters::zero_grad() const {
  for (const Segment& segment : segments_) segment.leaf->has_grad = false;
}

}  // namespace weft::nn
