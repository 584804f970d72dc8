// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cerrno>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace weft {

// An open file descriptor, closed by the destructor; −1: none.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

// Sends what the other end of a socket that does not block takes now, and removes it from `bytes`.
// Returns false if the other end is gone.
inline bool send_some(const Descriptor& socket, std::string& bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    bytes.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace weft
