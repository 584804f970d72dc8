// SPDX-License-Identifier: Apache-2.0
// Producer: sends records to a run with data.type: stream, from another process.
//
//   data::Producer producer("unix:/tmp/digits.sock");
//   while (simulate()) if (!producer.send(x, y)) break;   // false: the run takes no more
//   producer.end();
//
// A record that was sent is kept here until the run has acknowledged it. Where the connection is
// lost, or the run is stopped and resumed, the producer connects again and sends those records
// again; the run takes each of them once (data/stream/protocol.h).
#pragma once
#include <deque>
#include <optional>
#include <string>

#include "weft/data/stream/protocol.h"
#include "weft/data/stream/socket.h"
#include "weft/tensor/tensor.h"

namespace weft::data {

struct ProducerOptions {
  // Under which the run knows the producer. A producer that is started again under its name goes on
  // after the records that the run has acknowledged. Empty: a name that no other one has.
  std::string name = {};
  double wait = 60;  // seconds in which a run must listen, when connecting and when it was lost
  i64 window = 64;   // records that may be sent and not yet acknowledged
};

// One thread uses a producer.
class Producer {
 public:
  // Connects. Throws UserError if no run listens at the address within `wait` seconds, and for a
  // run that refuses the producer.
  explicit Producer(const std::string& address, const ProducerOptions& options = {});
  ~Producer();  // closes the connection, without an end mark
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Sends a sample and its target. Waits while `window` records are not acknowledged, as when the
  // buffer of the run is full. Returns false if the run takes no more records. Throws UserError,
  // with the sentence of the run, when it has refused a record; that may be one sent earlier, and
  // the next call goes on behind it.
  bool send(const Tensor& x, const Tensor& y);
  // Waits until all records are acknowledged. Returns false if the run takes no more.
  bool flush();
  // flush(), then the end mark: this producer has no more records. Nothing can be sent afterwards.
  bool end();

  // Records that the run has answered, counted under this name, also by earlier processes.
  i64 acknowledged() const { return static_cast<i64>(acknowledged_); }
  const std::string& name() const { return options_.name; }

 private:
  struct Sent {
    u64 number;
    std::string frame;
  };
  bool connect();
  void await_answers(std::size_t most_unanswered);
  bool transmit(std::string_view bytes);
  bool receive(bool wait);
  void take(const Frame& frame);
  void repair();

  StreamAddress address_;
  ProducerOptions options_;
  Descriptor socket_;
  std::optional<FrameReader> in_;
  std::deque<Sent> unanswered_;
  u64 next_ = 0, acknowledged_ = 0;
  bool welcome_ = false, over_ = false, ended_ = false;
  std::string refusal_;
};

}  // namespace weft::data
