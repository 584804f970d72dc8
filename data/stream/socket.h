// SPDX-License-Identifier: Apache-2.0
// The sockets of a stream: a Unix socket, or a TCP port of this machine's loopback interface.
#pragma once
#include <string>

#include "weft/core/descriptor.h"
#include "weft/core/types.h"

namespace weft::data {

struct StreamAddress {
  std::string path;  // of a Unix socket; empty for TCP
  int port = 0;      // on 127.0.0.1
  std::string text() const;
};

// Reads unix:PATH or tcp:127.0.0.1:PORT. Throws UserError, which begins with `place`, for anything
// else: other machines cannot connect, because nothing says who sends.
StreamAddress stream_address(const std::string& text, const char* place = "data.address");

// The place where a run receives records. The file of a Unix socket has the permissions 0600, and
// the destructor removes it, unless another file has its name by then.
class ListeningSocket {
 public:
  // Removes the file of a socket that nobody listens to, which a killed run leaves. Throws
  // UserError if another process listens there, or another file has the name.
  explicit ListeningSocket(StreamAddress address);
  ~ListeningSocket();
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  int get() const { return socket_.get(); }
  // A new connection, which does not block; none, with errno, if there is none now.
  Descriptor accept() const;

 private:
  void remove_file() const;
  StreamAddress address_;
  Descriptor socket_;
  u64 device_ = 0, file_ = 0;  // of the file of a Unix socket
};

// A connection that blocks; none, with errno, if nobody listens there.
Descriptor connect_to(const StreamAddress& address);

}  // namespace weft::data
