// SPDX-License-Identifier: Apache-2.0
#include "weft/core/sha256.h"

#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "weft/core/error.h"
#include "weft/core/files.h"

namespace weft {

struct Sha256::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  Context() { begin(); }
  ~Context() { EVP_MD_CTX_free(digest); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void begin() const {
    WEFT_ASSERT(digest != nullptr && EVP_DigestInit_ex(digest, EVP_sha256(), nullptr) == 1,
                "sha256: libcrypto does not offer it");
  }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(const void* data, i64 bytes) {
  WEFT_ASSERT(EVP_DigestUpdate(context_->digest, data, static_cast<std::size_t>(bytes)) == 1,
              "sha256: libcrypto failed");
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> hash{};
  WEFT_ASSERT(EVP_DigestFinal_ex(context_->digest, hash.data(), nullptr) == 1,
              "sha256: libcrypto failed");
  context_->begin();
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.add(text.data(), static_cast<i64>(text.size()));
  return hash.hex();
}

std::string sha256_of_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block
  WEFT_CHECK(file >= 0 || errno != ENOENT, "{}: it does not exist; a readable file is required",
             path);
  if (file < 0) throw IoError(path, "read", errno);
  Sha256 hash;
  std::vector<char> buffer(1 << 16);
  ssize_t got = 0;
  while ((got = read(file, buffer.data(), buffer.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    hash.add(buffer.data(), got);
  }
  const int code = errno;
  close(file);
  if (got != 0) throw IoError(path, "read", code);
  return hash.hex();
}

}  // namespace weft
