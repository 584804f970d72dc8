// SPDX-License-Identifier: Apache-2.0
// A command on a terminal of its own, for tests: a pseudo-terminal whose other end is the test.
#pragma once
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "weft/tests/app/run_command.h"

namespace weft::testing_app {

class PseudoTerminal {
 public:
  // Starts the line of a shell as start_line() does, with a terminal of this size.
  PseudoTerminal(const std::filesystem::path& folder, const std::string& line, int columns = 80,
                 int rows = 24) {
    master_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) return;
    resize(columns, rows);
    const std::string name = ptsname(master_);
    slave_ = open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);  // keeps the settings readable
    child_ = fork();
    if (child_ != 0) return;
    setsid();
    const int terminal = open(name.c_str(), O_RDWR);
    ioctl(terminal, TIOCSCTTY, 0);
    for (const int descriptor : {0, 1, 2}) dup2(terminal, descriptor);
    test_support::inherit_nothing();
    setenv("WEFT", WEFT_COMMAND, 1);
    setenv("TERM", "xterm-256color", 1);
    setenv("LANG", "C.UTF-8", 1);
    if (chdir(folder.c_str()) != 0) _exit(99);
    execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    _exit(99);
  }
  ~PseudoTerminal() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    for (const int descriptor : {master_, slave_})
      if (descriptor >= 0) close(descriptor);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  bool exists() const { return child_ > 0; }
  pid_t child() const { return child_; }
  void resize(int columns, int rows) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = static_cast<unsigned short>(rows);
    ioctl(master_, TIOCSWINSZ, &size);
  }
  void type(const std::string& keys) const {
    [[maybe_unused]] const auto written = write(master_, keys.data(), keys.size());
  }
  // All output so far.
  const std::string& output() {
    pollfd ready{master_, POLLIN, 0};
    char buffer[4096];
    while (poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
      const ssize_t got = read(master_, buffer, sizeof buffer);
      if (got <= 0) break;
      output_.append(buffer, static_cast<std::size_t>(got));
    }
    return output_;
  }
  // Waits until the output behind position `from` has the text.
  bool shows(const std::string& text, std::size_t from = 0) {
    return wait_for([&] { return output().find(text, from) != std::string::npos; });
  }
  // Whether keys are shown and lines are read, as before a program that changes it.
  bool is_plain() const {
    termios now{};
    return tcgetattr(slave_, &now) == 0 && (now.c_lflag & ECHO) != 0 && (now.c_lflag & ICANON) != 0;
  }
  // The exit code, or minus the signal that ended it.
  int end() {
    bool over = false;
    int status = 0;
    wait_for([&] {
      output();  // a full terminal would stop it
      over = over || waitpid(child_, &status, WNOHANG) == child_;
      return over;
    });
    if (!over) return -1000;
    child_ = -1;
    output();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  int master_ = -1, slave_ = -1;
  pid_t child_ = -1;
  std::string output_;
};

}  // namespace weft::testing_app
