// SPDX-License-Identifier: Apache-2.0
#include "weft/device/readback.h"

#include <cstring>
#include <vector>

namespace weft {
namespace {

// CPU work is done when a call returns, so start() already finds the final bytes.
class Copied final : public Readback {
 public:
  explicit Copied(i64 bytes) : memory_(static_cast<std::size_t>(bytes)) {}
  void start(const void* from) override { std::memcpy(memory_.data(), from, memory_.size()); }
  const void* wait() override { return memory_.data(); }

 private:
  std::vector<unsigned char> memory_;  // aligned for any type: it comes from operator new
};

}  // namespace

std::unique_ptr<Readback> make_readback(Cpu, i64 bytes) { return std::make_unique<Copied>(bytes); }

std::unique_ptr<Readback> make_readback(const Device& device, i64 bytes) {
  return std::visit([bytes](auto which) { return make_readback(which, bytes); }, device);
}

}  // namespace weft
