// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file, and the dtypes that the format has.
//
// Note [Stricter than the reference]
// Header and data are checked as the reference implementation (safetensors 0.8.0) checks them.
// These files are refused although it reads them:
//   - A key that an object has twice. The format forbids it, and readers differ in which one they
//     take.
//   - A tensor with a key besides dtype, shape and data_offsets, or given as a list. The format has
//     no such entries.
//   - A size above 2^63 - 1, also beside a size of 0. weft's sizes are signed.
// Everything else that it reads is read. Tensors that weft cannot hold (safetensors.h) do not hide
// the others of their file.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft {

using Metadata = std::map<std::string, std::string>;
inline constexpr const char* kMetadataKey = "__metadata__";  // a key of the header, no tensor

// What a header says of a tensor.
struct StoredTensor {
  std::string name;
  std::string dtype;              // "F32", "F8_E4M3"
  std::vector<i64> sizes;         // of its axes, of which there may be more than Shape::kMaxRank
  i64 begin = 0, end = 0;         // bytes after the header
  std::string to_string() const;  // "F32 (2, 3)", or "F32 of 17 axes"
};

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;  // in the order of their bytes
  Metadata metadata;
};

// Reads a header that `data_bytes` bytes of tensors follow, in time and memory proportional to its
// length. Throws UserError that begins with "safetensors: PATH: ", unless it is JSON of exactly the
// format, each tensor has as many bytes as its shape and dtype take, and the tensors fill the data
// without holes, overlaps or a byte too many.
SafetensorsHeader parse_safetensors_header(std::string_view text, i64 data_bytes,
                                           const std::string& path);

// A dtype of the format.
struct StoredDType {
  std::string_view name;
  int bits;         // of an element
  DType dtype;      // of the tensor that read() makes
  bool same_bytes;  // the file holds the bytes of that tensor
  // Writes `count` elements from bytes of the file to elements of `dtype`. Returns the position of
  // the first one that `dtype` cannot hold, or nothing. Null if same_bytes, or if `obstacle` says
  // why there is no conversion.
  std::optional<i64> (*convert)(const u8* from, i64 count, void* to);
  std::string_view obstacle;
};

// Null for a name that the format does not have.
const StoredDType* stored_dtype(std::string_view name);
// The name of a dtype of weft in the format.
std::string_view stored_name_of(DType dtype);
// "BOOL, F4, …"
std::string known_stored_dtypes();

}  // namespace weft
