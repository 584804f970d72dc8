// SPDX-License-Identifier: Apache-2.0
// SHA-256, computed by OpenSSL's libcrypto, which uses the processor's SHA instructions if it has
// them.
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
  // Returns the digest of all added bytes as 64 lower-case hexadecimal digits. The next add()
  // starts a new digest.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_of(std::string_view text);
// Throws UserError if there is no such file, and IoError if it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace weft
