// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/background.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "weft/core/clock.h"

namespace weft::dist {

struct Background::State {
  std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::deque<std::function<void()>> waiting;
  bool running = false, stopping = false;
  std::exception_ptr error;
  double seconds_busy = 0;

  bool idle() const { return waiting.empty() && !running; }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return stopping || !waiting.empty(); });
      if (stopping) return;
      std::function<void()> operation = std::move(waiting.front());
      waiting.pop_front();
      running = true;
      lock.unlock();
      const auto begin = Clock::now();
      std::exception_ptr thrown;
      try {
        operation();
      } catch (...) {
        thrown = std::current_exception();
      }
      operation = nullptr;  // what it kept alive is the owner's alone again
      lock.lock();
      seconds_busy += seconds_since(begin);
      running = false;
      if (thrown) {
        error = thrown;
        waiting.clear();
      }
      changed.notify_all();
    }
  }
};

Background::Background()
    : state_(std::make_shared<State>()), thread_([state = state_] { state->work(); }) {}

Background::~Background() { stop(std::chrono::milliseconds(0)); }

void Background::begin(std::function<void()> operation) {
  std::lock_guard lock(state_->mutex);
  if (state_->error) std::rethrow_exception(state_->error);
  state_->waiting.push_back(std::move(operation));
  state_->changed.notify_all();
}

void Background::wait() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return state_->idle(); });
  if (state_->error) std::rethrow_exception(state_->error);
}

bool Background::busy() const {
  std::lock_guard lock(state_->mutex);
  return !state_->idle();
}

double Background::seconds_busy() const {
  std::lock_guard lock(state_->mutex);
  return state_->seconds_busy;
}

bool Background::stop(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return true;
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->waiting.clear();
  state_->changed.notify_all();
  const bool ended = state_->changed.wait_for(lock, patience, [this] { return !state_->running; });
  lock.unlock();
  if (ended) thread_.join();
  else thread_.detach();
  return ended;
}

}  // namespace weft::dist
