// SPDX-License-Identifier: Apache-2.0
#include "weft/core/registry.h"

#include <algorithm>
#include <cctype>
#include <new>

#include "weft/core/printable.h"

namespace weft {
namespace {

struct Kinds {
  struct Row {
    std::type_index type;
    std::unique_ptr<AnyRegistry> registry;
  };
  std::mutex mutex;
  std::map<std::string, Row, std::less<>> rows;
};

// Owns all registries. The function is not inline, so that plugins do not get a copy.
Kinds& kinds() {
  static Kinds all;
  return all;
}

// " of the plugin libmine.so", or "" for an entry that is built in.
std::string of_plugin(std::string_view origin) {
  return origin.empty() ? "" : fmt::format(" of the plugin {}", origin);
}

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

std::mutex origin_mutex;
std::string& origin_of_scope() {
  static std::string origin;  // registered entries are made before main()
  return origin;
}

}  // namespace

std::vector<std::string> registered_kinds() {
  std::lock_guard lock(kinds().mutex);
  std::vector<std::string> names;
  for (const auto& [name, row] : kinds().rows)
    if (!row.registry->names().empty()) names.push_back(name);
  return names;
}

const AnyRegistry& registry_of(std::string_view kind) {
  {
    std::lock_guard lock(kinds().mutex);
    if (const auto found = kinds().rows.find(kind); found != kinds().rows.end())
      return *found->second.registry;
  }
  detail::fail_unknown("registry", kind, registered_kinds());
}

std::string key_fault(const AnyRegistry& registry, std::string_view kind, std::string_view name,
                      const std::vector<std::string>& common) {
  KeyFaults found;
  registry.describe(name, found);
  const auto fault = [&](const std::string& key, const std::string& why) {
    return fmt::format("{} '{}'{} names the key '{}' {}", kind, name,
                       of_plugin(registry.origin(name)), printable_line(key), why);
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

namespace detail {

AnyRegistry& shared_registry(const char* kind, std::type_index type,
                             std::unique_ptr<AnyRegistry> (*make)()) {
  std::lock_guard lock(kinds().mutex);
  auto found = kinds().rows.find(std::string_view(kind));
  if (found == kinds().rows.end())
    found = kinds().rows.emplace(kind, Kinds::Row{type, make()}).first;
  WEFT_ASSERT(found->second.type == type, "registry: two kinds are named '{}'", kind);
  return *found->second.registry;
}

void fail_unknown(std::string_view kind, std::string_view name,
                  const std::vector<std::string>& known) {
  fail("{}: '{}' given; known: {}{}", kind, name, listed(known), did_you_mean(name, known));
}

void fail_thrown(std::string_view kind, std::string_view name, std::string_view origin) {
  const std::string of = of_plugin(origin);
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    if (origin.empty()) throw;
    fail("{} '{}'{}: {}", kind, name, of, error.what());
  } catch (...) {
    fail(
        "{} '{}'{}: what makes it threw something that is no std::exception; an error of weft or a "
        "std::exception is required",
        kind, name, of);
  }
}

void check_name(std::string_view kind, std::string_view name) {
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  };
  WEFT_CHECK(!name.empty() && std::all_of(name.begin(), name.end(), fits),
             "registry: {} '{}'; a name of letters, digits, _, - and . is required", kind,
             printable(name));
}

void fail_taken(std::string_view kind, std::string_view name, std::string_view origin) {
  fail("registry: {} '{}' is taken by {}; another name is required", kind, name,
       origin.empty() ? "an entry that is built in" : fmt::format("the plugin {}", origin));
}

OriginScope::OriginScope(std::string origin) {
  std::lock_guard lock(origin_mutex);
  origin_of_scope() = std::move(origin);
}

OriginScope::~OriginScope() {
  std::lock_guard lock(origin_mutex);
  origin_of_scope().clear();
}

std::string current_origin() {
  std::lock_guard lock(origin_mutex);
  return origin_of_scope();
}

}  // namespace detail
}  // namespace weft
