// SPDX-License-Identifier: Apache-2.0
// TCP connections between the machines of a job.
#pragma once
#include <chrono>
#include <string>

#include "weft/core/descriptor.h"

namespace weft::dist {

// Listens at an address of this machine. Throws UserError for an address that does not resolve, is
// another machine's or has this port in use. With port 0 the system chooses one.
Descriptor listen_at(const std::string& host, int port);
int port_of(const Descriptor& listening);

// The address of this machine in a connection, as numbers.
std::string local_address(const Descriptor& connected);

// Connects, and tries again until `patience` is over while nobody listens there. Throws UserError
// for an address that does not resolve, and InternalError when `patience` is over.
Descriptor connect_to(const std::string& host, int port, std::chrono::milliseconds patience);

}  // namespace weft::dist
