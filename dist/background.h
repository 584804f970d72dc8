// SPDX-License-Identifier: Apache-2.0
// The thread on which a process group runs operations while its owner computes.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

namespace weft::dist {

// Runs operations one after the other, in the order in which they were begun. begin(), wait() and
// stop() are called by one thread. An operation must keep alive what it uses, because stop() may
// leave it behind.
class Background {
 public:
  Background();
  ~Background();  // as stop(), without patience
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void begin(std::function<void()> operation);
  // Waits until all operations are done. Throws what one of them threw, now and in each later call;
  // those behind it are dropped.
  void wait();
  bool busy() const;  // an operation runs or has not begun to
  double seconds_busy() const;
  // Drops the operations that do not run yet, and waits for the one that does, at most this long.
  // Returns false if the thread was left behind because its operation has not ended.
  bool stop(std::chrono::milliseconds patience);

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace weft::dist
