// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/store.h"

#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weft/core/clock.h"
#include "weft/dist/tcp.h"

namespace weft::dist {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

Store::Store(const Launch& launch, const std::string& build_and_config,
             std::chrono::milliseconds patience, std::chrono::milliseconds silence)
    : silence_(silence),
      host_(launch.address),
      socket_(connect_to(launch.address, launch.port, patience)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  send({MessageKind::hello,
        {WEFT_VERSION, launch.token, std::to_string(launch.rank), std::to_string(launch.size),
         build_and_config, host_name()}});
  thread_ = std::thread([this] { work(); });
  try {
    std::unique_lock lock(mutex_);
    const bool came =
        changed_.wait_for(lock, patience, [this] { return job_.welcome || job_.over; });
    lock.unlock();
    check();
    WEFT_CHECK(came,
               "dist: what listens at port {} of '{}' is not rank 0 of this job; another port is "
               "required (MASTER_PORT, dist.port)",
               launch.port, launch.address);
  } catch (...) {
    stop();
    throw;
  }
}

Store::~Store() { stop(); }

void Store::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Store::set(const std::string& key, const std::string& value) {
  send({MessageKind::set, {key, value}});
}

std::string Store::get(const std::string& key, std::chrono::milliseconds most) {
  send({MessageKind::get, {key}});
  return take(key, most);
}

std::string Store::meet(const std::string& name, const std::string& text) {
  const std::string key = fmt::format("meeting '{}'", name);
  send({MessageKind::meet, {key, text}});
  return take(key, {});
}

// Waits for a value that was asked for.
std::string Store::take(const std::string& key, std::optional<std::chrono::milliseconds> most) {
  std::unique_lock lock(mutex_);
  const auto came = [&] { return job_.over || values_.contains(key); };
  if (most) changed_.wait_for(lock, *most, came);
  else changed_.wait(lock, came);
  const auto found = values_.find(key);
  if (found != values_.end()) return values_.extract(found).mapped();
  lock.unlock();
  check();
  throw InternalError(
      fmt::format("dist: '{}' did not come within {} s; a rank that sets it is required", key,
                  static_cast<double>(most->count()) / 1000));
}

void Store::doing(std::string what) {
  std::lock_guard lock(mutex_);
  doing_.what = std::move(what);
}

std::string Store::operation(std::string what) {
  std::lock_guard lock(mutex_);
  return std::exchange(doing_.operation, std::move(what));
}

Pace Store::pace(Pace now) {
  std::lock_guard lock(mutex_);
  ++doing_.changes;
  return std::exchange(doing_.pace, now);
}

Message Store::pulse() const {
  return {MessageKind::pulse,
          {doing_.text(), std::string(kPaces[static_cast<std::size_t>(doing_.pace)]) + " " +
                              std::to_string(doing_.changes)}};
}

void Store::notice() const {
  std::lock_guard lock(mutex_);
  job_.noticed = true;
  changed_.notify_all();
}

void Store::check() const {
  try {
    check_aside();
  } catch (...) {
    notice();
    throw;
  }
}

void Store::check_aside() const {
  std::lock_guard lock(mutex_);
  if (!job_.over) return;
  if (job_.over->kind == MessageKind::refused) throw UserError(job_.over->fields[0]);
  throw LostRank(job_.over->fields[0]);
}

void Store::wait_for_the_end(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most, [this] { return job_.over.has_value(); });
}

void Store::when_stuck(std::chrono::milliseconds grace,
                       std::function<void(const std::string&)> call) {
  std::lock_guard lock(mutex_);
  when_stuck_ = {grace, std::move(call)};
}

std::string Store::local_address() const { return dist::local_address(socket_); }

void Store::leave() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(job_.left, true)) return;
  }
  send({MessageKind::leave});
}

// The store may know only what this rank did some time ago.
void Store::fail_job(const std::string& why) {
  std::unique_lock lock(mutex_);
  const Message now = pulse();
  lock.unlock();
  send(now);
  send({MessageKind::failed, {why}});
}

void Store::work() {
  watch();
  std::unique_lock lock(mutex_);
  if (!job_.over ||
      changed_.wait_for(lock, when_stuck_.grace, [this] { return job_.noticed || stopping_; }))
    return;
  const auto call = std::exchange(when_stuck_.call, nullptr);
  const std::string sentence = job_.over->fields[0];
  lock.unlock();
  if (call) call(sentence);
}

// Until the job ends or this rank does.
void Store::watch() {
  const auto between = silence_ / kPulsesInSilence;
  Clock::time_point heard = Clock::now(), told = heard;
  for (;;) {
    std::array<pollfd, 2> waits{{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), static_cast<int>(between.count() / 2));
    if (waits[0].revents != 0) {
      receive();
      heard = Clock::now();
    }
    if (Clock::now() - heard > silence_)
      lose_first(fmt::format("it gave no sign of life for {} s",
                             static_cast<double>(silence_.count()) / 1000));
    std::unique_lock lock(mutex_);
    if (stopping_ || job_.over) return;
    const Message now = pulse();
    lock.unlock();
    if (Clock::now() - told < between) continue;
    told = Clock::now();
    send(now);
  }
}

void Store::receive() {
  std::array<char, 65536> bytes{};
  const ssize_t count = recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    lose_first("its connection has closed");
    return;
  }
  reader_.add({bytes.data(), static_cast<std::size_t>(count)});
  try {
    while (const auto message = reader_.next()) {
      if (message->kind == MessageKind::refused || message->kind == MessageKind::lost)
        end(message->kind, message->fields[0]);
      std::lock_guard lock(mutex_);
      if (message->kind == MessageKind::welcome) job_.welcome = true;
      if (message->kind == MessageKind::value) values_[message->fields[0]] = message->fields[1];
      changed_.notify_all();
    }
  } catch (const UserError& error) {
    end(MessageKind::refused, error.what());
  }
}

// What rank 0 did is not known here. All ranks do the same, so it is what this one does.
void Store::lose_first(const std::string& how) {
  std::unique_lock lock(mutex_);
  const std::string doing = doing_.text();
  lock.unlock();
  end(MessageKind::lost, fmt::format("dist: rank 0 on {} is lost in {}: {}", host_, doing, how));
}

void Store::end(MessageKind kind, const std::string& sentence) {
  std::lock_guard lock(mutex_);
  // Rank 0 closes all connections when each rank has left.
  if (job_.over || job_.left) return;
  job_.over = Message{kind, {sentence}};
  changed_.notify_all();
}

void Store::send(const Message& message) {
  std::lock_guard lock(sending_);
  const std::string bytes = encoded(message);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent > 0) done += static_cast<std::size_t>(sent);
    if (sent >= 0 || errno == EINTR) continue;
    // A closed connection is noticed by the thread, which says what happened.
    if (errno != EAGAIN) return;
    pollfd wait{socket_.get(), POLLOUT, 0};
    if (poll(&wait, 1, static_cast<int>(silence_.count())) == 0) return;
  }
}

}  // namespace weft::dist
