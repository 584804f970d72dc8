// SPDX-License-Identifier: Apache-2.0
// A rank's connection to the store of rank 0 (store_server.h). Its thread says again and again
// what this rank does, and learns when another rank is lost. Thread-safe.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "weft/core/descriptor.h"
#include "weft/core/error.h"
#include "weft/dist/launch.h"
#include "weft/dist/message.h"
#include "weft/dist/store_server.h"

namespace weft::dist {

// Another rank is lost, so this one cannot go on. Exit code 1.
class LostRank : public InternalError {
 public:
  using InternalError::InternalError;
};

class Store {
 public:
  // Connects to rank 0, which may come later, within `patience`. Throws UserError if rank 0 refuses
  // this rank: another job, size, build or config, or a number that is taken.
  Store(const Launch& launch, const std::string& build_and_config,
        std::chrono::milliseconds patience, std::chrono::milliseconds silence = kMostSilence);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void set(const std::string& key, const std::string& value);
  // Waits until a rank has set the key. Throws LostRank, UserError if the job is refused, and
  // InternalError after `most`.
  std::string get(const std::string& key, std::chrono::milliseconds most);
  // Waits until all ranks have come to the meeting of this name, however long that takes, and
  // returns the text of the one rank that gave one. Ranks that come to different meetings end the
  // job. Throws as get().
  std::string meet(const std::string& name, const std::string& text = "");

  // What this rank does, for the messages of others if it is lost. An operation that it takes part
  // in comes first, until that is "".
  void doing(std::string what);
  std::string operation(std::string what);  // returns the one before
  // Returns the one before.
  Pace pace(Pace now);
  // Throws LostRank or UserError, once the store has said that the job ends.
  void check() const;
  // As check(), on a thread beside the one that has to end this rank.
  void check_aside() const;
  // This rank is about to end.
  void notice() const;
  // Waits until check() would throw, at most this long.
  void wait_for_the_end(std::chrono::milliseconds most);
  // If the job ends and this rank has not noticed it by check(), get() or notice() within `grace`,
  // `call` runs with the sentence, on the store's thread: the rank waits for something that does
  // not end.
  void when_stuck(std::chrono::milliseconds grace, std::function<void(const std::string&)> call);

  // The address of this machine in the network that leads to rank 0.
  std::string local_address() const;

  // Tells the others that this rank ends as it should, or why it fails.
  void leave();
  void fail_job(const std::string& why);

 private:
  std::string take(const std::string& key, std::optional<std::chrono::milliseconds> most);
  void stop();
  void work();
  void watch();
  void receive();
  Message pulse() const;  // with mutex_
  void lose_first(const std::string& how);
  void end(MessageKind kind, const std::string& sentence);
  void send(const Message& message);

  std::chrono::milliseconds silence_;
  std::string host_;          // of rank 0
  Descriptor socket_, wake_;  // an eventfd
  MessageReader reader_;      // of the thread alone
  std::mutex sending_;
  mutable std::mutex mutex_;  // of what follows
  mutable std::condition_variable changed_;
  std::map<std::string, std::string> values_;
  struct Doing {
    std::string what = "the start", operation = {};
    Pace pace = Pace::computing;
    i64 changes = 0;
    const std::string& text() const { return operation.empty() ? what : operation; }
  } doing_;
  struct Job {
    bool welcome = false, left = false;
    std::optional<Message> over;
    bool noticed = false;  // by this rank
  };
  mutable Job job_;
  struct Stuck {
    std::chrono::milliseconds grace{0};
    std::function<void(const std::string&)> call;
  } when_stuck_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weft::dist
