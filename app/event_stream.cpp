// SPDX-License-Identifier: Apache-2.0
#include "weft/app/event_stream.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cmath>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

#include "weft/core/error.h"
#include "weft/core/log.h"
#include "weft/core/printable.h"
#include "weft/train/loggers/event_json.h"

namespace weft::app {
namespace {

using EventJson = nlohmann::ordered_json;

EventJson event_named(const char* name) {
  return {{"schema", train::kMetricsSchema}, {"event", name}};
}

// What names files may be in any encoding.
std::string text_of_event(const EventJson& event) {
  return event.dump(-1, ' ', false, EventJson::error_handler_t::replace);
}

EventJson finite_or_null(double value) {
  return std::isfinite(value) ? EventJson(value) : EventJson(nullptr);
}

EventJson metrics_of(const std::optional<train::Evaluation>& evaluation) {
  if (!evaluation) return nullptr;
  EventJson metrics = EventJson::object();
  for (const auto& [name, value] : evaluation->metrics) metrics[name] = finite_or_null(value);
  return metrics;
}

class EventLogger final : public train::Logger {
 public:
  EventLogger(std::shared_ptr<EventStream> stream, train::Orchestrator& run)
      : stream_(std::move(stream)), run_(run) {}

  void begin(const train::LoggedRun& logged) override {
    EventJson event = event_named("begin");
    event["folder"] = logged.folder.path().string();
    event["epochs"] = run_.epochs();
    event["parameters"] = run_.model().parameter_count();
    event["metrics"] = logged.metrics;
    event["resumed_at"] =
        logged.resumed_at != nullptr ? EventJson(logged.resumed_at->step) : EventJson();
    stream_->put(text_of_event(event));
  }
  void log(const train::LogEvent& event) override { stream_->put(train::line_of(event)); }
  void log_checkpoint(i64 step, const std::filesystem::path& folder) override {
    EventJson event = event_named("checkpoint");
    event["step"] = step;
    event["folder"] = folder.string();
    stream_->put(text_of_event(event));
  }

 private:
  std::shared_ptr<EventStream> stream_;
  train::Orchestrator& run_;
};

}  // namespace

int descriptor_of(const std::string& text) {
  int descriptor = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, descriptor);
  WEFT_CHECK(error == std::errc{} && rest == end,
             "--events: '{}' given; an open descriptor from 3 on, such as 3, is required",
             printable_line(excerpt(text)));
  return descriptor;
}

EventStream::EventStream(int descriptor) : descriptor_(descriptor) {
  WEFT_CHECK(
      descriptor > STDERR_FILENO,
      "--events: {} given; a descriptor of 3 or more is required, because 0 to 2 are those of "
      "the terminal",
      descriptor);
  const int flags = fcntl(descriptor, F_GETFL);
  WEFT_CHECK(flags >= 0,
             "--events: descriptor {} is not open; one that the program inherits is required, like "
             "3 of 3>events.jsonl",
             descriptor);
  WEFT_CHECK((flags & O_ACCMODE) != O_RDONLY,
             "--events: descriptor {} cannot be written; one that is open for writing is required",
             descriptor);
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

EventStream::~EventStream() { close(descriptor_); }

// A pipe that poll() calls ready takes PIPE_BUF bytes without waiting.
void EventStream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd ready{descriptor_, POLLOUT, 0};
    const int patience = static_cast<int>(std::chrono::milliseconds(kPatience).count());
    const int found = poll(&ready, 1, patience);
    if (found < 0 && errno == EINTR) continue;
    WEFT_CHECK(found != 0, "nothing was read from descriptor {} for {} s; a reader is required",
               descriptor_, kPatience.count());
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    const int code = written < 0 ? errno : 0;
    WEFT_CHECK(code == 0, "descriptor {} cannot be written ({}){}", descriptor_,
               std::generic_category().message(code),
               code == EPIPE ? "; a reader is required" : ", and gets no further events");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void EventStream::put(std::string_view line) {
  if (lost_) return;
  lost_ = true;
  write(std::string(line) + '\n');
  lost_ = false;
}

void EventStream::put_last(std::string_view line) {
  if (std::exchange(ended_, true)) return;
  try {
    put(line);
  } catch (const UserError& error) {
    log_warning("--events: {}; the last event is lost", error.what());
  }
}

void EventStream::end(const train::RunReport& report) {
  EventJson event = event_named("end");
  event["reason"] = !report.failed.empty()        ? "failed"
                    : report.stopped              ? "stopped"
                    : !report.ended_early.empty() ? "ended_early"
                                                  : "complete";
  const std::string& why = report.failed.empty() ? report.ended_early : report.failed;
  event["message"] = why.empty() ? EventJson() : EventJson(why);
  event["folder"] = report.folder;
  event["epochs"] = report.epochs;
  event["step"] = report.steps;
  event["seconds"] = report.seconds;
  event["saved"] = report.saved;
  event["validation_loss"] = finite_or_null(report.validation_loss);
  event["validation"] = metrics_of(report.validation);
  event["test"] = metrics_of(report.test);
  put_last(text_of_event(event));
}

void EventStream::fail(const std::string& error) {
  EventJson event = event_named("end");
  event["reason"] = "error";
  event["message"] = error;
  put_last(text_of_event(event));
}

std::unique_ptr<train::Logger> logger_of(std::shared_ptr<EventStream> stream,
                                         train::Orchestrator& run) {
  return std::make_unique<EventLogger>(std::move(stream), run);
}

}  // namespace weft::app
