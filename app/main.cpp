// SPDX-License-Identifier: Apache-2.0
// The `weft` command. Exit codes: 0 done, 1 our failure, or output that was lost, 2 the user's
// mistake, 3 training failed, 129, 130, 141, 143 and 152 stopped by a signal after a checkpoint.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/core/nearest.h"
#include "weft/core/plugin.h"
#include "weft/core/printable.h"
#include "weft/device/simd.h"
#include "weft/train/checkpoint/environment.h"

namespace {

using namespace weft;

// A waiting thread of GNU's OpenMP spins for about a millisecond before it sleeps. Beside another
// program that needs the core, a step of 0.1 ms then takes tens of milliseconds (measured: 599
// samples/s in place of 32.9k beside two busy processes). On an idle machine some microseconds of
// spinning are as fast. OpenMP reads the setting once, when the program is loaded, so this loads
// the program again. An existing setting is respected.
void shorten_thread_waiting(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "2000", 1);
  execv("/proc/self/exe", argv);  // returns only without /proc, and then nothing changes
}

// What is not an error of weft may be one of a plugin, whose hooks weft calls in many places.
std::string plugin_names() {
  std::string names;
  for (const Plugin& plugin : loaded_plugins())
    names += (names.empty() ? "" : ", ") + printable_line(plugin.name);
  return names;
}

// CLI11 would report a misspelled subcommand as a missing one.
void check_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(command->get_name());
  const std::string given = argv[1];
  WEFT_CHECK(std::find(known.begin(), known.end(), given) != known.end(),
             "unknown command '{}'; known: {}{}", given, listed(known), did_you_mean(given, known));
}

// A misspelled set would otherwise be taken for a measurement of that set.
void check_vector_set() {
  const char* wish = std::getenv("WEFT_SIMD");
  if (wish != nullptr && name_of(vector_set()) != wish)
    log_warning(
        "WEFT_SIMD is '{}'; baseline, avx2 or avx512 is required, of what this machine has; {} is used",
        printable_line(wish), name_of(vector_set()));
}

int run_command(int argc, char** argv) {
  CLI::App app{"weft: train neural networks from a config file", "weft"};
  app.set_version_flag("--version", [] { return train::version_text(); });
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help of all commands");
  int exit_code = app::kDone;
  app::add_train(app, exit_code);
  app::add_tune(app, exit_code);
  app::add_evaluate(app, exit_code);
  app::add_predict(app, exit_code);
  app::add_export(app, exit_code);
  app::add_list(app, exit_code);
  app::add_inspect(app, exit_code);
  app::add_lr_find(app, exit_code);
  app::add_top(app, exit_code);
  app::add_report(app, exit_code);
  try {
    check_command(app, argc, argv);
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {  // --help, --version
      std::ostringstream text;
      const int code = app.exit(e, text, text);
      app::print_text(text.str());
      return code;
    }
    std::fprintf(stderr, "weft: command line: %s; `weft --help` lists what may be given\n",
                 printable(e.what()).c_str());
    return app::kUserMistake;
  } catch (const Error& e) {
    std::fprintf(stderr, "weft: %s\n", printable(e.what()).c_str());
    return e.exit_code();
  } catch (const std::filesystem::filesystem_error& e) {
    const IoError error = io_error_of(e);
    std::fprintf(stderr, "weft: %s\n", error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "weft: memory ran out; a smaller dataset, batch or model is required\n");
    return 1;
  } catch (const std::exception& e) {
    const std::string plugins = plugin_names();
    if (plugins.empty())
      std::fprintf(stderr, "weft: internal error: %s; please report it\n",
                   printable(e.what()).c_str());
    else
      std::fprintf(stderr,
                   "weft: an entry of a plugin (%s), or weft itself, threw '%s'; an error of weft "
                   "(weft/core/error.h) whose sentence names the entry is required of a plugin\n",
                   plugins.c_str(), printable(e.what()).c_str());
    return 1;
  } catch (...) {  // of code that weft does not know
    std::fprintf(stderr,
                 "weft: an entry of a plugin (%s) threw an exception that is no std::exception; an "
                 "error of weft (weft/core/error.h) is required\n",
                 plugin_names().c_str());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  app::reserve_standard_descriptors();
  // A file at its size limit (ulimit -f) is then an error of the write (EFBIG), like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  shorten_thread_waiting(argv);
  app::guard_plugins();
  // `train` has a sink of its own. Another command's output is its result, so only warnings are
  // printed, and beside it.
  set_log_sink([](LogLevel level, std::string_view message) {
    if (level == LogLevel::warning)
      std::fprintf(stderr, "weft: warning: %s\n", std::string(message).c_str());
  });
  check_vector_set();
  const int exit_code = run_command(argc, argv);
  // A failure or a stop has an exit code of its own. `--help` and every command come here.
  if (exit_code != app::kDone) return exit_code;
  const std::string reason = app::lost_output();
  if (reason.empty()) return app::kDone;
  std::fprintf(stderr,
               "weft: standard output: not all text could be written (%s); an output that takes "
               "all of it is required\n",
               reason.c_str());
  return app::kLostOutput;
}
