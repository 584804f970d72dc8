// SPDX-License-Identifier: Apache-2.0
// Input: a shared library, of which the stamp of a plugin is read. Nothing of it is loaded.
#include "weft/core/plugin_stamp.h"

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_plugin(std::string_view input) {
  const std::string stamp = read_plugin_stamp(write("libmine.so", input).string());
  WEFT_ASSERT(static_cast<i64>(stamp.size()) <= kMostStampBytes, "a stamp of {} bytes was taken",
              stamp.size());
  WEFT_ASSERT(input.find(stamp) != input.npos, "a stamp that the file does not have was taken");
  WEFT_ASSERT(stamp_difference(stamp, stamp).empty(), "a stamp differs from itself");
  const bool differs = !stamp_difference(stamp, own_plugin_stamp()).empty();
  WEFT_ASSERT(differs || stamp.size() >= own_plugin_stamp().size(), "a shorter stamp is equal");
}

const bool registered = add("plugin", run_plugin);

}  // namespace
}  // namespace weft::fuzz
