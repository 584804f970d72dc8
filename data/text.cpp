// SPDX-License-Identifier: Apache-2.0
#include "weft/data/text.h"

#include <memory>

#include "weft/core/regular_file.h"
#include "weft/data/check.h"
#include "weft/data/sources.h"

namespace weft::data {
namespace {

namespace fs = std::filesystem;

constexpr i64 kBytes = 256;

std::vector<u8> bytes_of_file(const fs::path& path) {
  const RegularFile file(path.string());
  const auto check = [&](const std::string& defect) {
    WEFT_CHECK(defect.empty(), "text: {} {}; a file of text is required (data.path)", path.string(),
               defect);
  };
  check(file.defect());
  std::vector<u8> bytes(static_cast<std::size_t>(file.bytes()));
  check(file.read(bytes.data(), file.bytes(), 0));
  return bytes;
}

}  // namespace

Text::Text(const fs::path& path, i64 context) {
  WEFT_CHECK(context >= 1, "text: context is {}; at least 1 is required", context);
  bytes_ = bytes_of_file(path);
  WEFT_CHECK(!bytes_.empty(), "text: {} is empty; a file longer than the context of {} is required",
             path.string(), context);
  WEFT_CHECK(std::ssize(bytes_) > context,
             "text: {} has {} bytes; more than the context of {} are required", path.string(),
             bytes_.size(), context);
  info_.name = path.filename().string();
  info_.split = "train";
  info_.sample = {context};
  info_.sample_dtype = DType::int64;
  info_.target = {1};
  info_.classes = kBytes;
  info_.overlaps = true;
}

void Text::read(i64 index, void* sample, void* target) const {
  check_index(info_, index, size());
  const u8* window = bytes_.data() + index;
  const i64 context = info_.sample[0];
  std::copy_n(window, context, static_cast<i64*>(sample));
  *static_cast<i64*>(target) = window[context];
}

void describe(Fields& f, TextSource& o) {
  f("path", o.path, "text file, relative to the config or to the working directory", required());
  f("context", o.context, "bytes from which the next one is predicted", at_least(1));
}

static const bool registered = Registry<Dataset>::add<TextSource>("text", [](const TextSource& o) {
  return TrainAndTest{std::make_shared<Text>(o.path, o.context), nullptr, place_of(o.path)};
});

DataRecipe text(const TextSource& options) { return DataRecipe::of("text", options); }

}  // namespace weft::data
