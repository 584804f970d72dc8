// SPDX-License-Identifier: Apache-2.0
#include "weft/core/registry.h"

#include <algorithm>
#include <cctype>
#include <new>

#include "weft/core/entry_error.h"
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
    throw EntryError(fmt::format("{} '{}'{}: {}", kind, name, of, error.what()), error.what());
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
