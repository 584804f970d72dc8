// SPDX-License-Identifier: Apache-2.0
// What a process inherits, set to what tests expect, whoever runs them.
#pragma once
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace weft::test_support {

// Variables that change what weft, a shell or Python does. A user may have set any of them.
// WEFT_SIMD and GOMP_SPINCOUNT stay: they choose how the tests are run, not what comes out.
inline bool changes_results(std::string_view variable) {
  for (const std::string_view start :
       {"WEFT_DATA", "OMP_", "LC_", "LANG", "PYTHON", "SLURM_", "OMPI_", "PMI", "MASTER_"})
    if (variable.starts_with(start)) return true;
  for (const std::string_view name :
       {"CDPATH", "COLUMNS", "ENV", "BASH_ENV", "POSIXLY_CORRECT", "RANK", "WORLD_SIZE", "NO_COLOR",
        "TERM", "WEFT_PYTHON", "WEFT_PACKAGES_PYTHON"})
    if (variable == name) return true;
  return false;
}

// For the child of a fork, before it becomes another program. A signal that the caller ignores
// (nohup, a job of a script in the background) would stay ignored in that program.
inline void inherit_nothing() {
  std::vector<std::string_view> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (changes_results(text.substr(0, text.find('=')))) names.push_back(text);
  }
  for (const std::string_view text : names)
    unsetenv(std::string(text.substr(0, text.find('='))).c_str());
  setenv("HOME", "/nonexistent", 1);
  setenv("TMPDIR", "/tmp", 1);
  umask(022);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGUSR1, SIGCHLD, SIGXFSZ})
    std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace weft::test_support
