// SPDX-License-Identifier: Apache-2.0
// Plugins: shared libraries whose entries register themselves when they are loaded, exactly as
// those of weft do (core/registry.h). weft_add_plugin() of the CMake package makes one.
//
// Note [Loading a plugin]
// A plugin is code with all rights of the process. Its stamp is read from the file and compared
// before any of its code runs. Then its static initialisers run, which register the entries. They
// must not throw: an exception that passes through dlopen() would leave the lock of glibc's loader
// held, so that the next dlopen() waits forever. It ends the process by std::terminate() instead. A
// program can print a sentence there and in a function of atexit(), in which plugin_being_loaded()
// names the plugin (app/plugin_options.cpp). A plugin is never unloaded, because recipes and
// objects refer to its code.
#pragma once
#include <string>
#include <vector>

namespace weft {

struct Plugin {
  std::string name;    // of the file: libmine.so
  std::string path;    // absolute
  std::string sha256;  // of the file, 64 hexadecimal digits
};

// Loads a plugin; nothing is done for a file that was loaded before. `path` is relative to the
// current folder. Throws UserError for a file that cannot be read or loaded, that has no stamp or
// that of another build, and for a second plugin of the same name.
void load_plugin(const std::string& path);

// The plugins that were loaded, by name.
std::vector<Plugin> loaded_plugins();

// The path of the plugin whose initialisers run; null if none do.
const char* plugin_being_loaded();

}  // namespace weft
