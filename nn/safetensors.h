// SPDX-License-Identifier: Apache-2.0
// The safetensors format: 8 bytes of header length (little-endian), a header in JSON, then the
// bytes of the tensors, row-major and little-endian. Source:
// https://github.com/huggingface/safetensors (README, "Format").
#pragma once
#include <map>
#include <string>

#include "weft/tensor/tensor.h"

namespace weft {

class Sha256;

using TensorMap = std::map<std::string, Tensor>;
using Metadata = std::map<std::string, std::string>;

// The longest header that is read; the reference implementation's limit.
constexpr i64 kMaxSafetensorsHeader = 100'000'000;

// The tensors of a file, on the CPU, and its __metadata__ where asked for. Strict: throws UserError
// that names the file, what was found and what is required, unless the header is JSON of exactly
// the format with no key twice, each tensor has a dtype weft has, at most Shape::kMaxRank axes and
// as many bytes as its shape takes, and the tensors fill the rest of the file without holes,
// overlaps or a byte too many.
TensorMap read_safetensors(const std::string& path, Metadata* metadata = nullptr);

// Only the metadata: does not read the tensors' bytes, but refuses the same headers.
Metadata read_safetensors_metadata(const std::string& path);

// Writes atomically (core/atomic_file.h). Tensors may be on any device. The bytes of a file depend
// only on what is written; each tensor is aligned to its element. Throws UserError for a name that
// is not UTF-8 or "__metadata__", and what AtomicFile throws. The file's bytes are added to `hash`.
void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const Metadata& metadata = {}, Sha256* hash = nullptr);

}  // namespace weft
