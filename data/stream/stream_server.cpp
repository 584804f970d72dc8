// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/stream_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weft/core/error.h"
#include "weft/data/stream/record.h"

namespace weft::data {
namespace {

constexpr std::size_t kMostConnections = 64;
constexpr std::size_t kReadBytes = 1 << 16;
// A producer that does not read its answers is not read from.
constexpr std::size_t kMostAnswers = 1 << 16;
constexpr int kFarewellMilliseconds = 200;
constexpr std::chrono::seconds kGreetingTime{10};
constexpr std::chrono::milliseconds kAcceptPause{200};

// Its four letters. FrameReader gives known kinds only.
std::string kind_text(FrameKind kind) { return frame_header(kind, 0, 0).substr(0, sizeof kind); }

}  // namespace

struct StreamServer::Connection {
  Connection(Descriptor of, i64 most_payload) : socket(std::move(of)), in(most_payload) {}

  void send(FrameKind kind, u64 number = 0, std::string_view payload = {}) {
    out += frame_of(kind, number, payload);
  }
  void acknowledge() {
    if (last == acknowledged) return;
    acknowledged = last;
    send(FrameKind::acknowledged, last);
  }
  bool flush() { return send_some(socket, out); }

  Descriptor socket;
  Clock::time_point greets_before = Clock::now() + kGreetingTime;
  FrameReader in;
  std::string out, name;           // the name is empty before HELO
  u64 last = 0, acknowledged = 0;  // records that were answered
  bool ended = false, waits_for_room = false, closing = false, gone = false;
};

StreamServer::StreamServer(const ListeningSocket& listening, const DatasetInfo& info,
                           RecordBuffer& buffer)
    : info_(info),
      buffer_(buffer),
      listening_(listening),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      record_(static_cast<std::size_t>(info.sample_bytes() + info.target_bytes())) {
  WEFT_CHECK(static_cast<bool>(wake_),
             "stream: no event can be made ({}); one more open file is required (ulimit -n)",
             std::generic_category().message(errno));
  buffer_.on_room([wake = wake_.get()] { eventfd_write(wake, 1); });
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    fail("stream: no thread can be created ({}); one is required (ulimit -u)",
         error.code().message());
  }
}

StreamServer::~StreamServer() { close(); }

void StreamServer::close(const std::string& over) {
  if (!thread_.joinable()) return;
  over_ = over;
  stopping_ = true;
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void StreamServer::work() {
  try {
    while (!stopping_) poll_once();
  } catch (...) {
    buffer_.fail(std::current_exception());
  }
  say_farewell();
}

// Waits until something can be read, sent or accepted, and does it.
void StreamServer::poll_once() {
  if (accepts_at_ && Clock::now() >= *accepts_at_) accepts_at_.reset();
  const bool accepts = connections_.size() < kMostConnections && !accepts_at_;
  std::vector<pollfd> watched{{wake_.get(), POLLIN, 0},
                              {accepts ? listening_.get() : -1, POLLIN, 0}};
  for (const Connection& c : connections_) {
    const bool reads = !c.waits_for_room && !c.closing && c.out.size() < kMostAnswers;
    const int events = (reads ? POLLIN : 0) | (c.out.empty() ? 0 : POLLOUT);
    // A hang-up is always reported, so a connection that nothing is wanted of is left out.
    watched.push_back({events == 0 ? -1 : c.socket.get(), static_cast<short>(events), 0});
  }
  if (poll(watched.data(), watched.size(), milliseconds_to_wait()) < 0) {
    WEFT_ASSERT(errno == EINTR, "stream: poll: {}", std::generic_category().message(errno));
    return;
  }
  eventfd_t ignored = 0;
  if (watched[0].revents != 0) eventfd_read(wake_.get(), &ignored);
  std::size_t i = 2;
  for (Connection& c : connections_) {
    const short ready = watched[i++].revents;
    if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive(c)) c.gone = true;
    process(c);
    if (!c.flush() || (c.closing && c.out.empty())) c.gone = true;
  }
  close_silent();
  std::erase_if(connections_, [](const Connection& c) { return c.gone; });
  if (watched[1].revents != 0) accept_new();
  buffer_.note_connected(std::ssize(connections_));
}

// Until something is due without an event; −1: nothing is.
int StreamServer::milliseconds_to_wait() const {
  std::optional<Clock::time_point> due = accepts_at_;
  for (const Connection& c : connections_)
    if (c.name.empty() && !c.closing)
      due = std::min(due.value_or(c.greets_before), c.greets_before);
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now());
  return static_cast<int>(std::max<i64>(0, left.count()));
}

// Connections without a producer take no place for ever.
void StreamServer::close_silent() {
  for (Connection& c : connections_) {
    if (c.gone || c.closing || !c.name.empty() || Clock::now() < c.greets_before) continue;
    const std::string reason =
        fmt::format("stream: a connection has sent no greeting for {} s; HELO is required",
                    kGreetingTime.count());
    buffer_.note_closed(reason);
    c.send(FrameKind::failed, 0, reason);
    c.flush();
    c.gone = true;
  }
}

