// SPDX-License-Identifier: Apache-2.0
// Input: a safetensors file. What is read is written, and then reads back equal.
#include "weft/nn/safetensors.h"

#include <cstring>

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

bool same_tensor(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         (a.elements() == 0 ||
          std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(bytes_of(a))) == 0);
}

void run_safetensors(std::string_view input) {
  const std::string path = write("weights.safetensors", input).string();
  Metadata metadata;
  const TensorMap tensors = read_safetensors(path, &metadata);
  WEFT_ASSERT(read_safetensors_metadata(path) == metadata, "the metadata depend on the reader");

  const std::string copy = (folder() / "copy.safetensors").string();
  write_safetensors(copy, tensors, metadata);
  Metadata same_metadata;
  const TensorMap same = read_safetensors(copy, &same_metadata);
  WEFT_ASSERT(same_metadata == metadata, "the metadata differ after writing");
  WEFT_ASSERT(same.size() == tensors.size(), "{} of {} tensors were written", same.size(),
              tensors.size());
  for (const auto& [name, tensor] : tensors)
    WEFT_ASSERT(same_tensor(same.at(name), tensor), "'{}' differs after writing", name);
}

const bool registered = add("safetensors", run_safetensors);

}  // namespace
}  // namespace weft::fuzz
