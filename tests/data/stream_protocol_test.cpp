// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/protocol.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "weft/data/stream/record.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

std::span<const u8> span_of(std::string_view text) {
  return {reinterpret_cast<const u8*>(text.data()), text.size()};
}

DatasetInfo point_info() {
  DatasetInfo info;
  info.name = "stream";
  info.split = "train";
  info.sample = {3};
  info.sample_dtype = DType::f32;
  info.classes = 5;
  return info;
}

std::string point_record(std::vector<float> x, i64 y) {
  const Tensor label = Tensor::full(Shape{}, static_cast<double>(y), DType::int64);
  const Shape shape{static_cast<i64>(x.size())};
  return safetensors_bytes("record", {{"x", Tensor::copy_of(x, shape)}, {"y", label}});
}

struct Point {
  float x[3];
  i64 y = 0;
};

Point read_point(std::string_view bytes) {
  Point point;
  read_record(span_of(bytes), point_info(), 7, reinterpret_cast<std::byte*>(point.x),
              reinterpret_cast<std::byte*>(&point.y));
  return point;
}

TEST(StreamProtocol, FramesComeWholeHoweverTheyAreCut) {
  const std::string bytes = frame_of(FrameKind::hello, 1, "name") + frame_of(FrameKind::end) +
                            frame_of(FrameKind::record, 7, std::string(300, 'r'));
  for (const std::size_t part : {std::size_t{1}, std::size_t{5}, std::size_t{16}, bytes.size()}) {
    FrameReader reader(300);
    std::vector<std::string> found;
    for (std::size_t at = 0; at < bytes.size(); at += part) {
      reader.add(span_of(std::string_view(bytes).substr(at, part)));
      while (const std::optional<Frame> frame = reader.next())
        found.push_back(fmt::format("{} {}", frame->number, frame->text()));
    }
    EXPECT_EQ(found, (std::vector<std::string>{"1 name", "0 ", "7 " + std::string(300, 'r')}));
  }
}

TEST(StreamProtocol, OtherBytesAreRefused) {
  FrameReader http(100);
  http.add(span_of("GET / HTTP/1.1\r\nHost"));
  EXPECT_CONTAINS(user_error_of([&] { http.next(); }), "a frame of the kind 'GET '");
  FrameReader large(100);
  large.add(span_of(frame_header(FrameKind::record, 1, 101)));
  EXPECT_CONTAINS(user_error_of([&] { large.next(); }), "of 101 bytes was received; at most 100");
}

TEST(StreamProtocol, NamesAreShortAndPlain) {
  check_producer_name("a-b_C.9");
  check_producer_name(std::string(64, 'a'));
  for (const std::string& name : {std::string(), std::string(65, 'a'), std::string("a b"),
                                  std::string("a\n"), std::string("ä"), std::string("a/b")})
    EXPECT_CONTAINS(user_error_of([&] { check_producer_name(name); }), "letters, digits");
}

TEST(StreamRecord, IsReadAsItWasWritten) {
  const Point point = read_point(point_record({1, -2, 0.5F}, 4));
  EXPECT_EQ(point.x[1], -2);
  EXPECT_EQ(point.x[2], 0.5F);
  EXPECT_EQ(point.y, 4);
  EXPECT_EQ(record_description(point_info()),
            R"({"x":{"dtype":"F32","shape":[3]},"y":{"dtype":"I64","shape":[]}})");
}

TEST(StreamRecord, EveryTruncationIsRefused) {
  const std::string whole = point_record({1, 2, 3}, 4);
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_THROW(read_point(whole.substr(0, bytes)), UserError) << bytes;
  EXPECT_THROW(read_point(whole + "x"), UserError);
}

TEST(StreamRecord, OtherTensorsAreRefusedInOneSentence) {
  const auto refusal = [](const std::string& bytes) {
    return user_error_of([&] { read_point(bytes); });
  };
  EXPECT_CONTAINS(refusal(point_record({1, 2}, 4)), "x is F32 (2); F32 (3) is required");
  EXPECT_CONTAINS(refusal(point_record({1, 2, 3}, 5)), "label of sample 7 is 5");
  EXPECT_CONTAINS(refusal(point_record({1, 2, 3}, -1)), "label of sample 7 is -1");
  EXPECT_CONTAINS(refusal(point_record({1, NAN, 3}, 1)), "sample 7 holds nan at position 1");
  const Tensor x = Tensor::copy_of(std::vector<float>{1, 2, 3}, {3});
  EXPECT_CONTAINS(refusal(safetensors_bytes("record", {{"x", x}})), "y is missing");
  EXPECT_CONTAINS(refusal(safetensors_bytes("record", {{"x", x}, {"z", x}})), "a tensor 'z'");
  EXPECT_CONTAINS(refusal(safetensors_bytes("record", {{"x", x}, {"y", x}})),
                  "y is F32 (3); I64 () is required");
  u64 length = std::numeric_limits<u64>::max();
  std::string forged(8, '\0');
  std::memcpy(forged.data(), &length, sizeof length);
  EXPECT_CONTAINS(refusal(forged + "{}"), "and a whole record, are required");
}

}  // namespace
}  // namespace weft::data
