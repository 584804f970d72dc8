// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/producer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "weft/core/clock.h"
#include "weft/core/error.h"
#include "weft/core/printable.h"
#include "weft/nn/safetensors.h"

namespace weft::data {
namespace {

constexpr i64 kMostAnswerBytes = 1 << 16;
constexpr std::chrono::milliseconds kBetweenAttempts(100);

std::string unused_name() {
  std::random_device random;
  return fmt::format("{}-{:08x}{:08x}", getpid(), random(), random());
}

}  // namespace

Producer::Producer(const std::string& address, const ProducerOptions& options)
    : address_(stream_address(address, "Producer: the address")), options_(options) {
  if (options_.name.empty()) options_.name = unused_name();
  check_producer_name(options_.name);
  WEFT_CHECK(options_.window > 0, "Producer: window is {}; at least 1 is required",
             options_.window);
  repair();
  next_ = acknowledged_;
}

Producer::~Producer() = default;

// Connects, and sends again what the run has not kept. Returns false if nobody listens, or the
// connection is lost again.
bool Producer::connect() {
  socket_ = connect_to(address_);
  if (!socket_) return false;
  in_.emplace(kMostAnswerBytes);
  welcome_ = false;
  if (!transmit(frame_of(FrameKind::hello, kStreamVersion, options_.name))) return false;
  while (!welcome_ && !over_)
    if (!receive(true)) return false;
  return std::all_of(unanswered_.begin(), unanswered_.end(),
                     [this](const Sent& sent) { return over_ || transmit(sent.frame); });
}

// Connects again. What the run has sent before it closed the connection is read first.
void Producer::repair() {
  if (socket_) receive(false);
  const Clock::time_point begin = Clock::now();
  while (!over_ && !connect()) {
    WEFT_CHECK(seconds_since(begin) < options_.wait,
               "Producer: no run takes records at {}, tried for {} s; a run with data.type: stream "
               "and this data.address is required",
               address_.text(), options_.wait);
    std::this_thread::sleep_for(kBetweenAttempts);
  }
}

bool Producer::transmit(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Takes the answers that are there; with `wait`, at least one. Returns false if the run is gone.
bool Producer::receive(bool wait) {
  while (true) {
    bool any = false;
    while (const std::optional<Frame> frame = in_->next()) {
      take(*frame);
      any = true;
    }
    if (any && wait) return true;
    std::array<u8, 4096> bytes;
    const ssize_t got = recv(socket_.get(), bytes.data(), bytes.size(), wait ? 0 : MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return !wait && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (got == 0) return false;
    in_->add(std::span(bytes).first(static_cast<std::size_t>(got)));
  }
}

void Producer::take(const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::welcome: welcome_ = true; [[fallthrough]];
    case FrameKind::acknowledged: acknowledged_ = std::max(acknowledged_, frame.number); break;
    case FrameKind::refused:
      acknowledged_ = std::max(acknowledged_, frame.number);
      refusal_ = printable(frame.text());
      break;
    case FrameKind::end: ended_ = true; break;
    case FrameKind::over: over_ = true; break;
    case FrameKind::failed:
      fail("Producer: the run at {} has refused it: {}", address_.text(), printable(frame.text()));
    default:
      fail("Producer: {} sent a frame that no run sends; a run of weft is required",
           address_.text());
  }
  while (!unanswered_.empty() && unanswered_.front().number <= acknowledged_)
    unanswered_.pop_front();
}

void Producer::await_answers(std::size_t most_unanswered) {
  while (!over_) {
    const bool waits = unanswered_.size() > most_unanswered;
    if (!receive(waits)) repair();
    else if (!waits) return;
  }
}

bool Producer::send(const Tensor& x, const Tensor& y) {
  WEFT_CHECK(!ended_, "Producer: send() after end(); another producer is required");
  if (over_) return false;
  const std::string record = safetensors_bytes("the record", {{"x", x}, {"y", y}});
  unanswered_.push_back({++next_, frame_of(FrameKind::record, next_, record)});
  if (!transmit(unanswered_.back().frame)) repair();
  await_answers(static_cast<std::size_t>(options_.window) - 1);
  if (!refusal_.empty()) throw UserError(std::exchange(refusal_, ""));
  return !over_;
}

bool Producer::flush() {
  await_answers(0);
  if (!refusal_.empty()) throw UserError(std::exchange(refusal_, ""));
  return !over_;
}

bool Producer::end() {
  if (!flush()) return false;
  while (!ended_ && !over_)
    if (!transmit(frame_of(FrameKind::end)) || !receive(true)) repair();
  return !over_;
}

}  // namespace weft::data
