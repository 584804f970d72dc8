// SPDX-License-Identifier: Apache-2.0
// Input: a PNG file. The mutator sets most checksums right again, which no mutation finds.
#include "weft/data/image_file.h"

#include <cstring>

#include <zlib.h>

#include "weft/tests/fuzz/fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(unsigned char* bytes, std::size_t size, std::size_t most);

namespace weft::fuzz {
namespace {

u32 number_at(const u8* bytes) {
  return u32{bytes[0]} << 24 | u32{bytes[1]} << 16 | u32{bytes[2]} << 8 | u32{bytes[3]};
}

// A chunk is its length, its name, its bytes and the CRC-32 of the two.
void repair_checksums(u8* bytes, std::size_t size) {
  constexpr std::size_t kSignature = 8, kAround = 12;
  for (std::size_t at = kSignature; at + kAround <= size;) {
    const std::size_t length = number_at(bytes + at);
    if (length > size - at - kAround) return;
    const u32 sum = static_cast<u32>(crc32(0, bytes + at + 4, static_cast<uInt>(length + 4)));
    u8* const place = bytes + at + 8 + length;
    for (int i = 0; i < 4; ++i) place[i] = static_cast<u8>(sum >> (24 - 8 * i));
    at += length + kAround;
  }
}

std::size_t mutate_png(u8* bytes, std::size_t size, std::size_t most, u32 seed) {
  const std::size_t changed = LLVMFuzzerMutate(bytes, size, most);
  if (seed % 8 != 0) repair_checksums(bytes, changed);
  return changed;
}

void run_png(std::string_view input) {
  const std::string path = write("picture.png", input).string();
  const Tensor grey = data::read_png(path, 1), colour = data::read_png(path, 3);
  WEFT_ASSERT(grey.rank() == 3 && grey.size(2) == 1 && colour.size(2) == 3, "{} and {}",
              grey.shape(), colour.shape());
  WEFT_ASSERT(grey.size(0) == colour.size(0) && grey.size(1) == colour.size(1), "{} and {}",
              grey.shape(), colour.shape());
}

const bool registered = add("png", run_png, mutate_png);

}  // namespace
}  // namespace weft::fuzz
