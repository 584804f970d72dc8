// SPDX-License-Identifier: Apache-2.0
// Inputs: the bytes of a connection to a run with data.type: stream, which come in parts of several
// sizes; and the files of a journal.
#include <array>
#include <cstring>

#include "weft/data/stream/journal.h"
#include "weft/data/stream/protocol.h"
#include "weft/data/stream/record.h"
#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

constexpr i64 kFuzzRecordBytes = 8;

data::DatasetInfo fuzzed_info() {
  data::DatasetInfo info;
  info.name = "stream";
  info.split = "train";
  info.sample = {2};
  info.sample_dtype = DType::f32;
  info.classes = 3;
  return info;
}

// What the frames are, however the bytes are cut. The defect of a frame is the last one.
std::string frames_in(std::string_view input, std::size_t part, std::string& defect) {
  const data::DatasetInfo info = fuzzed_info();
  data::FrameReader reader(data::most_record_bytes(info));
  std::string found;
  std::array<float, 2> x{};
  i64 y = 0;
  try {
    for (std::size_t at = 0; at < input.size(); at += part) {
      const std::string_view bytes = input.substr(at, part);
      reader.add({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
      while (const std::optional<data::Frame> frame = reader.next()) {
        found += fmt::format("{} {}\n", static_cast<u32>(frame->kind), frame->number);
        if (frame->kind == data::FrameKind::hello) data::check_producer_name(frame->text());
        if (frame->kind != data::FrameKind::record) continue;
        data::read_record(frame->payload, info, 1, reinterpret_cast<std::byte*>(x.data()),
                          reinterpret_cast<std::byte*>(&y));
        WEFT_ASSERT(y >= 0 && y < info.classes, "a label of {} was taken", y);
      }
    }
  } catch (const UserError& error) {
    defect = error.what();
  }
  return found;
}

void run_stream(std::string_view input) {
  std::string defect, other;
  const std::string whole = frames_in(input, std::max<std::size_t>(1, input.size()), defect);
  for (const std::size_t part : {std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
    other.clear();
    WEFT_ASSERT(frames_in(input, part, other) == whole && other == defect,
                "the frames depend on how the bytes come");
  }
  if (!defect.empty()) throw UserError(defect);
}

void run_journal(std::string_view input) {
  const std::vector<std::string> parts = parts_of(input, 2);
  std::filesystem::remove_all(folder() / "stream");
  write("stream/producers.txt", parts[0]);
  write("stream/records-0.bin", parts[1]);
  i64 end = 0;
  std::array<std::byte, kFuzzRecordBytes> record{};
  {
    data::Journal journal(folder() / "stream", kFuzzRecordBytes, 0, 0);
    for (i64 i = 0; i < journal.end(); ++i) journal.read(i, record.data());
    journal.append("fuzz", 1, record.data());
    end = journal.end();
  }
  const data::Journal again(folder() / "stream", kFuzzRecordBytes, 0, 0);
  WEFT_ASSERT(again.end() == end, "{} of {} records were read again", again.end(), end);
}

const bool registered = add("stream", run_stream) && add("stream_journal", run_journal);

}  // namespace
}  // namespace weft::fuzz
