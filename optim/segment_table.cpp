// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/segment_table.h"

#include <algorithm>
#include <cmath>

#include "weft/kernels/optim/global_norm.h"
#include "weft/tensor/as_bytes.h"

namespace weft::optim {
namespace {

using Parameter = nn::FlatParameters::Segment;

// Throws the error that says what was done with the parameter after the optimizer was built. `flat`
// is the buffer of the optimizer.
[[noreturn]] void fail_out_of_place(const Parameter& parameter, const Tensor& flat) {
  const Tensor& value = parameter.leaf->value;
  if (value.defined() && value.device() != flat.device())
    fail(
        "optimizer: '{}' was moved to {} after the optimizer was built on {}; an optimizer built "
        "after the move is required",
        parameter.name, name_of(value.device()), name_of(flat.device()));
  if (value.defined() && value.dtype() != flat.dtype())
    fail(
        "optimizer: '{}' was converted to {} after the optimizer was built for {}; an optimizer "
        "built after the conversion is required",
        parameter.name, value.dtype(), flat.dtype());
  fail(
      "optimizer: '{}' has other memory than this optimizer gave it, because it was given to "
      "another optimizer or its value was replaced; the step of the last optimizer that was built "
      "for it is required",
      parameter.name);
}

}  // namespace

SegmentTable::SegmentTable(const nn::FlatParameters& parameters) : parameters_(parameters) {
  visit_compute("optimizer", parameters.values().dtype(),
                [&]<class T>() { segments_ = Segments<T>{}; });
}

void SegmentTable::build(std::span<const Tensor> slots, i64 rank, i64 ranks) {
  const Tensor& values = parameters_.values();
  current_ = false;
  chunks_.clear();
  set_parts(rank, ranks);
  std::visit(
      [&]<class T>(Segments<T>& segments) {
        segments.assign(parameters_.segments().size(), {});
        for (std::size_t i = 0; i < segments.size(); ++i) {
          const Parameter& parameter = parameters_.segments()[i];
          kernels::Segment<T>& segment = segments[i];
          segment.param = values.data<T>() + parameter.offset;
          segment.length = parameter.length;
          const Part& part = parts_[i];
          if (part.begin == part.end) continue;
          // The kernels index state by the element of the parameter.
          const i64 first = part.slot_offset - part.begin;
          if (!slots.empty()) segment.first = slots[0].data<T>() + first;
          if (slots.size() > 1) segment.second = slots[1].data<T>() + first;
          if (slots.size() > 2) segment.third = slots[2].data<T>() + first;
          for (i64 begin = part.begin; begin < part.end; begin += kernels::kChunkElements)
            chunks_.push_back(
                {static_cast<i64>(i), begin, std::min(kernels::kChunkElements, part.end - begin)});
        }
      },
      segments_);
  // A launch needs a block, also for a rank whose part has no parameter.
  if (chunks_.empty()) chunks_.push_back({});
  partials_ = Tensor::empty({static_cast<i64>(chunks_.size())}, DType::f64, values.device());
}

void SegmentTable::set_parts(i64 rank, i64 ranks) {
  parts_.assign(parameters_.segments().size(), {});
  for (const nn::FlatParameters::Bucket& bucket : parameters_.buckets()) {
    const i64 length = bucket.length / ranks, first = bucket.offset + rank * length;
    for (const std::size_t i : bucket.segments) {
      const Parameter& parameter = parameters_.segments()[i];
      const i64 offset = parameter.gradient_offset;
      Part& part = parts_[i];
      part.begin = std::clamp<i64>(first - offset, 0, parameter.length);
      part.end = std::clamp<i64>(first + length - offset, 0, parameter.length);
      part.slot_offset = bucket.offset / ranks + offset + part.begin - first;
    }
  }
}

// Compares an address and reads a reference count for each parameter. No other tensor can have the
// address, because the flat buffer is alive. A leaf that only this optimizer holds belongs to no
// model.
void SegmentTable::check_places() const {
  std::visit(
      [&](const auto& segments) {
        for (std::size_t i = 0; i < segments.size(); ++i) {
          const Parameter& parameter = parameters_.segments()[i];
          const Tensor& value = parameter.leaf->value;
          if (!value.defined() || value.raw() != segments[i].param)
            fail_out_of_place(parameter, parameters_.values());
          WEFT_CHECK(
              parameter.leaf.use_count() > 1,
              "optimizer: '{}' is no parameter of a model any more, because it was replaced or the "
              "model is gone; an optimizer built after the replacement is required",
              parameter.name);
        }
      },
      segments_);
}

// Between two steps of one layout only the set of parameters with a gradient can change.
void SegmentTable::refresh() {
  check_places();
  std::visit(
      [&]<class T>(Segments<T>& segments) {
        for (std::size_t i = 0; i < segments.size(); ++i) {
          const Parameter& parameter = parameters_.segments()[i];
          const Leaf& leaf = *parameter.leaf;
          const bool active = leaf.requires_grad && leaf.has_grad;
          WEFT_CHECK(
              !active || parameter.gradient_offset >= 0,
              "optimizer: requires_grad of '{}' was set after the optimizer was built; rebuild() "
              "is required before the next step",
              parameter.name);
          const T* grad = active ? leaf.grad.data<T>() : segments[i].grad;
          if (active == segments[i].active && grad == segments[i].grad) continue;
          fetch_steps();
          segments[i].active = active;
          segments[i].grad = grad;
        }
      },
      segments_);
  if (!on_host()) send();
}

AnyTable SegmentTable::view() {
  AnyTable result{device(), {}};
  std::visit(
      [&]<class T>(Segments<T>& segments) {
        result.typed = kernels::ParameterTable<T>{
            on_host() ? segments.data() : sent_segments_.data<kernels::Segment<T>>(),
            static_cast<i64>(segments.size()),
            on_host() ? chunks_.data() : sent_chunks_.data<kernels::Chunk>(),
            static_cast<i64>(chunks_.size())};
      },
      segments_);
  return result;
}

void SegmentTable::set_rates(std::span<const ParamSettings> rates) {
  fetch_steps();
  std::visit(
      [&](auto& segments) {
        for (std::size_t i = 0; i < segments.size(); ++i) {
          segments[i].lr_factor = rates[i].lr_factor;
          segments[i].weight_decay = rates[i].weight_decay;
        }
      },
      segments_);
}

std::vector<i64> SegmentTable::steps() const {
  std::vector<i64> counts;
  std::visit(
      [&]<class T>(const Segments<T>& segments) {
        Segments<T> now = segments;
        if (current_) as_bytes(std::span(now)).copy_from(sent_segments_);
        for (const kernels::Segment<T>& segment : now) counts.push_back(segment.steps);
      },
      segments_);
  return counts;
}

void SegmentTable::set_steps(std::span<const i64> steps) {
  std::visit(
      [&](auto& segments) {
        for (std::size_t i = 0; i < segments.size(); ++i) segments[i].steps = steps[i];
      },
      segments_);
  current_ = false;
}

// Must be called before the host changes its table, because the copy on the GPU has newer step
// counts.
void SegmentTable::fetch_steps() {
  if (current_) set_steps(steps());
}

void SegmentTable::send() {
  if (current_) return;
  std::visit([&](auto& segments) { send(sent_segments_, as_bytes(std::span(segments))); },
             segments_);
  send(sent_chunks_, as_bytes(std::span(chunks_)));
  current_ = true;
}

// The address stays the same while the size does, because a captured step contains it.
void SegmentTable::send(Tensor& to, const Tensor& from) const {
  if (!to.defined() || to.shape() != from.shape())
    to = Tensor::empty(from.shape(), DType::uint8, device());
  to.copy_from(from);
}

std::vector<double> SegmentTable::gradient_squares() {
  view().visit([&](auto device, const auto& table) {
    kernels::square_sums(device, table, partials_.data<double>());
  });
  const std::vector<double> squares = partials_.to_vector<double>();
  std::vector<double> sums(parameters_.segments().size());
  for (std::size_t c = 0; c < chunks_.size(); ++c)
    sums[static_cast<std::size_t>(chunks_[c].segment)] += squares[c];
  return sums;
}

}  // namespace weft::optim
