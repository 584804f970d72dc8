// SPDX-License-Identifier: Apache-2.0
#include "weft/core/entry_keys.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "weft/core/printable.h"

namespace weft {
namespace {

// Finds keys that stand twice, in the options and in the sections in them.
class KeyFaults final : public Fields {
 public:
  explicit KeyFaults(int depth = 0) : depth_(depth) {}

  std::vector<std::string> keys;  // of the options themselves
  std::string twice;              // the path of the first one

 private:
  void field(const Field& field, ValueRef value) override {
    std::string key(field.key);
    if (std::find(keys.begin(), keys.end(), key) != keys.end() && twice.empty()) twice = key;
    look_into(key, value);
    keys.push_back(std::move(key));
  }

  void look_into(const std::string& key, const ValueRef& value) {
    const auto look = [&](const ValueRef& held) { look_into(key, held); };
    if (const auto* list = std::get_if<ListRef>(&value)) list->with_sample(look);
    if (const auto* optional = std::get_if<OptionalRef>(&value)) optional->with_sample(look);
    const auto* section = std::get_if<SectionRef>(&value);
    if (section == nullptr || depth_ == kMostDepth) return;
    KeyFaults below(depth_ + 1);
    section->describe(below);
    if (twice.empty() && !below.twice.empty()) twice = key + "." + below.twice;
  }

  static constexpr int kMostDepth = 8;  // a section may hold a list of sections of its own kind
  int depth_;
};

}  // namespace

std::string key_fault(const AnyRegistry& registry, std::string_view kind, std::string_view name,
                      const std::vector<std::string>& common) {
  KeyFaults found;
  registry.describe(name, found);
  const std::string origin = registry.origin(name);
  const auto fault = [&](const std::string& key, const std::string& why) {
    return fmt::format("{} '{}'{} names the key '{}' {}", kind, name,
                       origin.empty() ? "" : fmt::format(" of the plugin {}", origin),
                       printable_line(key), why);
  };
  if (!found.twice.empty())
    return fault(found.twice, "twice; a name of its own for each value is required");
  for (const std::string& key : found.keys) {
    if (key == "type") return fault(key, "that chooses the entry; another name is required");
    if (std::find(common.begin(), common.end(), key) != common.end())
      return fault(key,
                   fmt::format("that every section of {} has; another name is required", kind));
  }
  return "";
}

std::vector<std::string> common_keys(AnyRecipe& recipe) {
  KeyFaults found;
  recipe.describe_common(found);
  return std::move(found.keys);
}

}  // namespace weft
