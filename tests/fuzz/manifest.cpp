// SPDX-License-Identifier: Apache-2.0
// Input: manifest.json of a checkpoint, with one file beside it. An input that begins with '#' is
// lines "name bytes sha256": they become a manifest whose own hash is right, which no mutation
// finds.
#include "weft/train/checkpoint/manifest.h"

#include <charconv>

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

constexpr const char* kPlainFile = "checkpoint/model.safetensors";

train::Manifest manifest_of_lines(std::string_view text) {
  train::Manifest manifest;
  for (const std::string& line : lines_of(text)) {
    const std::size_t bytes = std::min(line.find(' '), line.size());
    const std::size_t hash = std::min(line.find(' ', bytes + 1), line.size());
    train::FileRecord record;
    std::from_chars(line.data() + std::min(bytes + 1, line.size()), line.data() + hash,
                    record.bytes);
    record.sha256 = line.substr(std::min(hash + 1, line.size()));
    manifest[line.substr(0, bytes)] = record;
  }
  return manifest;
}

void run_manifest(std::string_view input) {
  static const auto plain = write(kPlainFile, "some weights");
  const auto checkpoint = plain.parent_path();
  if (!input.starts_with('#')) {
    write("checkpoint/manifest.json", input);
    const train::Manifest manifest = train::read_manifest(checkpoint);
    WEFT_ASSERT(train::manifest_text(manifest) == input, "a manifest was taken that is not exact");
    train::verify_checkpoint(checkpoint);
    return;
  }
  std::string text;
  try {
    text = train::manifest_text(manifest_of_lines(input.substr(1)));
  } catch (const std::exception&) {
    return;  // a name or a hash that is not UTF-8 cannot be written
  }
  write("checkpoint/manifest.json", text);
  WEFT_ASSERT(train::manifest_text(train::read_manifest(checkpoint)) == text,
              "a manifest reads back as another");
  train::verify_checkpoint(checkpoint);
}

const bool registered = add("manifest", run_manifest);

}  // namespace
}  // namespace weft::fuzz
