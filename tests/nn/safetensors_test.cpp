// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/safetensors.h"

#include <cmath>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "weft/core/files.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

class Safetensors : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_bytes(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  std::string read_bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Returns the bytes of a file with this header and data.
  static std::string file_of(const std::string& header, const std::string& data) {
    const u64 length = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header + data;
  }
  // Returns the message for a file, after its name, or "accepted".
  std::string refusal_of(const std::string& bytes) const {
    write_bytes(bytes);
    return refusal();
  }
  std::string refusal() const {
    try {
      read_safetensors(path_);
    } catch (const UserError& error) {
      const std::string message = error.what(), prefix = "safetensors: " + path_ + ": ";
      EXPECT_EQ(message.substr(0, prefix.size()), prefix);
      return message.substr(prefix.size());
    }
    return "accepted";
  }
  std::string refusal_of(const std::string& header, i64 data_bytes) const {
    return refusal_of(file_of(header, std::string(static_cast<std::size_t>(data_bytes), '\1')));
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "weft_safetensors";
  std::string path_ = (folder_ / "a.safetensors").string();
};

TensorMap sample() {
  TensorMap tensors;
  tensors["w"] = Tensor::copy_of<float>(std::vector<float>{1, -2, 3.5f, 4, 5, 6}, {2, 3});
  tensors["f64"] = Tensor::full({2}, 0.1, DType::f64);
  tensors["f16"] = Tensor::full({3}, 0.5, DType::f16);
  tensors["bf16"] = Tensor::full({1}, 2, DType::bf16);
  tensors["i64"] = Tensor::full({2, 1}, -7, DType::int64);
  tensors["i32"] = Tensor::full({1}, 9, DType::int32);
  tensors["u8"] = Tensor::full({5}, 200, DType::uint8);
  tensors["scalar"] = Tensor::full({}, 8);
  tensors["empty"] = Tensor::zeros({0, 4});
  tensors["näme \"with\" .dots"] = Tensor::full({1}, 1);
  return tensors;
}

bool same(const TensorMap& a, const TensorMap& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](auto& x, auto& y) {
           return x.first == y.first && x.second.dtype() == y.second.dtype() &&
                  x.second.shape() == y.second.shape() &&
                  (bytes_of(x.second) == 0 ||  // an empty tensor has no address
                   std::memcmp(x.second.raw(), y.second.raw(),
                               static_cast<std::size_t>(bytes_of(x.second))) == 0);
         });
}

