// SPDX-License-Identifier: Apache-2.0
#include "weft/app/screen.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "weft/core/error.h"
#include "weft/core/terminal.h"
#include "weft/view/text_plot.h"

namespace weft::app {
namespace {

constexpr char kEnter[] = "\033[?1049h\033[?25l";  // the alternate screen, no cursor
constexpr char kLeave[] = "\033[?25h\033[?1049l";

// What the signal handlers need. They call only functions that a handler may call.
termios plain_terminal{}, screen_terminal{};
volatile sig_atomic_t screen_shown = 0, size_changed = 0;

constexpr std::array kEnding{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
std::array<struct sigaction, kEnding.size()> actions_before{};

void put_bytes(const char* text, std::size_t bytes) {
  [[maybe_unused]] const auto best_effort = write(STDOUT_FILENO, text, bytes);
}

void enter_screen() {
  tcsetattr(STDIN_FILENO, TCSANOW, &screen_terminal);
  put_bytes(kEnter, sizeof kEnter - 1);
  screen_shown = 1;
}

void leave_screen() {
  if (screen_shown == 0) return;
  screen_shown = 0;
  put_bytes(kLeave, sizeof kLeave - 1);
  tcsetattr(STDIN_FILENO, TCSANOW, &plain_terminal);
}

void set_action(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);  // without SA_RESTART: poll() returns
  sigaction(signal, &action, nullptr);
}

// The signal does what it would have done without the screen.
void raise_default(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  raise(signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void on_ending(int signal) {
  const int code = errno;
  leave_screen();
  raise_default(signal);
  errno = code;
}

void on_suspend(int signal) {
  const int code = errno;
  leave_screen();
  raise_default(signal);  // returns when the process goes on
  set_action(SIGTSTP, on_suspend);
  enter_screen();
  size_changed = 1;
  errno = code;
}

void on_resize(int) { size_changed = 1; }

// A number of the environment, as a shell sets COLUMNS and LINES.
int environment_number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  const int number = text == nullptr ? 0 : std::atoi(text);
  return number > 0 && number < 10'000 ? number : otherwise;
}

bool is_dumb() {
  const char* kind = std::getenv("TERM");
  return kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb";
}

// The key of an escape sequence without its first byte, "[A" or "OA"; empty for an unknown one.
std::string key_of(std::string_view sequence) {
  if (sequence.size() < 2) return "";
  switch (sequence.back()) {
    case 'A': return "up";
    case 'B': return "down";
    case 'C': return "right";
    case 'D':
    case 'Z': return "left";  // Z: shift and tab
    default: return "";
  }
}

// print_now() would give up when a signal interrupts it (a new size, Ctrl-Z).
bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;
    pollfd waiting{STDOUT_FILENO, POLLOUT, 0};  // a terminal that another program made so
    poll(&waiting, 1, 100);
  }
  return true;
}

bool readable(int milliseconds) {
  pollfd waiting{STDIN_FILENO, POLLIN, 0};
  return poll(&waiting, 1, milliseconds) > 0 && (waiting.revents & POLLIN) != 0;
}

}  // namespace

ScreenSize screen_size() {
  const ScreenSize plain{environment_number("COLUMNS", 80), environment_number("LINES", 24)};
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return plain;
  return {size.ws_col > 0 ? size.ws_col : plain.columns,
          size.ws_row > 0 ? size.ws_row : plain.rows};
}

bool shows_colour() { return isatty(STDOUT_FILENO) != 0 && !is_dumb() && wants_colour(); }

bool shows_unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string locale = value;
    std::transform(locale.begin(), locale.end(), locale.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

bool Screen::possible() {
  return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0 && !is_dumb();
}

Screen::Screen() {
  WEFT_CHECK(possible() && tcgetattr(STDIN_FILENO, &plain_terminal) == 0,
             "screen: standard input or output is no terminal; --once prints one picture anywhere");
  screen_terminal = plain_terminal;
  // Keys come at once and are not shown. Ctrl-C and Ctrl-Z remain signals.
  screen_terminal.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  screen_terminal.c_cc[VMIN] = 0;
  screen_terminal.c_cc[VTIME] = 0;
  for (std::size_t i = 0; i < kEnding.size(); ++i) {
    sigaction(kEnding[i], nullptr, &actions_before[i]);
    if (actions_before[i].sa_handler != SIG_IGN) set_action(kEnding[i], on_ending);
  }
  struct sigaction suspend {};
  sigaction(SIGTSTP, nullptr, &suspend);
  if (suspend.sa_handler != SIG_IGN) set_action(SIGTSTP, on_suspend);
  set_action(SIGWINCH, on_resize);
  std::signal(SIGPIPE, SIG_IGN);
  enter_screen();
}

Screen::~Screen() {
  leave_screen();
  for (std::size_t i = 0; i < kEnding.size(); ++i)
    sigaction(kEnding[i], &actions_before[i], nullptr);
  if (struct sigaction now{}; sigaction(SIGTSTP, nullptr, &now) == 0 && now.sa_handler != SIG_IGN)
    std::signal(SIGTSTP, SIG_DFL);
  std::signal(SIGWINCH, SIG_DFL);
}

bool Screen::show(const std::vector<std::string>& lines) {
  const ScreenSize size = screen_size();
  std::string text = "\033[H";
  for (std::size_t i = 0; i < lines.size() && static_cast<int>(i) < size.rows; ++i)
    text += (i > 0 ? "\r\n" : "") + view::cut_to(lines[i], size.columns) + "\033[K";
  return write_all(text + "\033[J");
}

Screen::Input Screen::wait(int milliseconds) {
  if (size_changed != 0) {
    size_changed = 0;
    return {Event::resized};
  }
  pollfd waiting{STDIN_FILENO, POLLIN, 0};
  const int ready = poll(&waiting, 1, milliseconds);
  if (ready < 0) {
    if (errno != EINTR) return {Event::closed};
    return {std::exchange(size_changed, 0) != 0 ? Event::resized : Event::none};
  }
  if (ready == 0) return {Event::none};
  char c = 0;
  const ssize_t got = read(STDIN_FILENO, &c, 1);
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) return {Event::closed};
  if (got < 0) return {Event::none};
  if (c == '\t') return {Event::key, "tab"};
  if (c != '\033') return {Event::key, std::string(1, c)};
  std::string sequence;
  while (sequence.size() < 8 && readable(20) && read(STDIN_FILENO, &c, 1) == 1) {
    sequence += c;
    if (sequence.size() > 1 && std::isalpha(static_cast<unsigned char>(c)) != 0) break;
  }
  const std::string key = key_of(sequence);
  return key.empty() ? Input{Event::none} : Input{Event::key, key};
}

}  // namespace weft::app
