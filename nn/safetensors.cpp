// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/safetensors.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/atomic_file.h"
#include "weft/core/checked.h"
#include "weft/core/log.h"

namespace weft {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the integers of the format are little-endian");

constexpr i64 kLengthBytes = 8;

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
  // Appends, because [] would compare each name with all before it. The names are unique.
  auto& entries = json.get_ref<nlohmann::ordered_json::object_t&>();
  i64 begin = 0;
  for (const auto& [name, tensor] : tensors) {
    WEFT_CHECK(name != kMetadataKey,
               "safetensors: {}: a tensor is named {}; another name is required", path, name);
    entries.emplace_back(
        name, nlohmann::ordered_json{
                  {"dtype", stored_name_of(tensor.dtype())},
                  {"shape", std::vector<i64>(tensor.shape().begin(), tensor.shape().end())},
                  {"data_offsets", {begin, begin + bytes_of(tensor)}}});
    begin += bytes_of(tensor);
  }
  try {
    std::string text = json.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
  } catch (const nlohmann::json::exception&) {
    fail("safetensors: {}: a name or a metadata text is not UTF-8; UTF-8 is required", path);
  }
}

// "a (C64 (2), …); …", cut after a few.
std::string listed_obstacles(const std::vector<std::string>& obstacles) {
  constexpr std::size_t kShown = 3;
  const std::size_t shown = std::min(kShown, obstacles.size());
  std::string text = fmt::format(
      "{}",
      fmt::join(obstacles.begin(), obstacles.begin() + static_cast<std::ptrdiff_t>(shown), "; "));
  if (obstacles.size() > shown) text += fmt::format("; and {} more", obstacles.size() - shown);
  return text;
}

}  // namespace

template <class... A>
void SafetensorsFile::check(bool holds, fmt::format_string<A...> format, A&&... values) const {
  if (!holds) fail("safetensors: {}: {}", path_, fmt::format(format, std::forward<A>(values)...));
}

SafetensorsFile::SafetensorsFile(std::string path) : path_(std::move(path)), file_(path_) {
  file_.defect().check(fmt::format("safetensors: {}: it", path_), "a readable file is required");
  const i64 bytes = file_.bytes();
  check(bytes >= kLengthBytes, "it has {} bytes; at least {} are required", bytes, kLengthBytes);
  u64 length = 0;
  read_bytes(&length, kLengthBytes, 0);
  if (length > static_cast<u64>(kMaxSafetensorsHeader)) {
    const std::string_view begin(reinterpret_cast<const char*>(&length), sizeof length);
    check(!begin.starts_with("\x93NUMPY"),
          "it is a file of NumPy (.npy); a safetensors file is required");
    check(!begin.starts_with("PK\x03\x04"),
          "it is a ZIP archive (as .npz and .pt are); a safetensors file is required");
  }
  check(length <= kMaxSafetensorsHeader, "the header has {} bytes; at most {} are allowed", length,
        kMaxSafetensorsHeader);
  data_begin_ = kLengthBytes + static_cast<i64>(length);
  check(data_begin_ <= bytes, "the header has {} bytes and the file {}; it is cut off", length,
        bytes);
  std::string text(length, '\0');
  read_bytes(text.data(), static_cast<i64>(length), kLengthBytes);
  header_ = parse_safetensors_header(text, bytes - data_begin_, path_);
}

void SafetensorsFile::read_bytes(void* into, i64 bytes, i64 at) const {
  file_.read(into, bytes, at)
      .check(fmt::format("safetensors: {}: it", path_),
             "a file that can be read and that no one changes is required");
}

Tensor SafetensorsFile::read(const StoredTensor& tensor) const {
  std::string obstacle;
  Tensor result = read(tensor, obstacle);
  check(obstacle.empty(), "tensor '{}' is {}: {}; a tensor that weft can hold is required",
        tensor.name, tensor.to_string(), obstacle);
  return result;
}

Tensor SafetensorsFile::read(const StoredTensor& tensor, std::string& obstacle) const {
  const StoredDType& stored = *stored_dtype(tensor.dtype);
  obstacle = stored.obstacle;
  if (tensor.sizes.size() > Shape::kMaxRank)
    obstacle = fmt::format("it has {} axes, and a tensor of weft at most {}", tensor.sizes.size(),
                           Shape::kMaxRank);
  if (!product_if_fits(std::span<const i64>(tensor.sizes)))
    obstacle = "the product of some of its sizes is above 2^63 - 1";
  if (!obstacle.empty()) return {};
  const Shape shape{std::span<const i64>(tensor.sizes)};
  if (!stored.same_bytes) return converted(tensor, shape, obstacle);
  Tensor result = Tensor::empty(shape, stored.dtype);
  read_bytes(result.raw(), tensor.end - tensor.begin, data_begin_ + tensor.begin);
  return result;
}

