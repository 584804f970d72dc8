// SPDX-License-Identifier: Apache-2.0
#include "weft/core/log.h"

#include <mutex>
#include <utility>

#include "weft/core/printable.h"
#include "weft/core/sentence.h"

namespace weft {
namespace {
std::mutex mutex;
LogSink& current_sink() {
  static LogSink sink;
  return sink;
}
}  // namespace

LogSink set_log_sink(LogSink sink) {
  std::lock_guard lock(mutex);
  return std::exchange(current_sink(), std::move(sink));
}

void log_message(LogLevel level, std::string_view message) {
  std::lock_guard lock(mutex);
  if (current_sink()) current_sink()(level, printable(message));
}

void log_sentence(LogLevel level, fmt::string_view format, fmt::format_args args) {
  log_message(level, sentence(format, args));
}

}  // namespace weft
