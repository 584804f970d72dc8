// SPDX-License-Identifier: Apache-2.0
// The keys that the describe() of an entry names. A key that stands for two values would silently
// give one of them the value of the other.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/registry.h"

namespace weft {

// Returns what is wrong with the keys of an entry, in one sentence that names it and its plugin: a
// key stands twice in a section, is `type`, or is one of `common`, the keys of every section of the
// kind. Returns "" if nothing is wrong. Throws UserError for an unknown name.
std::string key_fault(const AnyRegistry& registry, std::string_view kind, std::string_view name,
                      const std::vector<std::string>& common);

// The keys of describe_common().
std::vector<std::string> common_keys(AnyRecipe& recipe);

}  // namespace weft
