// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. A target is one parser: it gets bytes, and returns, or throws
// UserError where it refuses them. Everything else is a finding: another exception, a broken law
// (WEFT_ASSERT), a sanitizer's report, or more time than kMostSeconds.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/types.h"

namespace weft::fuzz {

// A bound of the processor time for one input, in a build under sanitizers.
inline constexpr double kMostSeconds = 5;

// Changes `size` bytes in place, to at most `most`, and returns the new size. By default libFuzzer
// does it alone.
using Mutator = std::size_t (*)(u8* bytes, std::size_t size, std::size_t most, u32 seed);

// Adds a target. WEFT_FUZZ_TARGET names the one that a process runs.
bool add(const std::string& name, void (*run)(std::string_view input), Mutator mutate = nullptr);

// The parts of an input that stands for several texts. A line "%%" divides them. The result has
// `count` parts; missing ones are empty, and the last one has the rest.
std::vector<std::string> parts_of(std::string_view input, std::size_t count);
std::vector<std::string> lines_of(std::string_view text);

// A folder of this process alone, removed at its end.
const std::filesystem::path& folder();
// Writes a file in that folder, where `name` may name subfolders, and returns its path.
std::filesystem::path write(const std::string& name, std::string_view bytes);
std::string text_of(const std::filesystem::path& path);
// The bytes as one member of a gzip file.
std::string gzipped(std::string_view bytes);

}  // namespace weft::fuzz
