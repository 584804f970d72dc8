// SPDX-License-Identifier: Apache-2.0
// Reads the stamp of a plugin (core/plugin_abi.h) from its file. The file is data here: nothing of
// it is loaded or run, its sizes and positions are checked, and what is read of it is bounded.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

constexpr i64 kMostSections = 4096;                  // of a plugin's file
constexpr i64 kMostSectionNameBytes = i64{1} << 20;  // of all names of sections together
constexpr i64 kMostStampBytes = 1024;

// The stamp of libweft itself.
std::string_view own_plugin_stamp();

// Throws UserError for a file that is no regular file, no ELF shared library of this machine's kind
// or has no stamp, and for one that is damaged.
std::string read_plugin_stamp(const std::string& path);

// Completes "it was built …": "with g++ 13 and for CPU; g++ 12 and CPU and CUDA are required", for
// the properties that differ. Empty for equal stamps.
std::string stamp_difference(std::string_view stamp, std::string_view own);

}  // namespace weft