// A connection that cannot be accepted stays ready, so the thread would never wait.
void StreamServer::accept_new() {
  if (Descriptor socket = listening_.accept()) {
    connections_.emplace_back(std::move(socket), most_record_bytes(info_));
    return;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED) return;
  if (!std::exchange(said_so_, true))
    buffer_.note_closed(
        fmt::format("stream: a connection cannot be accepted ({}); more open files are required "
                    "(ulimit -n)",
                    std::generic_category().message(errno)));
  accepts_at_ = Clock::now() + kAcceptPause;
}

// Returns false if the other end is gone.
bool StreamServer::receive(Connection& connection) {
  std::array<u8, kReadBytes> bytes;
  const ssize_t got = recv(connection.socket.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
  connection.in.add(std::span(bytes).first(static_cast<std::size_t>(got)));
  return got > 0;
}

// Answers the frames that have come, as far as there is room.
void StreamServer::process(Connection& connection) {
  connection.waits_for_room = false;
  try {
    while (!connection.closing) {
      if (!connection.name.empty() && !buffer_.has_room()) {
        connection.waits_for_room = true;
        break;
      }
      const std::optional<Frame> frame = connection.in.next();
      if (!frame) break;
      answer(connection, *frame);
    }
  } catch (const UserError& error) {
    buffer_.note_closed(error.what());
    connection.send(FrameKind::failed, 0, error.what());
    connection.closing = true;
  }
  connection.acknowledge();
}

void StreamServer::answer(Connection& connection, const Frame& frame) {
  if (buffer_.how_ended() == StreamEnd::ended && frame.kind != FrameKind::end) {
    connection.send(FrameKind::over, 0, "the stream has ended");
    connection.closing = true;
    return;
  }
  if (connection.name.empty()) return greet(connection, frame);
  switch (frame.kind) {
    case FrameKind::record: return take_record(connection, frame);
    case FrameKind::end:
      if (!std::exchange(connection.ended, true)) buffer_.note_end(connection.name);
      connection.acknowledge();
      connection.send(FrameKind::end);
      return;
    default:
      fail(
          "stream: the producer '{}' has sent a frame of the kind '{}', the wrong kind for a "
          "producer; RECD or ENDS is required",
          connection.name, kind_text(frame.kind));
  }
}

void StreamServer::greet(Connection& connection, const Frame& hello) {
  WEFT_CHECK(hello.kind == FrameKind::hello,
             "stream: the first frame of a connection is of the kind '{}'; the greeting, HELO, is "
             "required",
             kind_text(hello.kind));
  WEFT_CHECK(hello.number == kStreamVersion,
             "stream: a producer speaks version {} of the protocol; version {} is required",
             hello.number, kStreamVersion);
  const std::string name(hello.text());
  check_producer_name(name);
  const ProducerMark mark = buffer_.mark_of(name);
  // A connection that was lost may not have shown it yet.
  for (Connection& other : connections_)
    if (other.name == name) {
      other.send(FrameKind::failed, 0,
                 fmt::format("stream: another producer has connected under the same name, '{}'; a "
                             "name of its own is required",
                             name));
      other.closing = true;
    }
  connection.name = name;
  connection.last = connection.acknowledged = mark.last;
  connection.send(FrameKind::welcome, mark.last, record_description(info_));
  connection.ended = mark.ended;
  if (mark.ended) connection.send(FrameKind::end);
}

void StreamServer::take_record(Connection& connection, const Frame& frame) {
  WEFT_CHECK(!connection.ended,
             "stream: the producer '{}' has sent its end mark; another name is required for more "
             "records",
             connection.name);
  WEFT_CHECK(frame.number > 0,
             "stream: the producer '{}' has sent record 0; numbers from 1 on are required",
             connection.name);
  if (frame.number <= connection.last) return;  // it was sent again
  try {
    read_record(frame.payload, info_, static_cast<i64>(frame.number), record_.data(),
                record_.data() + info_.sample_bytes());
  } catch (const UserError& error) {
    const std::string reason = fmt::format("record {} of the producer '{}': {}", frame.number,
                                           connection.name, error.what());
    buffer_.note_refused(reason);
    connection.acknowledge();
    connection.last = connection.acknowledged = frame.number;
    connection.send(FrameKind::refused, frame.number, reason);
    return;
  }
  buffer_.put(connection.name, frame.number, record_.data());
  connection.last = frame.number;
}

// Tells the producers, and waits a moment until they have heard: closing a socket that has unread
// bytes may discard what was sent last.
void StreamServer::say_farewell() {
  for (Connection& c : connections_) {
    if (!over_.empty()) c.send(FrameKind::over, 0, over_);
    c.gone = !c.flush();
    shutdown(c.socket.get(), SHUT_WR);
  }
  if (over_.empty()) connections_.clear();
  const Clock::time_point begin = Clock::now();
  while (true) {
    std::erase_if(connections_, [](const Connection& c) { return c.gone; });
    const int left = kFarewellMilliseconds - static_cast<int>(1000 * seconds_since(begin));
    if (connections_.empty() || left <= 0) break;
    std::vector<pollfd> watched;
    for (const Connection& c : connections_) watched.push_back({c.socket.get(), POLLIN, 0});
    if (poll(watched.data(), watched.size(), left) <= 0) break;
    std::size_t i = 0;
    std::array<u8, kReadBytes> ignored;
    for (Connection& c : connections_)
      if (watched[i++].revents != 0 && recv(c.socket.get(), ignored.data(), ignored.size(), 0) <= 0)
        c.gone = true;
  }
  connections_.clear();
}

}  // namespace weft::data
