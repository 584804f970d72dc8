// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/record.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "weft/core/error.h"
#include "weft/core/printable.h"
#include "weft/data/check.h"
#include "weft/nn/safetensors_header.h"

namespace weft::data {
namespace {

constexpr i64 kHeaderLengthBytes = 8;
constexpr i64 kMostRecordHeader = 4096;
constexpr const char* kRecordSubject = "the record";

StoredTensor wanted_tensor(const char* name, DType dtype, const Shape& shape) {
  return {name, std::string(stored_name_of(dtype)), {shape.begin(), shape.end()}};
}

void copy_tensor(const SafetensorsHeader& header, const StoredTensor& wanted,
                 std::span<const u8> data, std::byte* to) {
  const auto found = std::find_if(header.tensors.begin(), header.tensors.end(),
                                  [&](const StoredTensor& t) { return t.name == wanted.name; });
  const bool there = found != header.tensors.end();
  WEFT_CHECK(there && found->dtype == wanted.dtype && found->sizes == wanted.sizes,
             "its {} is {}; {} is required", wanted.name, there ? found->to_string() : "missing",
             wanted.to_string());
  if (found->end > found->begin)
    std::memcpy(to, data.data() + found->begin,
                static_cast<std::size_t>(found->end - found->begin));
}

nlohmann::json description_of(const StoredTensor& tensor) {
  return {{"dtype", tensor.dtype}, {"shape", tensor.sizes}};
}

}  // namespace

i64 most_record_bytes(const DatasetInfo& info) {
  return kHeaderLengthBytes + kMostRecordHeader + info.sample_bytes() + info.target_bytes();
}

void read_record(std::span<const u8> bytes, const DatasetInfo& info, i64 number, std::byte* sample,
                 std::byte* target) {
  WEFT_CHECK(std::ssize(bytes) >= kHeaderLengthBytes,
             "it has {} bytes; a safetensors file is required", bytes.size());
  u64 length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::span<const u8> rest = bytes.subspan(sizeof length);
  WEFT_CHECK(length <= rest.size() && length <= kMostRecordHeader,
             "its header has {} bytes, and it has {} in all; at most {} in the header, and a whole "
             "record, are required",
             length, bytes.size(), kMostRecordHeader);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), length);
  const std::span<const u8> data = rest.subspan(length);
  const SafetensorsHeader header = parse_safetensors_header(text, std::ssize(data), kRecordSubject);
  for (const StoredTensor& tensor : header.tensors)
    WEFT_CHECK(tensor.name == "x" || tensor.name == "y",
               "it has a tensor '{}'; x and y are required", excerpt(printable_line(tensor.name)));
  copy_tensor(header, wanted_tensor("x", info.sample_dtype, info.sample), data, sample);
  copy_tensor(header, wanted_tensor("y", info.target_dtype, info.target), data, target);
  check_sample(info, number, sample, target);
}

std::string record_description(const DatasetInfo& info) {
  const nlohmann::json description{
      {"x", description_of(wanted_tensor("x", info.sample_dtype, info.sample))},
      {"y", description_of(wanted_tensor("y", info.target_dtype, info.target))}};
  return description.dump();
}

}  // namespace weft::data
