// SPDX-License-Identifier: Apache-2.0
#include "weft/core/plugin.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>

#include <dlfcn.h>

#include "weft/core/error.h"
#include "weft/core/plugin_stamp.h"
#include "weft/core/registry.h"
#include "weft/core/sha256.h"

namespace weft {
namespace {

struct Plugins {
  std::mutex mutex;
  std::vector<Plugin> all;
};
Plugins& plugins() {
  static Plugins loaded;
  return loaded;
}
std::atomic<const char*> being_loaded{nullptr};

// noexcept: Note [Loading a plugin].
void* run_initialisers(const char* path) noexcept { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }

std::filesystem::path absolute_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  WEFT_CHECK(!error,
             "plugin {}: the current folder cannot be found ({}); an absolute path is "
             "required",
             path, error.message());
  return absolute.lexically_normal();
}

}  // namespace

void load_plugin(const std::string& path) {
  std::lock_guard lock(plugins().mutex);
  WEFT_CHECK(!path.empty(), "plugins: an empty path given; the file of a plugin is required");
  const std::string stamp = read_plugin_stamp(path);
  const std::string difference = stamp_difference(stamp, own_plugin_stamp());
  WEFT_CHECK(difference.empty(), "plugin {}: it was built {}", path, difference);
  // An absolute path: dlopen() would search for a name without a slash elsewhere.
  const std::filesystem::path file = absolute_path(path);
  Plugin plugin{file.filename().string(), file.string(), sha256_of_file(path)};
  for (const Plugin& other : plugins().all) {
    if (other.name != plugin.name) continue;
    WEFT_CHECK(other.sha256 == plugin.sha256,
               "plugin {}: another plugin of this name is loaded already, {}; names must be unique",
               path, other.path);
    return;
  }
  void* library = nullptr;
  {
    const detail::OriginScope origin(plugin.name);
    being_loaded = plugin.path.c_str();
    library = run_initialisers(plugin.path.c_str());
    being_loaded = nullptr;
  }
  if (library == nullptr) {
    const char* reason = dlerror();
    fail(
        "plugin {}: it cannot be loaded ({}); a plugin that was linked with weft::weft alone, or "
        "whose libraries are found, is required",
        path, reason != nullptr ? reason : "without a reason");
  }
  plugins().all.push_back(std::move(plugin));
}

std::vector<Plugin> loaded_plugins() {
  std::lock_guard lock(plugins().mutex);
  std::vector<Plugin> all = plugins().all;
  std::sort(all.begin(), all.end(),
            [](const Plugin& a, const Plugin& b) { return a.name < b.name; });
  return all;
}

const char* plugin_being_loaded() { return being_loaded; }

}  // namespace weft
