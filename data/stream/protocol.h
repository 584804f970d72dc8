// SPDX-License-Identifier: Apache-2.0
// The frames between a run and its producers, over a stream socket.
//
// A frame is a header of 16 bytes (kind: four ASCII characters, bytes of the payload: u32, number:
// u64; integers are little-endian) and its payload.
//
//   from a producer
//   HELO  number: kStreamVersion; payload: the producer's name. The first frame,
//         within 10 seconds.
//   RECD  number: the record's number, from 1, ascending; payload: a safetensors file
//   ENDS  payload: empty. The producer sends no more records.
//   from the run
//   WELC  number: the last record of this producer that was kept; payload: JSON, what a record is
//   ACKN  number: every record up to this one is answered: it is kept, or was refused
//   REFU  number: the record that is refused; payload: why. The connection goes on.
//   ENDS  payload: empty. The end mark is kept.
//   OVER  payload: why the run takes no more records
//   FAIL  payload: why the connection is closed
//
// A record that is acknowledged is in the journal of the run (data/stream/journal.h). A producer
// keeps each record until then. When it has lost its connection, it connects again under the same
// name, and sends those again that come after the number of WELC. The run drops a record whose
// number is not above the last one of that name.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/types.h"

namespace weft::data {

inline constexpr u64 kStreamVersion = 1;
inline constexpr i64 kFrameHeaderBytes = 16;

constexpr u32 frame_tag(const char (&name)[5]) {
  u32 tag = 0;
  for (int i = 3; i >= 0; --i) tag = tag << 8 | static_cast<u8>(name[i]);
  return tag;
}
enum class FrameKind : u32 {
  hello = frame_tag("HELO"),
  record = frame_tag("RECD"),
  end = frame_tag("ENDS"),
  welcome = frame_tag("WELC"),
  acknowledged = frame_tag("ACKN"),
  refused = frame_tag("REFU"),
  over = frame_tag("OVER"),
  failed = frame_tag("FAIL"),
};

struct Frame {
  FrameKind kind;
  u64 number;
  std::span<const u8> payload;
  std::string_view text() const {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
  }
};

// The header of a frame whose payload has that many bytes.
std::string frame_header(FrameKind kind, u64 number, i64 payload_bytes);
// A whole frame.
std::string frame_of(FrameKind kind, u64 number = 0, std::string_view payload = {});

// Divides the bytes of a connection into frames. It holds at most one frame and what was added
// last.
class FrameReader {
 public:
  // A frame with a larger payload is refused when its header has come.
  explicit FrameReader(i64 most_payload_bytes) : most_(most_payload_bytes) {}

  void add(std::span<const u8> bytes);
  // The next frame that is complete. It is valid until the next call. Throws UserError for a header
  // that is none.
  std::optional<Frame> next();

 private:
  i64 most_;
  std::vector<u8> bytes_;
  std::size_t taken_ = 0;  // bytes of frames that were handed out
};

// A name of a producer: 1 to 64 letters, digits, and the characters - _ and a full stop. Throws
// UserError for any other.
void check_producer_name(std::string_view name);

}  // namespace weft::data
