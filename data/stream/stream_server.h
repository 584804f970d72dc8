// SPDX-License-Identifier: Apache-2.0
// StreamServer: the thread that receives the records of a stream and answers their producers
// (data/stream/protocol.h). It waits in poll(), never in a loop. A producer whose records have no
// room is not read from, so that its sends block.
#pragma once
#include <atomic>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "weft/core/clock.h"
#include "weft/data/dataset.h"
#include "weft/data/stream/protocol.h"
#include "weft/data/stream/record_buffer.h"
#include "weft/data/stream/socket.h"

namespace weft::data {

class StreamServer {
 public:
  // Starts the thread. The arguments must outlive it.
  StreamServer(const ListeningSocket& listening, const DatasetInfo& info, RecordBuffer& buffer);
  ~StreamServer();  // close()
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  // Closes all connections and joins the thread. If the run is over, producers are told why, and
  // that no more records are taken. Otherwise they try to connect again. Later calls do nothing.
  void close(const std::string& over = "");

 private:
  struct Connection;
  void work();
  void poll_once();
  int milliseconds_to_wait() const;
  void close_silent();
  void accept_new();
  static bool receive(Connection& connection);
  void process(Connection& connection);
  void answer(Connection& connection, const Frame& frame);
  void greet(Connection& connection, const Frame& hello);
  void take_record(Connection& connection, const Frame& frame);
  void say_farewell();

  const DatasetInfo& info_;
  RecordBuffer& buffer_;
  const ListeningSocket& listening_;
  Descriptor wake_;  // an eventfd
  std::list<Connection> connections_;
  std::vector<std::byte> record_;
  std::string over_;  // written before stopping_
  std::atomic<bool> stopping_ = false;
  std::optional<Clock::time_point> accepts_at_ = {};  // set while connections cannot be accepted
  bool said_so_ = false;
  std::thread thread_;
};

}  // namespace weft::data
