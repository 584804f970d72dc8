// SPDX-License-Identifier: Apache-2.0
// A rank's connection to the store of rank 0 (store_server.h). Its thread says each second what
// this rank does, and learns when another rank is lost. Thread-safe.
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

  // What this rank does, for the messages of others if it is lost.
  void doing(std::string what);
  // Throws LostRank or UserError, once the store has said that the job ends.
  void check() const;
  // `call` runs on the store's thread, once, as soon as check() would throw.
  void when_over(std::function<void()> call);

  // Tells the others that this rank ends as it should, or why it fails.
  void leave();
  void fail_job(const std::string& why);

 private:
  void stop();
  void work();
  void receive();
  void end(MessageKind kind, const std::string& sentence);
  void send(const Message& message);

  std::chrono::milliseconds silence_;
  std::string host_;          // of rank 0
  Descriptor socket_, wake_;  // an eventfd
  MessageReader reader_;      // of the thread alone
  std::mutex sending_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::map<std::string, std::string> values_;
  std::string doing_ = "the start";
  std::optional<Message> over_;
  std::function<void()> when_over_;
  bool welcome_ = false, left_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace weft::dist