TEST_F(Safetensors, ReadsBackWhatItWrites) {
  const Metadata metadata{{"format", "pt"}, {"weft", "{\"a\": 1}"}};
  write_safetensors(path_, sample(), metadata);
  Metadata read;
  EXPECT_TRUE(same(read_safetensors(path_, &read), sample()));
  EXPECT_EQ(read, metadata);
  EXPECT_EQ(read_safetensors_metadata(path_), metadata);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(Safetensors, AViewIsWrittenAsItsOwnElements) {
  const Tensor rows = Tensor::copy_of<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  write_safetensors(path_, {{"view", rows.slice(1, 2)}});
  EXPECT_EQ(read_safetensors(path_).at("view").to_vector<float>(), (std::vector<float>{3, 4}));
}

TEST_F(Safetensors, TheSameContentGivesTheSameBytesAndAlignedTensors) {
  write_safetensors(path_, sample(), {{"a", "b"}});
  const std::string bytes = read_bytes();
  u64 length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  write_safetensors(path_, read_safetensors(path_), {{"a", "b"}});
  EXPECT_EQ(read_bytes(), bytes);
  const auto at = [&](const char* text) { return bytes.find(text); };
  EXPECT_LT(at("\"f64\""), at("\"w\""));  // 8-byte elements are before 4-byte elements
  EXPECT_LT(at("\"w\""), at("\"bf16\""));
  EXPECT_LT(at("\"f16\""), at("\"u8\""));
}

TEST_F(Safetensors, NothingAtAllIsAFileToo) {
  write_safetensors(path_, {});
  EXPECT_TRUE(read_safetensors(path_).empty());
  EXPECT_EQ(refusal_of(file_of("{}", "")), "accepted");
}

TEST_F(Safetensors, EveryTruncationAndEveryExtensionIsRefused) {
  write_safetensors(path_, sample(), {{"format", "pt"}});
  const std::string bytes = read_bytes();
  ASSERT_EQ(refusal(), "accepted");
  ASSERT_NE(refusal_of(bytes + '\0'), "accepted");
  for (std::size_t length = bytes.size(); length-- > 0;) {
    fs::resize_file(path_, length);
    ASSERT_NE(refusal(), "accepted") << length;
  }
}

TEST_F(Safetensors, EveryFlippedBitOfTheHeaderIsReadOrRefusedWithAMessage) {
  write_safetensors(path_,
                    {{"a", Tensor::full({2, 2}, 1)}, {"b", Tensor::full({3}, 1, DType::f16)}},
                    {{"k", "v"}});
  const std::string bytes = read_bytes();
  const std::size_t header_end = bytes.size() - 16 - 6;
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t at, int byte) {
    file.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(byte)).flush();
  };
  for (std::size_t at = 0; at < header_end; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      put(at, bytes[at] ^ (1 << bit));
      refusal();  // anything but a UserError would escape and fail the test
    }
    put(at, bytes[at]);
  }
  EXPECT_EQ(refusal(), "accepted");
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST_F(Safetensors, OddHeadersAreRefusedWithTheReason) {
  const std::string a = R"({"a":)";
  const std::string begins = "its header does not begin with '{'; a JSON object is required";
  EXPECT_EQ(refusal_of(std::string("\1\2\3")), "it has 3 bytes; at least 8 are required");
  EXPECT_EQ(refusal_of(std::string(8, '\xff')),
            "the header has 18446744073709551615 bytes; at most 100000000 are allowed");
  EXPECT_EQ(refusal_of(std::string("\x40\0\0\0\0\0\0\0{}", 10)),
            "the header has 64 bytes and the file 10; it is cut off");
  EXPECT_EQ(refusal_of(file_of("", "")), begins);
  EXPECT_EQ(refusal_of(file_of("  ", "")), begins);
  EXPECT_EQ(refusal_of(file_of("[]", "")), begins);
  EXPECT_EQ(refusal_of(file_of("\xef\xbb\xbf{}", "")), begins);
  const auto no_json = [](int byte) {
    return "its header is no JSON at byte " + std::to_string(byte) + "; JSON is required";
  };
  EXPECT_EQ(refusal_of(file_of("{} x", "")), no_json(4));
  EXPECT_EQ(refusal_of(file_of("{}{}", "")), no_json(3));
  EXPECT_EQ(refusal_of(file_of("{\"a", "")), no_json(4));
  EXPECT_EQ(refusal_of(file_of("{\"\xff\": 1}", "")), no_json(3));
  const std::string good = entry("F32", "[1]", "[0,4]");
  EXPECT_EQ(refusal_of(a + good + "}", 4), "accepted");
  EXPECT_EQ(refusal_of(a + good + "} \t\r\n", 4), "accepted");
  EXPECT_EQ(refusal_of("\n " + a + good + "}", 4), "accepted");
  EXPECT_EQ(refusal_of(a + good + R"(,"a":)" + good + "}", 4),
            "the header has the key 'a' twice; each must come once");
  EXPECT_EQ(
      refusal_of(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
      "the header has the key 'dtype' twice; each must come once");
  EXPECT_EQ(refusal_of(R"({"__metadata__":{"k":"1","k":"1"}})", 0),
            "the header has the key 'k' twice; each must come once");
  EXPECT_EQ(refusal_of(R"({"__metadata__":{},"__metadata__":{}})", 0),
            "the header has the key '__metadata__' twice; each must come once");
  EXPECT_EQ(refusal_of(R"({"__metadata__":[]})", 0),
            "__metadata__ is a list; an object of texts, or null, is required");
  EXPECT_EQ(refusal_of(R"({"__metadata__":{"a":1}})", 0),
            "__metadata__ 'a' is a number; a text is required");
  EXPECT_EQ(refusal_of(R"({"__metadata__":{"a":{}}})", 0),
            "__metadata__ 'a' is an object; a text is required");
  const std::string keys =
      "tensor 'a': the keys dtype, shape and data_offsets are required, and no others";
  EXPECT_EQ(refusal_of(a + "1}", 0), keys);
  EXPECT_EQ(refusal_of(a + "null}", 0), keys);
  EXPECT_EQ(refusal_of(a + R"(["F32",[1],[0,4]]})", 4), keys);
  EXPECT_EQ(refusal_of(a + R"({"dtype":"F32","shape":[1]}})", 4), keys);
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4), keys);
  EXPECT_EQ(refusal_of(a + entry("F8", "[1]", "[0,1]") + "}", 1).substr(0, 50),
            "tensor 'a': its dtype is 'F8'; one of F32, F64, F1");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":5,"shape":[1],"data_offsets":[0,4]}})", 4),
            "tensor 'a': its dtype is a number; a text is required");
}

