// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "weft/core/atomic_file.h"
#include "weft/core/json.h"

namespace weft {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the integers of the format are little-endian");

using Json = nlohmann::json;
constexpr const char* kMetadataKey = "__metadata__";
constexpr i64 kLengthBytes = 8;

struct DTypeName {
  DType dtype;
  std::string_view name;
};
constexpr std::array<DTypeName, 7> kDTypeNames{{{DType::f32, "F32"},
                                                {DType::f64, "F64"},
                                                {DType::f16, "F16"},
                                                {DType::bf16, "BF16"},
                                                {DType::int64, "I64"},
                                                {DType::int32, "I32"},
                                                {DType::uint8, "U8"}}};

std::string_view file_name_of(DType dtype) {
  return std::find_if(kDTypeNames.begin(), kDTypeNames.end(),
                      [&](const DTypeName& row) { return row.dtype == dtype; })
      ->name;
}

// The dtype, shape and place of one tensor. begin and end are in bytes after the header.
struct Extent {
  std::string name;
  DType dtype;
  Shape shape;
  u64 begin, end;
};

struct Header {
  std::vector<Extent> extents;  // in the order of the bytes
  Metadata metadata;
};

// Reads a file. Every error names the file.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {
    file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block
    check(file_ >= 0, "it cannot be opened ({}); a readable file is required",
          std::generic_category().message(errno));
    struct stat info {};
    const bool regular = fstat(file_, &info) == 0 && S_ISREG(info.st_mode);
    if (!regular) close(std::exchange(file_, -1));
    check(regular, "it is no file; a readable file is required");
    bytes_ = static_cast<u64>(info.st_size);
  }
  ~Reader() {
    if (file_ >= 0) close(file_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Header header() {
    check(bytes_ >= kLengthBytes, "it has {} bytes; at least {} are required", bytes_,
          kLengthBytes);
    u64 length = 0;
    read(&length, kLengthBytes, 0);
    check(length <= kMaxSafetensorsHeader, "the header has {} bytes; at most {} are allowed",
          length, kMaxSafetensorsHeader);
    check(length <= bytes_ - kLengthBytes, "the header has {} bytes and the file {}; it is cut off",
          length, bytes_);
    std::string text(static_cast<std::size_t>(length), '\0');
    read(text.data(), length, kLengthBytes);
    data_begin_ = kLengthBytes + length;

    check(text.starts_with('{'), "the header begins with '{}'; a '{{' is required",
          text.substr(0, 1));
    // An entry of the root holds lists; the format goes no deeper.
    const auto json = parse_json<Json>(text, fmt::format("safetensors: {}: the header", path_), 3);
    Header header;
    for (const auto& [name, entry] : json.items()) {
      if (name == kMetadataKey) header.metadata = metadata_of(entry);
      else header.extents.push_back(extent_of(name, entry));
    }
    check_layout(header.extents);
    return header;
  }

  Tensor tensor(const Extent& extent) {
    Tensor tensor = Tensor::empty(extent.shape, extent.dtype);
    read(tensor.raw(), extent.end - extent.begin, data_begin_ + extent.begin);
    return tensor;
  }

 private:
  template <class... A>
  void check(bool holds, fmt::format_string<A...> format, A&&... values) const {
    if (!holds) fail("safetensors: {}: {}", path_, fmt::format(format, std::forward<A>(values)...));
  }

  void read(void* into, u64 bytes, u64 at) {
    char* next = static_cast<char*>(into);
    constexpr u64 kMostAtOnce = u64{1} << 30;  // pread() takes at most 2^31 - 4096 bytes
    while (bytes > 0) {
      const ssize_t got = pread(file_, next, static_cast<std::size_t>(std::min(bytes, kMostAtOnce)),
                                static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      check(got >= 0, "reading failed: {}", std::generic_category().message(errno));
      check(got > 0,
            "it ended at byte {} while it was read; a file that no one changes is required", at);
      next += got;
      bytes -= static_cast<u64>(got);
      at += static_cast<u64>(got);
    }
  }

  Metadata metadata_of(const Json& entry) const {
    check(entry.is_object(), "{} is no object of texts", kMetadataKey);
    Metadata metadata;
    for (const auto& [key, value] : entry.items()) {
      check(value.is_string(), "{} '{}' is {}; a text is required", kMetadataKey, key,
            value.type_name());
      metadata[key] = value.get<std::string>();
    }
    return metadata;
  }

  Extent extent_of(const std::string& name, const Json& entry) const {
    check(entry.is_object() && entry.size() == 3 && entry.contains("dtype") &&
              entry.contains("shape") && entry.contains("data_offsets"),
          "tensor '{}': the keys dtype, shape and data_offsets are required, and no others", name);
    Extent extent{name, dtype_of_name(name, entry["dtype"]), {}, 0, 0};
    const std::vector<u64> offsets = numbers(name, "data_offsets", entry["data_offsets"]);
    check(offsets.size() == 2, "tensor '{}': data_offsets has {} numbers; 2 are required", name,
          offsets.size());
    extent.begin = offsets[0];
    extent.end = offsets[1];
    const u64 available = bytes_ - data_begin_;
    check(
        extent.begin <= extent.end && extent.end <= available,
        "tensor '{}': bytes {} to {} of {}; its end must not be before its begin or after the end "
        "of the file",
        name, extent.begin, extent.end, available);

    const std::vector<u64> sizes = numbers(name, "shape", entry["shape"]);
    check(sizes.size() <= Shape::kMaxRank, "tensor '{}': {} axes; at most {} are supported", name,
          sizes.size(), Shape::kMaxRank);
    u64 bytes = static_cast<u64>(bytes_of(extent.dtype));
    std::vector<i64> signed_sizes;
    for (const u64 size : sizes) {
      check(size <= static_cast<u64>(INT64_MAX) && !__builtin_mul_overflow(bytes, size, &bytes) &&
                bytes <= static_cast<u64>(INT64_MAX),
            "tensor '{}': its shape takes more than 2^63 bytes", name);
      signed_sizes.push_back(static_cast<i64>(size));
    }
    check(bytes == extent.end - extent.begin,
          "tensor '{}': bytes {} to {}, which are {}; its shape and dtype take {}", name,
          extent.begin, extent.end, extent.end - extent.begin, bytes);
    extent.shape = Shape(std::span<const i64>(signed_sizes));
    return extent;
  }

  DType dtype_of_name(const std::string& name, const Json& value) const {
    if (value.is_string())
      for (const DTypeName& row : kDTypeNames)
        if (row.name == value.get_ref<const std::string&>()) return row.dtype;
    fail("safetensors: {}: tensor '{}': dtype {}; known: F32, F64, F16, BF16, I64, I32, U8", path_,
         name, value.dump());
  }

  std::vector<u64> numbers(const std::string& name, const char* key, const Json& list) const {
    check(list.is_array() && std::all_of(list.begin(), list.end(),
                                         [](const Json& n) { return n.is_number_unsigned(); }),
          "tensor '{}': {} is no list of integers that are not negative", name, key);
    return list.get<std::vector<u64>>();
  }

  void check_layout(std::vector<Extent>& extents) const {
    std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    u64 filled = 0;
    for (const Extent& extent : extents) {
      check(extent.begin == filled,
            "tensor '{}' begins at byte {}; {}, where the one before ends, is "
            "required",
            extent.name, extent.begin, filled);
      filled = extent.end;
    }
    check(filled == bytes_ - data_begin_,
          "the tensors take {} bytes and the file has {}; no more and "
          "no fewer are allowed",
          filled, bytes_ - data_begin_);
  }

  const std::string& path_;
  int file_ = -1;
  u64 bytes_ = 0;       // size of the file
  u64 data_begin_ = 0;  // offset of the first tensor in the file
};

// The tensors by decreasing size of the element, so that each is aligned to its element, and then
// by name.
std::vector<std::pair<std::string, Tensor>> in_file_order(const TensorMap& tensors) {
  std::vector<std::pair<std::string, Tensor>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return bytes_of(a.second.dtype()) > bytes_of(b.second.dtype());
  });
  return ordered;
}

