// SPDX-License-Identifier: Apache-2.0
// The library prints nothing. Its messages go to a sink that the application sets; without a sink
// they are dropped. The `weft` command sets one that writes to the terminal and log.txt.
#pragma once
#include <functional>
#include <string_view>

#include <fmt/core.h>

namespace weft {

enum class LogLevel { info, warning };

using LogSink = std::function<void(LogLevel, std::string_view message)>;

// Replaces the sink and returns the previous one. Thread-safe. The sink itself may be called from
// any thread, but never concurrently.
LogSink set_log_sink(LogSink sink);

// The sink gets the message with its control characters made visible (core/printable.h), because it
// may hold names from a file.
void log_message(LogLevel level, std::string_view message);

// Sends a sentence, whose texts are made visible with their line breaks (core/sentence.h).
void log_sentence(LogLevel level, fmt::string_view format, fmt::format_args args);

template <class... A>
void log_info(fmt::format_string<A...> format, A&&... args) {
  log_sentence(LogLevel::info, format, fmt::make_format_args(args...));
}
template <class... A>
void log_warning(fmt::format_string<A...> format, A&&... args) {
  log_sentence(LogLevel::warning, format, fmt::make_format_args(args...));
}

}  // namespace weft