// Converts a part at a time, so that the bytes of the file take little memory beside the result.
Tensor SafetensorsFile::converted(const StoredTensor& tensor, const Shape& shape,
                                  std::string& obstacle) const {
  constexpr i64 kPartElements = 1 << 16;
  const StoredDType& stored = *stored_dtype(tensor.dtype);
  const i64 element_bytes = stored.bits / 8, elements = shape.elements();
  Tensor result = Tensor::empty(shape, stored.dtype);
  std::vector<u8> part(static_cast<std::size_t>(std::min(elements, kPartElements) * element_bytes));
  for (i64 begin = 0; begin < elements; begin += kPartElements) {
    const i64 count = std::min(kPartElements, elements - begin);
    read_bytes(part.data(), count * element_bytes,
               data_begin_ + tensor.begin + begin * element_bytes);
    void* const to = static_cast<std::byte*>(result.raw()) + begin * bytes_of(stored.dtype);
    if (const std::optional<i64> bad = stored.convert(part.data(), count, to)) {
      obstacle = fmt::format("its element {} is above 2^63 - 1, the largest value of {}",
                             begin + *bad, stored.dtype);
      return {};
    }
  }
  return result;
}

TensorMap read_safetensors(const std::string& path, Metadata* metadata) {
  const SafetensorsFile file(path);
  TensorMap tensors;
  std::vector<std::string> obstacles;
  for (const StoredTensor& stored : file.tensors()) {
    std::string obstacle;
    Tensor tensor = file.read(stored, obstacle);
    if (obstacle.empty()) tensors.emplace(stored.name, std::move(tensor));
    else
      obstacles.push_back(fmt::format("'{}' is {}: {}", stored.name, stored.to_string(), obstacle));
  }
  if (!obstacles.empty())
    log_warning("safetensors: {}: {} tensors are passed over: {}", path, obstacles.size(),
                listed_obstacles(obstacles));
  if (metadata != nullptr) *metadata = file.metadata();
  return tensors;
}

Metadata read_safetensors_metadata(const std::string& path) {
  return SafetensorsFile(path).metadata();
}

namespace {

// A file before its tensors: the length of the header, and the header.
struct FileBeginning {
  std::vector<std::pair<std::string, Tensor>> ordered;
  std::string header;
  u64 length = 0;
};

FileBeginning beginning_of(const std::string& path, const TensorMap& tensors,
                           const Metadata& metadata) {
  for (const auto& [name, tensor] : tensors)
    WEFT_CHECK(tensor.defined(),
               "safetensors: {}: tensor '{}' is undefined; a tensor with elements is required",
               path, name);
  FileBeginning file{in_file_order(tensors), "", 0};
  file.header = header_text(path, file.ordered, metadata);
  file.length = file.header.size();
  WEFT_CHECK(file.length <= kMaxSafetensorsHeader,
             "safetensors: {}: the header takes {} bytes; at most {} are allowed", path,
             file.length, kMaxSafetensorsHeader);
  return file;
}

}  // namespace

void write_safetensors(const std::string& path, const TensorMap& tensors, const Metadata& metadata,
                       Sha256* hash) {
  const auto [ordered, header, length] = beginning_of(path, tensors, metadata);
  AtomicFile file(path, hash, NamedBy::user);
  file.write(&length, sizeof length);
  file.write(header);
  for (const auto& [name, tensor] : ordered) {
    const Tensor host = tensor.to(Device{Cpu{}});
    file.write(host.raw(), bytes_of(host));
  }
  file.commit();
}

std::string safetensors_bytes(const std::string& subject, const TensorMap& tensors) {
  const auto [ordered, header, length] = beginning_of(subject, tensors, {});
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += header;
  for (const auto& [name, tensor] : ordered) {
    const Tensor host = tensor.to(Device{Cpu{}});
    bytes.append(static_cast<const char*>(host.raw()), static_cast<std::size_t>(bytes_of(host)));
  }
  return bytes;
}

}  // namespace weft
