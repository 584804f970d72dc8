// SPDX-License-Identifier: Apache-2.0
// The safetensors format: 8 bytes of header length (little-endian), a header in JSON, then the
// bytes of the tensors, row-major and little-endian. Source:
// https://github.com/huggingface/safetensors (README, "Format").
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/core/regular_file.h"
#include "weft/nn/safetensors_header.h"
#include "weft/tensor/tensor.h"

namespace weft {

class Sha256;

using TensorMap = std::map<std::string, Tensor>;

// The maximum length of a header in bytes, which is the limit of the reference implementation.
constexpr i64 kMaxSafetensorsHeader = 100'000'000;

// A file whose header was read and checked against the file's size (nn/safetensors_header.h); the
// tensors are read one by one. Throws UserError that names the file, what was found and what is
// required, and IoError if the system does not let weft read the file.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::string path);

  const Metadata& metadata() const { return header_.metadata; }
  const std::vector<StoredTensor>& tensors() const { return header_.tensors; }
  // A tensor of the file, on the CPU. A dtype that weft does not compute in is converted without
  // loss: BOOL to uint8 (0 or 1), I8, I16 and U16 to int32, U32 and U64 to int64, and the 8-bit
  // floats to f32. Throws UserError for a tensor that weft cannot hold: C64, F4 or F6, more than
  // Shape::kMaxRank axes, or an element of U64 above 2^63 - 1.
  Tensor read(const StoredTensor& tensor) const;
  // For such a tensor, returns an undefined one and puts the reason into `obstacle`.
  Tensor read(const StoredTensor& tensor, std::string& obstacle) const;

 private:
  template <class... A>
  void check(bool holds, fmt::format_string<A...> format, A&&... values) const;
  void read_bytes(void* into, i64 bytes, i64 at) const;
  Tensor converted(const StoredTensor& tensor, const Shape& shape, std::string& obstacle) const;

  std::string path_;
  RegularFile file_;
  i64 data_begin_ = 0;  // where the bytes of the tensors begin in the file
  SafetensorsHeader header_;
};

// All tensors of a file that weft can hold, and its __metadata__ where asked for. The others are
// passed over with a warning.
TensorMap read_safetensors(const std::string& path, Metadata* metadata = nullptr);

// Reads only the metadata, not the bytes of the tensors. It throws for the same headers.
Metadata read_safetensors_metadata(const std::string& path);

// Writes a file atomically (core/atomic_file.h). Tensors may be on any device. The bytes of the
// file depend only on the arguments, and each tensor is aligned to its element. The bytes are added
// to `hash`. Throws UserError for a name that is not UTF-8 or is "__metadata__", and the errors of
// AtomicFile.
void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const Metadata& metadata = {}, Sha256* hash = nullptr);

// The same bytes in memory. Errors name `subject` in place of the file.
std::string safetensors_bytes(const std::string& subject, const TensorMap& tensors);

}  // namespace weft
