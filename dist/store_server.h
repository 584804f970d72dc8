// SPDX-License-Identifier: Apache-2.0
// The store of rank 0: the keys and values that ranks tell each other, and the watch over all
// ranks. One thread waits in poll(), never in a loop. Note [The store's protocol]
//
// A rank is lost when its connection closes before it has said `leave`, when it says `failed`, and
// when it has been silent for `silence`. All others are told at once, and have to end. Who connects
// and does not say `hello` for as long is of another program, and is sent away.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "weft/core/clock.h"
#include "weft/core/descriptor.h"
#include "weft/core/types.h"
#include "weft/dist/message.h"

namespace weft::dist {

// What all ranks of a job have in common.
struct JobIdentity {
  i64 size = 1;
  std::string token;
  std::string build_and_config;  // lines, of which a difference is an error
  // How long a rank may keep the others waiting (Note [Waiting]); 0: for ever.
  std::chrono::milliseconds timeout{0};
};

inline constexpr std::chrono::seconds kMostSilence{10};
inline constexpr int kPulsesInSilence = 10;  // each side sends one in this part of the silence

class StoreServer {
 public:
  StoreServer(Descriptor listening, JobIdentity job,
              std::chrono::milliseconds silence = kMostSilence);
  ~StoreServer();  // closes all connections
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;

  // Waits until all ranks have left, or one is lost, at most this long.
  void wait_for_leaving(std::chrono::milliseconds most);
  // Waits until all ranks have come, or the job is over, at most this long. Returns those that have
  // not, for messages: "2, 3".
  std::string wait_for_all(std::chrono::milliseconds most);
  // Waits until the ranks that come late were told that the job is over, at most this long.
  void wait_for_late(std::chrono::milliseconds most);
  // Ends the job, with this sentence for all ranks.
  void refuse_all(const std::string& sentence);

 private:
  struct Connection;
  void work();
  void poll_once();
  void accept_new();
  void meet(const Connection& connection, const std::string& name, const std::string& text);
  void receive(Connection& connection);
  void process(Connection& connection, const Message& message);
  void greet(Connection& connection, const Message& hello);
  void note_came(i64 rank);
  void answer_waiting(const std::string& key);
  void check_silence();
  void check_waiting();
  void refuse_as_asked();
  void lose(const Connection& connection, const std::string& how);
  void end_all(MessageKind kind, const std::string& sentence);
  static void send(Connection& connection, const Message& message);
  static void flush(Connection& connection);

  JobIdentity job_;
  std::chrono::milliseconds silence_;
  struct Listening {
    Descriptor socket;
    Clock::time_point pause_until = {};  // nothing is accepted before
  } listening_;
  Descriptor wake_;  // an eventfd
  std::list<Connection> connections_;
  std::map<std::string, std::string> values_;
  struct Meeting {
    std::string name, text;
    i64 came = 0;  // ranks
  } meeting_;      // one at a time: nobody leaves it before all have come
  Clock::time_point last_pulse_ = Clock::now();
  std::optional<Message> over_;  // what all are told: a rank was lost or refused
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  struct Progress {
    std::vector<bool> came;  // by rank
    i64 left = 0;
    bool lost = false;
    std::string refusal = {};  // asked for by refuse_all()
  } progress_;
  std::thread thread_;
};

}  // namespace weft::dist