// The parser takes a zero byte for the end of its text.
TEST_F(Safetensors, BytesBehindTheHeadersJsonAreRefused) {
  const std::string header = R"({"a":)" + entry("U8", "[1]", "[0,1]") + "}";
  ASSERT_EQ(refusal_of(header, 1), "accepted");
  const std::string at =
      "its header is no JSON at byte " + std::to_string(header.size() + 1) + "; JSON is required";
  EXPECT_EQ(refusal_of(header + std::string(1, '\0'), 1), at);
  EXPECT_EQ(refusal_of(header + std::string("\0MZ any bytes", 13), 1), at);
  EXPECT_EQ(refusal_of(header + "x", 1), at);
  EXPECT_EQ(refusal_of(header + "\v", 1), at);
}

TEST_F(Safetensors, DeepNestingIsRefusedWhereItBegins) {
  const std::string deep(1'000'000, '['), objects = "{\"a\":";
  EXPECT_EQ(refusal_of(R"({"a":)" + deep, 0).substr(0, 19), "tensor 'a': the key");
  EXPECT_EQ(refusal_of(R"({"a":{"shape":)" + deep, 0),
            "tensor 'a': shape is no list of integers that are not negative");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":)" + deep, 0),
            "tensor 'a': its dtype is a list; a text is required");
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += objects;
  EXPECT_EQ(refusal_of(many, 0).substr(0, 19), "tensor 'a': the key");
}

// A parser that looks at all earlier tensors for each one would take a minute.
TEST_F(Safetensors, AHeaderIsReadInTimeProportionalToItsLength) {
  std::string header = "{";
  for (int i = 0; i < 200'000; ++i)
    header += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":" + entry("U8", "[0]", "[0,0]");
  write_bytes(file_of(header + "}", ""));
  const std::clock_t begin = std::clock();  // processor time: other processes do not count
  EXPECT_EQ(read_safetensors_metadata(path_), Metadata());
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 10);
}

