// SPDX-License-Identifier: Apache-2.0
// tune: trials by Optuna, which is Python's. The command checks what it is given, finds a Python
// that has the packages, and becomes `python -m weft tune`.
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weft/app/command.h"
#include "weft/app/number_option.h"
#include "weft/core/printable.h"

extern char** environ;

namespace weft::app {
namespace {

struct TuneArguments {
  std::string config, space, storage, sampler = "tpe", pruner = "median", timeout, python;
  i64 trials = 0, jobs = 1, seed = 0;
  std::vector<std::string> overrides, plugins;
};

// Looks for the packages without importing them, which takes a second. The exit code is 9, or 10
// and the number of the first one that is missing: a program that is no Python ends with another.
constexpr const char* kLookForPackages =
    "import importlib.util as u, os, sys\n"
    "names = ['weft', 'optuna', 'yaml', 'numpy']\n"
    "def there(name):\n"
    "  spec = u.find_spec(name)\n"
    "  if spec is None or spec.origin is None: return False\n"  // a folder is no package
    "  folder = os.path.dirname(spec.origin)\n"
    "  return name != 'weft' or os.path.exists(os.path.join(folder, '_tune.py'))\n"
    "sys.exit(next((10 + i for i, name in enumerate(names) if not there(name)), 9))\n";
constexpr int kAllThere = 9, kFirstMissing = 10;
struct Package {
  const char *name, *install;
};
constexpr Package kPackages[] = {{"weft", "./python"},  // of the repository
                                 {"optuna", "optuna"},
                                 {"PyYAML", "pyyaml"},
                                 {"numpy", "numpy"}};

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The exit code, or −errno if the program cannot be started.
int run_to_its_end(std::vector<std::string> words) {
  pid_t child = 0;
  const int code =
      posix_spawnp(&child, words[0].c_str(), nullptr, nullptr, pointers_to(words).data(), environ);
  if (code != 0) return -code;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string python_of(const TuneArguments& arguments) {
  if (!arguments.python.empty()) return arguments.python;
  const char* variable = std::getenv("WEFT_PYTHON");
  return variable != nullptr && *variable != '\0' ? variable : "python3";
}

void check_packages(const std::string& python) {
  const int code = run_to_its_end({python, "-c", kLookForPackages});
  const std::string shown = printable(python);
  WEFT_CHECK(code >= 0,
             "tune: {} cannot be started ({}); a Python with weft and optuna is required: --python "
             "FILE or $WEFT_PYTHON",
             shown, std::generic_category().message(-code));
  const int missing = code - kFirstMissing;
  if (missing >= 0 && missing < static_cast<int>(std::size(kPackages)))
    fail(
        "tune: {} has no package {}; `{} -m pip install {}` installs it, and --python FILE or "
        "$WEFT_PYTHON names another Python",
        shown, kPackages[missing].name, shown, kPackages[missing].install);
  WEFT_CHECK(code == kAllThere,
             "tune: {} cannot look for its packages (exit code {}); a Python of 3.9 or later is "
             "required: --python FILE or $WEFT_PYTHON",
             shown, code);
}

std::vector<std::string> python_command(const TuneArguments& arguments) {
  std::error_code error;
  const std::string own = std::filesystem::read_symlink("/proc/self/exe", error).string();
  std::vector<std::string> words{python_of(arguments), "-m", "weft", "tune", arguments.config};
  words.insert(words.end(), arguments.overrides.begin(), arguments.overrides.end());
  const auto add = [&](const char* option, const std::string& value) {
    words.push_back(std::string(option) + "=" + value);
  };
  add("--space", arguments.space);
  add("--trials", std::to_string(arguments.trials));
  add("--storage", arguments.storage);
  if (arguments.jobs != 1) add("--jobs", std::to_string(arguments.jobs));
  if (!arguments.timeout.empty()) add("--timeout", arguments.timeout);
  if (arguments.sampler != "tpe") add("--sampler", arguments.sampler);
  if (arguments.pruner != "median") add("--pruner", arguments.pruner);
  if (arguments.seed != 0) add("--seed", std::to_string(arguments.seed));
  for (const std::string& plugin : arguments.plugins) add("--plugin", plugin);
  if (!arguments.python.empty()) add("--python", arguments.python);
  if (!error) add("--program", own);
  return words;
}

// Returns only if the program cannot be started.
int run(const TuneArguments& arguments) {
  setenv("PYTHONSAFEPATH", "1", 1);  // no package of the working directory is taken for weft's
  check_packages(python_of(arguments));
  std::vector<std::string> words = python_command(arguments);
  execvp(words[0].c_str(), pointers_to(words).data());
  fail("tune: {} cannot be started ({}); a Python that can is required", printable(words[0]),
       std::generic_category().message(errno));
}

}  // namespace

void add_tune(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<TuneArguments>();
  CLI::App* command = app.add_subcommand(
      "tune", "find the values of keys of a config that give the lowest validation loss");
  command->add_option("CONFIG", arguments->config, "YAML file")->transform(home_path())->required();
  command->add_option("key=value", arguments->overrides, "changes to the config, for all trials");
  command->add_option("--space", arguments->space, "YAML file with the keys to tune")
      ->transform(home_path())
      ->required();
  constexpr i64 kMost = std::numeric_limits<i64>::max();
  constexpr i64 kMostSeed = (i64{1} << 32) - 1;  // SEEDS in python/weft/_study.py, less one
  add_number_option(*command, "--trials", arguments->trials, "trials that the study has at the end",
                    {1, kMost, "an integer of at least 1"})
      ->required();
  command->add_option("--storage", arguments->storage, "SQLite file of the study, to go on with it")
      ->transform(home_path())
      ->required();
  add_number_option(*command, "--jobs", arguments->jobs, "runs side by side (1)",
                    {1, kMost, "an integer of at least 1"});
  command->add_option("--timeout", arguments->timeout, "stop after this time, like 90s, 30m, 2h");
  command->add_option("--sampler", arguments->sampler, "tpe, random, grid or cmaes (tpe)");
  command->add_option("--pruner", arguments->pruner, "median, hyperband or none (median)");
  add_number_option(*command, "--seed", arguments->seed, "of the sampler (0)",
                    {0, kMostSeed, "an integer from 0 to 4294967295"});
  command->add_option("--python", arguments->python, "a Python with the packages weft and optuna");
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app