std::string header_text(const std::string& path,
                        const std::vector<std::pair<std::string, Tensor>>& tensors,
                        const Metadata& metadata) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!metadata.empty()) json[kMetadataKey] = metadata;
  i64 begin = 0;
  for (const auto& [name, tensor] : tensors) {
    WEFT_CHECK(name != kMetadataKey,
               "safetensors: {}: a tensor is named {}; another name is required", path, name);
    json[name] = {{"dtype", file_name_of(tensor.dtype())},
                  {"shape", std::vector<i64>(tensor.shape().begin(), tensor.shape().end())},
                  {"data_offsets", {begin, begin + bytes_of(tensor)}}};
    begin += bytes_of(tensor);
  }
  try {
    std::string text = json.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
  } catch (const Json::exception&) {
    fail("safetensors: {}: a name or a metadata text is not UTF-8; UTF-8 is required", path);
  }
}

}  // namespace

TensorMap read_safetensors(const std::string& path, Metadata* metadata) {
  Reader reader(path);
  Header header = reader.header();
  TensorMap tensors;
  for (const Extent& extent : header.extents) tensors.emplace(extent.name, reader.tensor(extent));
  if (metadata != nullptr) *metadata = std::move(header.metadata);
  return tensors;
}

Metadata read_safetensors_metadata(const std::string& path) {
  return Reader(path).header().metadata;
}

void write_safetensors(const std::string& path, const TensorMap& tensors, const Metadata& metadata,
                       Sha256* hash) {
  for (const auto& [name, tensor] : tensors)
    WEFT_CHECK(tensor.defined(),
               "safetensors: {}: tensor '{}' is undefined; a tensor with elements is required",
               path, name);
  const auto ordered = in_file_order(tensors);
  const std::string header = header_text(path, ordered, metadata);
  const u64 length = header.size();
  WEFT_CHECK(length <= kMaxSafetensorsHeader,
             "safetensors: {}: the header takes {} bytes; at most {} are allowed", path, length,
             kMaxSafetensorsHeader);
  AtomicFile file(path, hash, NamedBy::user);
  file.write(&length, sizeof length);
  file.write(header);
  for (const auto& [name, tensor] : ordered) {
    const Tensor host = tensor.to(Device{Cpu{}});
    file.write(host.raw(), bytes_of(host));
  }
  file.commit();
}

}  // namespace weft
