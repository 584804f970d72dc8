// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/error.h"

namespace weft {
namespace {

using Json = nlohmann::json;
constexpr std::string_view kJsonSpaces = " \t\r\n";

// Begins every error with the file.
struct Checker {
  const std::string& path;

  template <class... A>
  void operator()(bool holds, fmt::format_string<A...> format, A&&... values) const {
    if (!holds) refuse(format, std::forward<A>(values)...);
  }
  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A&&... values) const {
    fail("safetensors: {}: {}", path, fmt::format(format, std::forward<A>(values)...));
  }
};

// Takes the events of a parser that keeps no tree, so that time and memory are proportional to the
// text. An object or list where the format has none is refused when it opens, so that no text nests
// more than three levels.
class HeaderReader {
 public:
  HeaderReader(const Checker& check, SafetensorsHeader& header) : check_(check), header_(header) {}

  bool start_object(std::size_t) {
    switch (place_) {
      case Place::root: place_ = Place::names; return true;
      case Place::names:
        place_ = name_ == kMetadataKey ? Place::metadata : Place::entry;
        if (place_ == Place::entry) header_.tensors.emplace_back().name = name_;
        has_dtype_ = has_shape_ = has_offsets_ = false;
        return true;
      default: refuse("an object");
    }
  }
  bool end_object() {
    if (place_ == Place::entry)
      check_keys(has_dtype_ && has_shape_ && has_offsets_, header_.tensors.back().name);
    place_ = place_ == Place::names ? Place::root : Place::names;
    return true;
  }
  bool start_array(std::size_t) {
    if (place_ != Place::entry || key_ == "dtype") refuse("a list");
    place_ = Place::list;
    numbers_.clear();
    return true;
  }
  bool end_array() {
    place_ = Place::entry;
    if (key_ == "shape") {
      header_.tensors.back().sizes = numbers_;
    } else {
      check_(numbers_.size() == 2, "tensor '{}': data_offsets has {} numbers; 2 are required",
             name_, numbers_.size());
      header_.tensors.back().begin = numbers_[0];
      header_.tensors.back().end = numbers_[1];
    }
    return true;
  }

  bool key(std::string& key) {
    if (place_ == Place::names) {
      name_ = std::move(key);
      if (name_ == kMetadataKey) check_once(!std::exchange(has_metadata_, true), name_);
    } else if (place_ == Place::metadata) {
      check_once(!header_.metadata.contains(key), key);
      key_ = std::move(key);
    } else {
      bool* const seen = key == "dtype"          ? &has_dtype_
                         : key == "shape"        ? &has_shape_
                         : key == "data_offsets" ? &has_offsets_
                                                 : nullptr;
      check_keys(seen != nullptr, name_);
      check_once(!std::exchange(*seen, true), key);
      key_ = std::move(key);
    }
    return true;
  }

  bool string(std::string& text) {
    if (place_ == Place::metadata) {
      header_.metadata.emplace(std::move(key_), std::move(text));
    } else {
      if (place_ != Place::entry || key_ != "dtype") refuse("a text");
      header_.tensors.back().dtype = std::move(text);
    }
    return true;
  }
  bool number_unsigned(u64 number) {
    if (place_ != Place::list) refuse("a number");
    check_(number <= static_cast<u64>(std::numeric_limits<i64>::max()),
           "tensor '{}': {} holds {}; at most 2^63 - 1 is required", name_, key_, number);
    numbers_.push_back(static_cast<i64>(number));
    return true;
  }
  bool null() {
    // The reference writes a map that is not there as null.
    if (place_ != Place::names || name_ != kMetadataKey) refuse("null");
    return true;
  }
  bool boolean(bool) { refuse("a boolean"); }
  bool number_integer(i64) { refuse("a negative number"); }
  bool number_float(double, const std::string&) { refuse("a number that is not an integer"); }
  bool binary(Json::binary_t&) { refuse("bytes"); }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    check_.refuse("its header is no JSON at byte {}; JSON is required", position);
  }

 private:
  enum class Place { root, names, entry, metadata, list };

