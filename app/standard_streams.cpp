// SPDX-License-Identifier: Apache-2.0
#include "weft/app/standard_streams.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace weft::app {

void reserve_standard_descriptors() {
  for (;;) {
    int lowest = open("/dev/null", O_WRONLY);  // cannot be read, for descriptor 0
    if (lowest == STDOUT_FILENO || lowest == STDERR_FILENO) {
      close(lowest);
      lowest = open("/dev/null", O_RDONLY);  // cannot be written
    }
    if (lowest > STDERR_FILENO) close(lowest);
    if (lowest < 0 || lowest > STDERR_FILENO) return;
  }
}

namespace {

int first_failure = 0;  // later writes may succeed and leave no reason

int written(const std::string& text, bool at_once) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
      (!at_once || std::fflush(stdout) == 0))
    return 0;
  const int code = errno != 0 ? errno : EIO;
  if (first_failure == 0) first_failure = code;
  return code;
}

}  // namespace

int print_now(const std::string& text) { return written(text, true); }
void print_text(const std::string& text) { written(text, false); }

void print_formatted(const char* format, ...) {
  va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  const int bytes = std::vsnprintf(nullptr, 0, format, values);
  std::string text(static_cast<std::size_t>(std::max(bytes, 0)) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, again);
  va_end(again);
  va_end(values);
  text.pop_back();
  print_text(text);
}

std::string lost_output() {
  const bool failed_before = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !failed_before) return "";
  const int code = first_failure != 0 ? first_failure : errno != 0 ? errno : EIO;
  return std::generic_category().message(code);
}

}  // namespace weft::app
