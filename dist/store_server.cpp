// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/store_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "weft/core/error.h"
#include "weft/core/lines.h"
#include "weft/core/log.h"
#include "weft/core/printable.h"

namespace weft::dist {
namespace {

constexpr std::size_t kMostWaiting = std::size_t{1} << 24;  // bytes that a rank does not take

}  // namespace

struct StoreServer::Connection {
  Descriptor socket;
  MessageReader reader;
  std::string out;
  std::string host, doing = "the start", pace;
  Clock::time_point pace_since = Clock::now();
  std::vector<std::string> wanted;         // keys of `get` without a value yet
  i64 rank = -1;                           // before `hello`
  Clock::time_point heard = Clock::now();  // the beginning, before `hello`
  bool left = false, closed = false;
};

StoreServer::StoreServer(Descriptor listening, JobIdentity job, std::chrono::milliseconds silence)
    : job_(std::move(job)),
      silence_(silence),
      listening_{std::move(listening)},
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      progress_{std::vector<bool>(static_cast<std::size_t>(job_.size), false)},
      thread_([this] { work(); }) {}

StoreServer::~StoreServer() {
  stopping_ = true;
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void StoreServer::wait_for_leaving(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most, [this] { return progress_.lost || progress_.left == job_.size; });
}

std::string StoreServer::wait_for_all(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most, [this] {
    return progress_.lost ||
           std::find(progress_.came.begin(), progress_.came.end(), false) == progress_.came.end();
  });
  std::string ranks;
  for (std::size_t rank = 0; rank < progress_.came.size(); ++rank)
    if (!progress_.came[rank]) ranks += fmt::format("{}{}", ranks.empty() ? "" : ", ", rank);
  return progress_.lost ? "" : ranks;
}

void StoreServer::wait_for_late(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most, [this] {
    return std::find(progress_.came.begin(), progress_.came.end(), false) == progress_.came.end();
  });
}

void StoreServer::refuse_all(const std::string& sentence) {
  {
    std::lock_guard lock(mutex_);
    progress_.refusal = sentence;
  }
  eventfd_write(wake_.get(), 1);
}

// On the thread of the server, which alone uses the connections.
void StoreServer::refuse_as_asked() {
  std::unique_lock lock(mutex_);
  const std::string sentence = std::exchange(progress_.refusal, "");
  lock.unlock();
  if (!sentence.empty()) end_all(MessageKind::refused, sentence);
}

void StoreServer::work() {
  while (!stopping_) poll_once();
  refuse_as_asked();
  for (Connection& connection : connections_) flush(connection);
}

