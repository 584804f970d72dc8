// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/socket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "weft/core/error.h"

namespace weft::data {
namespace {

constexpr std::string_view kUnixPrefix = "unix:", kTcpPrefix = "tcp:127.0.0.1:";
constexpr std::size_t kMostSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr int kWaitingConnections = 64;

std::string reason_of(int code) { return std::generic_category().message(code); }

// The address as the calls of the system take it.
struct SystemAddress {
  explicit SystemAddress(const StreamAddress& address) {
    if (address.path.empty()) {
      in.sin_family = AF_INET;
      in.sin_port = htons(static_cast<in_port_t>(address.port));
      in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      size = sizeof in;
      return;
    }
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, address.path.c_str(), address.path.size() + 1);
    size = sizeof un;
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&un); }
  union {
    sockaddr_un un{};
    sockaddr_in in;
  };
  socklen_t size;
};

Descriptor new_socket(const StreamAddress& address, int flags) {
  Descriptor socket_(
      socket(address.path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  WEFT_CHECK(
      static_cast<bool>(socket_),
      "stream: no socket for {} can be made ({}); one more open file is required (ulimit -n)",
      address.text(), reason_of(errno));
  const int on = 1;
  if (address.path.empty()) setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket_;
}

Descriptor connected(const StreamAddress& address, int flags) {
  Descriptor socket_ = new_socket(address, flags);
  const SystemAddress system(address);
  if (connect(socket_.get(), system.get(), system.size) == 0) return socket_;
  const int code = errno;
  socket_ = Descriptor();
  errno = code;
  return Descriptor();
}

// Removes the file of a socket that nobody listens to. It does not wait for a process that listens
// and accepts nothing: the error is EAGAIN then.
void remove_stale(const StreamAddress& address) {
  struct stat about {};
  if (lstat(address.path.c_str(), &about) != 0) return;
  WEFT_CHECK(S_ISSOCK(about.st_mode),
             "data.address: {} is a file and no socket; another path is required", address.path);
  if (!connected(address, SOCK_NONBLOCK) && errno == ECONNREFUSED) unlink(address.path.c_str());
}

}  // namespace

std::string StreamAddress::text() const {
  return path.empty() ? fmt::format("{}{}", kTcpPrefix, port)
                      : fmt::format("{}{}", kUnixPrefix, path);
}

StreamAddress stream_address(const std::string& text, const char* place) {
  StreamAddress address;
  if (text.starts_with(kUnixPrefix)) {
    address.path = text.substr(kUnixPrefix.size());
    WEFT_CHECK(!address.path.empty() && address.path.size() <= kMostSocketPath &&
                   address.path.find('\0') == std::string::npos,
               "{}: the path of '{}' has {} bytes; 1 to {}, and no zero byte, are required", place,
               text, address.path.size(), kMostSocketPath);
    return address;
  }
  const std::string_view port =
      text.starts_with(kTcpPrefix) ? std::string_view(text).substr(kTcpPrefix.size()) : "";
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  WEFT_CHECK(!port.empty() && error == std::errc() && end == port.data() + port.size() &&
                 address.port > 0 && address.port < 65536,
             "{}: '{}' given; unix:PATH, or {}PORT with a port from 1 to 65535, is required", place,
             text, kTcpPrefix);
  return address;
}

// Between bind() and listen() nobody can connect, so the permissions hold from the beginning.
ListeningSocket::ListeningSocket(StreamAddress address)
    : address_(std::move(address)), socket_(new_socket(address_, SOCK_NONBLOCK)) {
  const SystemAddress system(address_);
  const int on = 1;
  if (address_.path.empty()) setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  else remove_stale(address_);
  if (bind(socket_.get(), system.get(), system.size) != 0) {
    const int code = errno;
    WEFT_CHECK(code != EADDRINUSE,
               "data.address: another process listens at {}; another address is required",
               address_.text());
    fail("data.address: {} cannot be listened at ({}); another address is required",
         address_.text(), reason_of(code));
  }
  struct stat about {};
  if (!address_.path.empty() && lstat(address_.path.c_str(), &about) == 0) {
    device_ = about.st_dev;
    file_ = about.st_ino;
  }
  const bool listens = (address_.path.empty() || chmod(address_.path.c_str(), 0600) == 0) &&
                       listen(socket_.get(), kWaitingConnections) == 0;
  const int code = errno;
  if (listens) return;
  remove_file();
  fail("data.address: {} cannot be listened at ({}); another address is required", address_.text(),
       reason_of(code));
}

ListeningSocket::~ListeningSocket() { remove_file(); }

void ListeningSocket::remove_file() const {
  struct stat about {};
  if (!address_.path.empty() && lstat(address_.path.c_str(), &about) == 0 &&
      about.st_dev == device_ && about.st_ino == file_)
    unlink(address_.path.c_str());
}

Descriptor ListeningSocket::accept() const {
  return Descriptor(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

Descriptor connect_to(const StreamAddress& address) { return connected(address, 0); }

}  // namespace weft::data