  // Refuses a value at this place.
  [[noreturn]] void refuse(std::string_view what) const {
    if (place_ == Place::metadata)
      check_.refuse("{} '{}' is {}; a text is required", kMetadataKey, key_, what);
    if (place_ == Place::names && name_ == kMetadataKey)
      check_.refuse("{} is {}; an object of texts, or null, is required", kMetadataKey, what);
    if (place_ == Place::names) check_keys(false, name_);
    if (place_ == Place::entry && key_ == "dtype")
      check_.refuse("tensor '{}': its dtype is {}; a text is required", name_, what);
    check_.refuse("tensor '{}': {} is no list of integers that are not negative", name_, key_);
  }
  void check_once(bool first, const std::string& key) const {
    check_(first, "the header has the key '{}' twice; each must come once", key);
  }
  void check_keys(bool hold, const std::string& name) const {
    check_(hold, "tensor '{}': the keys dtype, shape and data_offsets are required, and no others",
           name);
  }

  const Checker& check_;
  SafetensorsHeader& header_;
  Place place_ = Place::root;
  std::string name_, key_;  // of the tensor, and in its object or in the metadata
  std::vector<i64> numbers_;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false, has_metadata_ = false;
};

void check_names(const Checker& check, const std::vector<StoredTensor>& tensors) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const StoredTensor& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  check(twice == names.end(), "the header has the key '{}' twice; each must come once",
        twice == names.end() ? std::string_view() : *twice);
}

// Compares the bytes of a tensor with what its dtype and shape take.
void check_size(const Checker& check, const StoredTensor& tensor, i64 data_bytes) {
  const std::string& name = tensor.name;
  const StoredDType* const dtype = stored_dtype(tensor.dtype);
  check(dtype != nullptr, "tensor '{}': its dtype is '{}'; one of {} is required", name,
        tensor.dtype, known_stored_dtypes());
  check(tensor.begin <= tensor.end && tensor.end <= data_bytes,
        "tensor '{}': bytes {} to {} of {}; its end must not be before its begin or after the end "
        "of the file",
        name, tensor.begin, tensor.end, data_bytes);
  u64 bits = 1;
  bool fits = true;
  for (const i64 size : tensor.sizes)
    fits = fits && !__builtin_mul_overflow(bits, static_cast<u64>(size), &bits);
  fits = fits && !__builtin_mul_overflow(bits, static_cast<u64>(dtype->bits), &bits);
  check(fits, "tensor '{}': its shape takes 2^64 bits or more; the bytes of the file are required",
        name);
  check(bits % 8 == 0, "tensor '{}': its shape takes {} bits; whole bytes are required", name,
        bits);
  check(bits / 8 == static_cast<u64>(tensor.end - tensor.begin),
        "tensor '{}': bytes {} to {}, which are {}; its shape and dtype take {}", name,
        tensor.begin, tensor.end, tensor.end - tensor.begin, bits / 8);
}

void check_layout(const Checker& check, const std::vector<StoredTensor>& tensors, i64 data_bytes) {
  i64 filled = 0;
  for (const StoredTensor& tensor : tensors) {
    check(tensor.begin == filled,
          "tensor '{}' begins at byte {}; {}, where the one before ends, is required", tensor.name,
          tensor.begin, filled);
    filled = tensor.end;
  }
  check(filled == data_bytes,
        "the tensors take {} bytes and the file has {}; no more and no fewer are allowed", filled,
        data_bytes);
}

}  // namespace

std::string StoredTensor::to_string() const {
  constexpr std::size_t kShownAxes = 16;
  if (sizes.size() > kShownAxes) return fmt::format("{} of {} axes", dtype, sizes.size());
  return fmt::format("{} ({})", dtype, fmt::join(sizes, ", "));
}

SafetensorsHeader parse_safetensors_header(std::string_view text, i64 data_bytes,
                                           const std::string& path) {
  const Checker check{path};
  const std::size_t begin = text.find_first_not_of(kJsonSpaces);
  check(begin != std::string_view::npos && text[begin] == '{',
        "its header does not begin with '{{'; a JSON object is required");
  // The parser takes a zero byte for the end of the text, whatever follows.
  const std::size_t zero = text.find('\0');
  check(zero == std::string_view::npos, "its header is no JSON at byte {}; JSON is required",
        zero + 1);
  SafetensorsHeader header;
  HeaderReader reader(check, header);
  Json::sax_parse(text.begin(), text.end(), &reader);
  check_names(check, header.tensors);
  for (const StoredTensor& tensor : header.tensors) check_size(check, tensor, data_bytes);
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) {
              return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
            });
  check_layout(check, header.tensors, data_bytes);
  return header;
}

}  // namespace weft