void StoreServer::poll_once() {
  // poll() ignores the descriptor -1.
  const bool accepts = Clock::now() >= listening_.pause_until;
  std::vector<pollfd> waits{{accepts ? listening_.socket.get() : -1, POLLIN, 0},
                            {wake_.get(), POLLIN, 0}};
  for (const Connection& connection : connections_)
    waits.push_back({connection.socket.get(),
                     static_cast<short>(connection.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
  poll(waits.data(), waits.size(), static_cast<int>(silence_.count() / kPulsesInSilence / 2));
  std::size_t at = 2;
  for (Connection& connection : connections_) {
    const short events = waits[at++].revents;
    if ((events & POLLOUT) != 0) flush(connection);
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) receive(connection);
  }
  if ((waits[0].revents & POLLIN) != 0) accept_new();
  if (Clock::now() - last_pulse_ >= silence_ / kPulsesInSilence) {
    last_pulse_ = Clock::now();
    for (Connection& connection : connections_)
      if (connection.rank >= 0) send(connection, {MessageKind::pulse, {"", ""}});
  }
  if ((waits[1].revents & POLLIN) != 0) {
    eventfd_t woken = 0;
    eventfd_read(wake_.get(), &woken);
    refuse_as_asked();
  }
  check_silence();
  check_waiting();
  for (const Connection& connection : connections_)
    if (connection.closed && !connection.left) lose(connection, "its connection has closed");
  connections_.remove_if([](const Connection& connection) { return connection.closed; });
}

void StoreServer::accept_new() {
  Descriptor socket(
      accept4(listening_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    // Without a descriptor for it, the connection waits, and poll() would return at once.
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
      listening_.pause_until = Clock::now() + silence_ / kPulsesInSilence;
    return;
  }
  connections_.emplace_back();
  connections_.back().socket = std::move(socket);
}

void StoreServer::receive(Connection& connection) {
  std::array<char, 65536> bytes{};
  const ssize_t count = recv(connection.socket.get(), bytes.data(), bytes.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    connection.closed = true;
    return;
  }
  if (connection.rank >= 0) connection.heard = Clock::now();
  connection.reader.add({bytes.data(), static_cast<std::size_t>(count)});
  try {
    while (const auto message = connection.reader.next()) process(connection, *message);
  } catch (const UserError& error) {
    log_warning("{}; the connection is closed", error.what());
    connection.closed = true;
  }
}

void StoreServer::process(Connection& connection, const Message& message) {
  if (connection.rank < 0) {
    WEFT_CHECK(message.kind == MessageKind::hello,
               "store: a connection began with a message of another kind than `hello`");
    greet(connection, message);
    return;
  }
  switch (message.kind) {
    case MessageKind::set:
      values_[message.fields[0]] = message.fields[1];
      answer_waiting(message.fields[0]);
      break;
    case MessageKind::get:
      connection.wanted.push_back(message.fields[0]);
      answer_waiting(message.fields[0]);
      break;
    case MessageKind::meet: meet(connection, message.fields[0], message.fields[1]); break;
    case MessageKind::pulse:
      connection.doing = message.fields[0];
      if (message.fields[1] != connection.pace) connection.pace_since = Clock::now();
      connection.pace = message.fields[1];
      break;
    case MessageKind::failed: lose(connection, message.fields[0]); break;
    case MessageKind::leave: {
      connection.left = true;
      std::lock_guard lock(mutex_);
      ++progress_.left;
      changed_.notify_all();
      break;
    }
    default: fail("store: rank {} sent a message that only the store sends", connection.rank);
  }
}

void StoreServer::greet(Connection& connection, const Message& hello) {
  const std::string& version = hello.fields[0];
  if (version != WEFT_VERSION || hello.fields[1] != job_.token) {
    send(connection,
         {MessageKind::refused,
          {version != WEFT_VERSION
               ? fmt::format("dist: this is weft {}, and rank 0 is weft {}; one build is required",
                             printable(version), WEFT_VERSION)
               : "dist: rank 0 has another token, so it is of another job; the same "
                 "WEFT_DIST_TOKEN and start of the launcher are required"}});
    log_warning("dist: a process with another {} tried to join the job and was refused",
                version != WEFT_VERSION ? "version of weft" : "token");
    return;
  }
  const auto number = [](const std::string& text) {
    i64 value = -1;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  const i64 rank = number(hello.fields[2]), size = number(hello.fields[3]);
  if (over_) {
    send(connection, *over_);
    note_came(rank);
    return;
  }
  std::string wrong;
  if (size != job_.size) {
    wrong = fmt::format(
        "dist: rank {} was started as one of {} ranks, and rank 0 as one of {}; "
        "the same number is required",
        rank, size, job_.size);
  } else if (rank < 0 || rank >= size) {
    wrong = fmt::format("dist: rank {} has come; 0 to {} are required", rank, size - 1);
  } else if (std::lock_guard lock(mutex_); progress_.came[static_cast<std::size_t>(rank)]) {
    wrong = fmt::format("dist: two processes have rank {}; each rank is required once", rank);
  } else if (hello.fields[4] != job_.build_and_config) {
    const auto [its, here] = first_difference(hello.fields[4], job_.build_and_config);
    wrong = fmt::format(
        "dist: rank {} on {} has another config, build or kind of device than rank 0: '{}', and "
        "rank 0 has '{}'; the same are required",
        rank, printable(hello.fields[5]), printable(its), printable(here));
  } else {
    progress_.came[static_cast<std::size_t>(rank)] = true;
    changed_.notify_all();
  }
  if (!wrong.empty()) {
    end_all(MessageKind::refused, wrong);
    send(connection, *over_);
    note_came(rank);
    return;
  }
  connection.rank = rank;
  connection.heard = Clock::now();
  connection.host = printable(hello.fields[5]);
  send(connection, {MessageKind::welcome});
}

void StoreServer::note_came(i64 rank) {
  std::lock_guard lock(mutex_);
  if (rank >= 0 && rank < job_.size) progress_.came[static_cast<std::size_t>(rank)] = true;
  changed_.notify_all();
}

void StoreServer::answer_waiting(const std::string& key) {
  const auto value = values_.find(key);
  if (value == values_.end()) return;
  for (Connection& connection : connections_)
    if (std::erase(connection.wanted, key) > 0)
      send(connection, {MessageKind::value, {key, value->second}});
}

void StoreServer::meet(const Connection& connection, const std::string& name,
                       const std::string& text) {
  if (meeting_.came > 0 && name != meeting_.name) {
    lose(connection,
         fmt::format("it came to the {} and others to the {}; the same order is required", name,
                     meeting_.name));
    return;
  }
  meeting_.name = name;
  if (!text.empty()) meeting_.text = text;
  if (++meeting_.came < job_.size) return;
  for (Connection& each : connections_)
    if (each.rank >= 0) send(each, {MessageKind::value, {meeting_.name, meeting_.text}});
  meeting_ = {};
}

void StoreServer::check_silence() {
  for (Connection& connection : connections_) {
    if (connection.left || Clock::now() - connection.heard <= silence_) continue;
    if (connection.rank < 0) connection.closed = true;  // it is of another program
    else
      lose(connection, fmt::format("it gave no sign of life for {} s",
                                   static_cast<double>(silence_.count()) / 1000));
  }
}

void StoreServer::check_waiting() {
  if (job_.timeout.count() == 0 || over_) return;
  const auto now = Clock::now();
  const auto is = [](const Connection& rank, Pace pace) {
    return rank.pace.starts_with(kPaces[static_cast<std::size_t>(pace)]);
  };
  const auto ranks = [&](const auto& wanted) {
    const Connection* first = nullptr;
    for (const Connection& each : connections_)
      if (each.rank >= 0 && !each.left && !each.closed && wanted(each) &&
          (first == nullptr || each.rank < first->rank))
        first = &each;
    return first;
  };
  const auto for_long = [&](const Connection& rank) {
    return now - rank.pace_since >= job_.timeout;
  };
  const Connection* waits =
      ranks([&](const Connection& rank) { return is(rank, Pace::exchanging) && for_long(rank); });
  if (waits == nullptr) return;
  const double seconds = static_cast<double>(job_.timeout.count()) / 1000;
  const Connection* late =
      ranks([&](const Connection& rank) { return is(rank, Pace::computing) && for_long(rank); });
  if (late != nullptr)
    end_all(
        MessageKind::lost,
        fmt::format("dist: rank {} on {} keeps rank {} waiting in {} for more than {} s, and is "
                    "at {}; all ranks are required to take part in it within dist.timeout",
                    late->rank, late->host, waits->rank, printable(waits->doing), seconds,
                    printable(late->doing)));
  else if (ranks([&](const Connection& rank) {
             return !is(rank, Pace::exchanging) || !for_long(rank);
           }) == nullptr)
    end_all(MessageKind::lost,
            fmt::format("dist: {} has not ended within {} s on any rank; a network that connects "
                        "all ranks, and the same operations on each, are required",
                        printable(waits->doing), seconds));
}

void StoreServer::lose(const Connection& connection, const std::string& how) {
  if (connection.rank < 0 || over_) return;
  end_all(MessageKind::lost,
          fmt::format("dist: rank {} on {} is lost in {}: {}", connection.rank, connection.host,
                      printable(connection.doing), printable(how)));
}

void StoreServer::end_all(MessageKind kind, const std::string& sentence) {
  over_ = Message{kind, {sentence}};
  for (Connection& connection : connections_)
    if (connection.rank >= 0 && !connection.closed) send(connection, *over_);
  std::lock_guard lock(mutex_);
  progress_.lost = true;
  changed_.notify_all();
}

void StoreServer::send(Connection& connection, const Message& message) {
  connection.out += encoded(message);
  flush(connection);
}

void StoreServer::flush(Connection& connection) {
  if (!send_some(connection.socket, connection.out) || connection.out.size() > kMostWaiting)
    connection.closed = true;
}

}  // namespace weft::dist
