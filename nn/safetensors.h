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

// The maximum length of a header in bytes, which is the limit of the reference implementation.
constexpr i64 kMaxSafetensorsHeader = 100'000'000;

// The tensors of a file, on the CPU, and its __metadata__ if `metadata` is not null. Throws
// UserError, which names the file, what was found and what is required, for a file that differs
// from the format in any way. The header must be JSON of exactly the format, and no key may come
// twice. Each tensor must have a dtype that weft has, at most Shape::kMaxRank axes, and as many
// bytes as its shape takes. The tensors must fill the rest of the file without gaps, overlaps or
// trailing bytes.
TensorMap read_safetensors(const std::string& path, Metadata* metadata = nullptr);

// Reads only the metadata, not the bytes of the tensors. It throws for the same headers.
Metadata read_safetensors_metadata(const std::string& path);

// Writes a file atomically (core/atomic_file.h). Tensors may be on any device. The bytes of the
// file depend only on the arguments, and each tensor is aligned to its element. The bytes are added
// to `hash`. Throws UserError for a name that is not UTF-8 or is "__metadata__", and the errors of
// AtomicFile.
void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const Metadata& metadata = {}, Sha256* hash = nullptr);

}  // namespace weft