TEST_F(Safetensors, EveryNumberIsChecked) {
  const auto said = [&](const std::string& shape, const std::string& offsets, i64 bytes) {
    return refusal_of(R"({"a":)" + entry("F32", shape, offsets) + "}", bytes);
  };
  const std::string shape_text = "tensor 'a': shape is no list of integers that are not negative";
  const std::string offsets_text =
      "tensor 'a': data_offsets is no list of integers that are not negative";
  EXPECT_EQ(said("[-1]", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("[1.0]", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("[\"1\"]", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("[true]", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("[null]", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("[[1]]", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("[18446744073709551616]", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("1", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("null", "[0,4]", 4), shape_text);
  EXPECT_EQ(said("[1]", "[-4,0]", 4), offsets_text);
  EXPECT_EQ(said("[1]", "[-0,4]", 4), offsets_text);
  EXPECT_EQ(said("[1]", "[0,4e0]", 4), offsets_text);
  EXPECT_EQ(said("[1]", "{}", 4), offsets_text);
  EXPECT_EQ(said("[1]", "[0]", 4), "tensor 'a': data_offsets has 1 numbers; 2 are required");
  EXPECT_EQ(said("[1]", "[0,4,8]", 8), "tensor 'a': data_offsets has 3 numbers; 2 are required");
  const auto outside = [](const char* bytes) {
    return "tensor 'a': bytes " + std::string(bytes) +
           "; its end must not be before its begin or after the end of the file";
  };
  const std::string huge = "holds 18446744073709551615; at most 2^63 - 1 is required";
  EXPECT_EQ(said("[1]", "[4,0]", 4), outside("4 to 0 of 4"));
  EXPECT_EQ(said("[2]", "[0,8]", 4), outside("0 to 8 of 4"));
  EXPECT_EQ(said("[1]", "[0,9223372036854775807]", 4), outside("0 to 9223372036854775807 of 4"));
  EXPECT_EQ(said("[1]", "[0,18446744073709551615]", 4), "tensor 'a': data_offsets " + huge);
  EXPECT_EQ(said("[18446744073709551615]", "[0,4]", 4), "tensor 'a': shape " + huge);
  const std::string overflow =
      "tensor 'a': its shape takes 2^64 bits or more; the bytes of the file are required";
  EXPECT_EQ(said("[4294967296,4294967296]", "[0,0]", 0), overflow);
  EXPECT_EQ(said("[4294967296,4294967296,0]", "[0,0]", 0), overflow);
  EXPECT_EQ(said("[576460752303423488]", "[0,0]", 0), overflow);
  EXPECT_EQ(said("[0,4294967296,4294967296]", "[0,0]", 0), "accepted");
  EXPECT_EQ(said("[2]", "[0,4]", 4),
            "tensor 'a': bytes 0 to 4, which are 4; its shape and dtype take 8");
}

TEST_F(Safetensors, HolesOverlapsAndLeftOverBytesAreRefused) {
  const auto two = [&](const char* first, const char* second, i64 bytes) {
    return refusal_of(
        R"({"b":)" + entry("F32", "[1]", second) + R"(,"a":)" + entry("F32", "[1]", first) + "}",
        bytes);
  };
  EXPECT_EQ(two("[0,4]", "[4,8]", 8), "accepted");
  EXPECT_EQ(two("[4,8]", "[0,4]", 8), "accepted");
  EXPECT_EQ(two("[0,4]", "[8,12]", 12),
            "tensor 'b' begins at byte 8; 4, where the one before ends, is required");
  EXPECT_EQ(two("[0,4]", "[2,6]", 8),
            "tensor 'b' begins at byte 2; 4, where the one before ends, is required");
  EXPECT_EQ(two("[0,4]", "[0,4]", 4).substr(10),
            " begins at byte 0; 4, where the one before ends, is required");
  EXPECT_EQ(two("[4,8]", "[8,12]", 12),
            "tensor 'a' begins at byte 4; 0, where the one before ends, is required");
  EXPECT_EQ(two("[0,4]", "[4,8]", 9),
            "the tensors take 8 bytes and the file has 9; no more and no fewer are allowed");
}

TEST_F(Safetensors, FilesThatAreNoneAreNamed) {
  const auto said = [](const std::string& path) {
    try {
      read_safetensors(path);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(said("/nowhere/a"),
            "safetensors: /nowhere/a: it does not exist; a readable file is required");
  EXPECT_EQ(said("/dev/zero"),
            "safetensors: /dev/zero: it is a device, not a regular file; a readable file is "
            "required");
  EXPECT_EQ(said(folder_.string()), "safetensors: " + folder_.string() +
                                        ": it is a folder, not a regular file; a readable file is "
                                        "required");
}

TEST_F(Safetensors, WhatCannotBeWrittenLeavesTheOldFile) {
  write_safetensors(path_, {{"a", Tensor::full({1}, 1)}});
  const std::string before = read_bytes();
  EXPECT_THROW(write_safetensors(path_, {{"__metadata__", Tensor::full({1}, 1)}}), UserError);
  EXPECT_THROW(write_safetensors(path_, {{"a", Tensor()}}), UserError);
  EXPECT_THROW(write_safetensors(path_, {{"\xff", Tensor::full({1}, 1)}}), UserError);
  EXPECT_THROW(write_safetensors(path_, {}, {{"a", "\xff"}}), UserError);
  EXPECT_THROW(write_safetensors((folder_ / "no/a").string(), {}), IoError);
  EXPECT_EQ(read_bytes(), before);
}

}  // namespace
}  // namespace weft
