// SPDX-License-Identifier: Apache-2.0
// The records of an event file, as TensorFlow's record_writer.h frames them:
//
//   u64 bytes, u32 checksum of these 8 bytes, the bytes, u32 checksum of them
//
// all little-endian. A checksum is the masked CRC-32C (RFC 3720, appendix B.4) of
// tensorflow/core/lib/hash/crc32c.h.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft::train {

u32 crc32c(std::string_view bytes);
u32 masked_crc32c(std::string_view bytes);

std::string tfrecord(std::string_view data);
// The bytes of the whole and undamaged records at the beginning of a file.
std::size_t whole_tfrecords(std::string_view file);

}  // namespace weft::train
