// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/tcp.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "weft/core/clock.h"
#include "weft/core/error.h"

namespace weft::dist {
namespace {

constexpr int kWaitingConnections = 1024;
constexpr std::chrono::milliseconds kBetweenAttempts{100};

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  WEFT_CHECK(code == 0,
             "dist: the address '{}' does not resolve ({}); that of rank 0's machine is "
             "required (MASTER_ADDR)",
             host, gai_strerror(code));
  return {found, &freeaddrinfo};
}

std::string reason_of(int code) { return std::generic_category().message(code); }

// 0, or the error of connecting.
int try_connect(const Descriptor& socket_, const addrinfo& address,
                std::chrono::milliseconds most) {
  if (connect(socket_.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd wait{socket_.get(), POLLOUT, 0};
  const int ready = poll(&wait, 1, static_cast<int>(most.count()));
  if (ready == 0) return ETIMEDOUT;
  int code = 0;
  socklen_t size = sizeof code;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &code, &size);
  return code;
}

}  // namespace

Descriptor listen_at(const std::string& host, int port) {
  const Addresses addresses = resolve(host, port);
  const addrinfo& address = *addresses;
  Descriptor listening(
      socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
  WEFT_CHECK(static_cast<bool>(listening), "dist: no socket can be made ({}); one is required",
             reason_of(errno));
  const int on = 1;
  setsockopt(listening.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listening.get(), address.ai_addr, address.ai_addrlen) == 0 &&
      listen(listening.get(), kWaitingConnections) == 0)
    return listening;
  const int code = errno;
  WEFT_CHECK(code != EADDRNOTAVAIL,
             "dist: rank 0 cannot listen at '{}', which is no address of its machine; one is "
             "required (MASTER_ADDR)",
             host);
  fail(
      "dist: rank 0 cannot listen at port {} of '{}' ({}); a free port is required (MASTER_PORT, "
      "dist.port)",
      port, host, reason_of(code));
}

int port_of(const Descriptor& listening) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

std::string local_address(const Descriptor& connected) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(connected.get(), reinterpret_cast<sockaddr*>(&address), &size);
  std::array<char, NI_MAXHOST> host{};
  getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(), nullptr,
              0, NI_NUMERICHOST);
  return host.data();
}

Descriptor connect_to(const std::string& host, int port, std::chrono::milliseconds patience) {
  const Addresses addresses = resolve(host, port);
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto left =
        std::max(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                 kBetweenAttempts);
    int code = 0;
    for (const addrinfo* address = addresses.get(); address != nullptr;
         address = address->ai_next) {
      Descriptor connected(socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                  address->ai_protocol));
      WEFT_CHECK(static_cast<bool>(connected), "dist: no socket can be made ({}); one is required",
                 reason_of(errno));
      code = try_connect(connected, *address, left);
      if (code != 0) continue;
      const int on = 1;
      setsockopt(connected.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return connected;
    }
    if (Clock::now() >= deadline)
      throw InternalError(fmt::format(
          "dist: rank 0 cannot be reached at port {} of '{}' after {} s ({}); it is required to "
          "listen there",
          port, host, patience.count() / 1000, reason_of(code)));
    std::this_thread::sleep_for(kBetweenAttempts);
  }
}

}  // namespace weft::dist
