// SPDX-License-Identifier: Apache-2.0
// SHA-256, by OpenSSL's libcrypto: it uses the processor's instructions for it where there are any.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void add(const void* data, i64 bytes);
  // Of all that was added: 64 small hexadecimal digits. The next add() begins anew.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_of(std::string_view text);
// Throws UserError, naming the file, when it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace weft
