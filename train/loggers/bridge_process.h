// SPDX-License-Identifier: Apache-2.0
// BridgeProcess: a program that is told, line by line, what to hand on to a service. It answers
// each line by one of `ok`, `warning TEXT` and `fatal TEXT`.
//
// Note [A bridge never holds up a run]
// send() puts a line into a queue of bounded size. A thread of its own writes the queue into a
// socket and reads the answers, so training waits neither for the program nor for the network. A
// program that ends, that does not answer for `timeout` seconds or for which the queue is full is a
// warning at once, and what it is not told is lost. It is in a process group of its own, because it
// must not end by the terminal's Ctrl-C before it is told to finish, and it has no descriptor of
// this process but the socket and its log. A socket raises no SIGPIPE (MSG_NOSIGNAL).
#pragma once
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "weft/core/clock.h"
#include "weft/core/types.h"

namespace weft::train {

struct BridgeOptions {
  std::vector<std::string> command = {};  // the program, which PATH may name, and its arguments
  std::filesystem::path log = {};         // gets its standard error; later text is added
  std::string hint = {};                  // what to look at when the program ends early
  double timeout = 60;                    // seconds
  std::size_t most_bytes = 4 << 20;       // of the queue
  std::function<void(const std::string&)> warn = {};  // by any thread
};

class BridgeProcess {
 public:
  // Starts the program. Throws UserError if it cannot be started.
  explicit BridgeProcess(BridgeOptions options);
  // finish(), if that was not called.
  ~BridgeProcess();
  BridgeProcess(const BridgeProcess&) = delete;
  BridgeProcess& operator=(const BridgeProcess&) = delete;

  // Never waits. `line` has no line break.
  void send(const std::string& line);
  // Ends the input, and waits for the program to end: at most timeout seconds, after which it is
  // killed, and a few more.
  void finish();

 private:
  struct Queue {
    std::mutex mutex;
    std::deque<std::string> lines = {};
    std::size_t bytes = 0;
    i64 lost = 0;
    bool is_last = false;  // finish() was called
    bool ended = false;    // nobody reads it any more
  };

  void start();
  void wake() const;
  void run();
  void take_lines();
  bool exchange(int wait_ms);
  void hear(const std::string& answer);
  void look_at_time();
  bool ended_within(double seconds, int* status);
  void bury(bool killed, double seconds_left);
  std::string last_words() const;

  BridgeOptions options_;
  pid_t process_ = -1;
  int socket_ = -1, wake_ = -1;
  i64 log_begin_ = 0;  // bytes of earlier processes in the log
  Queue queue_;
  std::thread thread_;

  // Of the thread alone.
  std::string unsent_ = {}, answers_ = {};
  i64 unanswered_ = 0;
  Clock::time_point moved_ = {};  // when something was last answered, or first asked
  bool input_ended_ = false, said_slow_ = false, said_fatal_ = false;
};

}  // namespace weft::train
