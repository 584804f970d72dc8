// SPDX-License-Identifier: Apache-2.0
#include "weft/data/check.h"

#include <bit>
#include <cstring>

#include "weft/core/check.h"
#include "weft/core/error.h"

namespace weft::data {

std::optional<i64> find_non_finite(std::span<const float> values) {
  constexpr u32 kExponent = 0x7f800000;  // all ones: infinity or NaN
  u32 bad = 0;
  for (const float value : values) bad |= (std::bit_cast<u32>(value) & kExponent) == kExponent;
  if (bad == 0) return std::nullopt;
  std::size_t i = 0;
  while ((std::bit_cast<u32>(values[i]) & kExponent) != kExponent) ++i;
  return static_cast<i64>(i);
}

void check_info(const DatasetInfo& info) {
  const std::string& name = info.name;
  WEFT_CHECK(info.classes >= 0,
             "{}: classes is {}; a positive number, or 0 for regression, is required", name,
             info.classes);
  const DType wanted = info.has_labels() ? DType::int64 : DType::f32;
  WEFT_CHECK(info.target_dtype == wanted, "{}: targets are {} with {} classes; {} is required",
             name, info.target_dtype, info.classes, wanted);
  const auto check_shape = [&](const std::string& what, const Shape& shape) {
    const i64 elements = shape.elements();
    WEFT_CHECK(elements >= 0 && elements <= kMostCount,
               "{}: {} has the shape {}; known sizes and at most {} elements are required", name,
               what, shape, kMostCount);
  };
  check_shape("a sample", info.sample);
  check_shape("a target", info.target);
  for (const auto& [path, leaf] : info.more.leaves()) check_shape("more." + path, leaf.shape);
}

void check_index(const DatasetInfo& info, i64 index, i64 size) {
  WEFT_CHECK(index >= 0 && index < size, "{} ({}): sample {} was asked for; 0 to {} exist",
             info.name, info.split, index, size - 1);
}

namespace {

void check_values(const DatasetInfo& info, i64 index, std::string_view what, const void* elements,
                  const Shape& shape) {
  const std::span values(static_cast<const float*>(elements),
                         static_cast<std::size_t>(shape.elements()));
  if (const auto bad = find_non_finite(values))
    fail("{} ({}): {} of sample {} holds {} at position {}; finite values are required", info.name,
         info.split, what, index, values[static_cast<std::size_t>(*bad)], *bad);
}

}  // namespace

void check_target(const DatasetInfo& info, i64 index, const void* target) {
  if (info.target_dtype == DType::f32) check_values(info, index, "the target", target, info.target);
  if (!info.has_labels()) return;
  const i64 labels = info.target.elements();
  for (i64 i = 0; i < labels; ++i) {
    i64 label = 0;
    std::memcpy(&label, static_cast<const std::byte*>(target) + i * static_cast<i64>(sizeof label),
                sizeof label);
    WEFT_CHECK(label >= 0 && label < info.classes,
               "{} ({}): the label of sample {} is {}; a class from 0 to {} is required", info.name,
               info.split, index, label, info.classes - 1);
  }
}

void check_sample(const DatasetInfo& info, i64 index, const void* sample, const void* target) {
  if (info.sample_dtype == DType::f32) check_values(info, index, "the input", sample, info.sample);
  check_target(info, index, target);
}

void check_leaf(const DatasetInfo& info, i64 index, const std::string& path, const TensorInfo& leaf,
                const void* elements) {
  if (leaf.dtype == DType::f32) check_values(info, index, "'" + path + "'", elements, leaf.shape);
}

}  // namespace weft::data
