// SPDX-License-Identifier: Apache-2.0
// Plugins that throw or call exit() while they are loaded end the command with a sentence
// (Note [Loading a plugin], core/plugin.h).
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "weft/app/command.h"
#include "weft/core/plugin.h"
#include "weft/core/printable.h"

namespace weft::app {
namespace {

std::terminate_handler terminate_before = nullptr;

// Ends the process without the functions of atexit(), which may wait for the loader.
[[noreturn]] void end_while_loading(const std::string& what) {
  std::fprintf(stderr, "weft: %s\n",
               printable("plugin " + std::string(plugin_being_loaded()) + ": " + what).c_str());
  _exit(kUserMistake);
}

// What happened, and what is required.
std::string thrown_sentence() {
  std::string what = "no exception";
  try {
    if (std::current_exception() != nullptr) throw;
  } catch (const Error& error) {
    return error.what();  // a sentence of weft, such as that of a name that is taken
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "an exception of a type of its own";
  }
  return "it threw while it was loaded (" + what +
         "); static initialisers that throw nothing are required";
}

[[noreturn]] void on_terminate() {
  if (plugin_being_loaded() != nullptr) end_while_loading(thrown_sentence());
  if (terminate_before != nullptr) terminate_before();
  std::abort();
}

void on_exit() {
  if (plugin_being_loaded() != nullptr)
    end_while_loading(
        "it ended the process while it was loaded; static initialisers that return are required");
}

// abort() while a plugin is loaded; elsewhere it ends the process as before.
void on_abort(int) {
  if (plugin_being_loaded() != nullptr)
    end_while_loading(
        "it called abort() while it was loaded; static initialisers that return are "
        "required");
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
}

}  // namespace

void add_plugin_option(CLI::App& command, std::vector<std::string>& plugins) {
  command
      .add_option("--plugin", plugins,
                  "shared library with entries of your own; may be given several times")
      ->transform(home_path())
      ->take_all()
      ->allow_extra_args(false);
}

void load_plugins(const std::vector<std::string>& plugins) {
  for (const std::string& plugin : plugins) load_plugin(plugin);
}

void guard_plugins() {
  terminate_before = std::set_terminate(on_terminate);
  std::signal(SIGABRT, on_abort);
  std::atexit(on_exit);
  std::at_quick_exit(on_exit);
}

}  // namespace weft::app
