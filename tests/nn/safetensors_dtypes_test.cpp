// SPDX-License-Identifier: Apache-2.0
// Files with tensors that weft does not compute in: they are converted, or passed over with the
// reason.
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "weft/core/log.h"
#include "weft/nn/nn.h"
#include "weft/nn/serialize.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft {
namespace {

using test_support::message_of;

class SafetensorsDTypes : public test_support::InScratchFolder {
 protected:
  SafetensorsDTypes() : InScratchFolder("safetensors-dtypes") {}

  // Adds a tensor to the file.
  template <class T>
  void add(const std::string& name, const std::string& dtype, const std::string& shape,
           const std::vector<T>& values) {
    const std::size_t begin = data_.size();
    data_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    header_ += (header_.empty() ? "\"" : ",\"") + name + R"(":{"dtype":")" + dtype +
               R"(","shape":)" + shape + R"(,"data_offsets":[)" + std::to_string(begin) + "," +
               std::to_string(data_.size()) + "]}";
  }
  SafetensorsFile written() const {
    const std::string header = "{" + header_ + "}";
    const u64 length = header.size();
    std::ofstream file(path_, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header << data_;
    file.close();
    return SafetensorsFile(path_);
  }
  Tensor read(const std::string& name) const {
    const SafetensorsFile file = written();
    for (const StoredTensor& stored : file.tensors())
      if (stored.name == name) return file.read(stored);
    fail("no {}", name);
  }

  const std::string path_ = (folder_ / "a.safetensors").string();

 private:
  std::string header_, data_;
};

TEST_F(SafetensorsDTypes, IntegersAreWidenedWithoutLoss) {
  add<u8>("bool", "BOOL", "[3]", {0, 1, 255});
  add<std::int8_t>("i8", "I8", "[2]", {-128, 127});
  add<std::int16_t>("i16", "I16", "[2]", {-32768, 32767});
  add<std::uint16_t>("u16", "U16", "[2,1]", {0, 65535});
  add<u32>("u32", "U32", "[1]", {4294967295u});
  add<u64>("u64", "U64", "[]", {u64{1} << 62});
  EXPECT_EQ(read("bool").to_vector<u8>(), (std::vector<u8>{0, 1, 1}));
  EXPECT_EQ(read("i8").to_vector<i32>(), (std::vector<i32>{-128, 127}));
  EXPECT_EQ(read("i16").to_vector<i32>(), (std::vector<i32>{-32768, 32767}));
  EXPECT_EQ(read("u16").to_vector<i32>(), (std::vector<i32>{0, 65535}));
  EXPECT_EQ(read("u16").shape(), (Shape{2, 1}));
  EXPECT_EQ(read("u32").to_vector<i64>(), std::vector<i64>{4294967295});
  EXPECT_EQ(read("u64").item<i64>(), i64{1} << 62);
}

TEST_F(SafetensorsDTypes, AConversionGoesOnAfterItsFirstPart) {
  std::vector<std::uint16_t> values(200'001);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(i * 7);
  add<std::uint16_t>("u16", "U16", "[200001]", values);
  EXPECT_EQ(read("u16").to_vector<i32>(), std::vector<i32>(values.begin(), values.end()));
}

// Values from the tables of the formats.
TEST_F(SafetensorsDTypes, EightBitFloatsBecomeF32) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const auto expect = [&](const std::string& dtype, const std::vector<u8>& bits,
                          const std::vector<float>& values) {
    add<u8>(dtype, dtype, "[" + std::to_string(bits.size()) + "]", bits);
    const std::vector<float> read_back = read(dtype).to_vector<float>();
    for (std::size_t i = 0; i < bits.size(); ++i)
      if (std::isnan(values[i])) EXPECT_TRUE(std::isnan(read_back[i])) << dtype << " " << i;
      else {
        EXPECT_EQ(read_back[i], values[i]) << dtype << " " << i;
        EXPECT_EQ(std::signbit(read_back[i]), std::signbit(values[i])) << dtype << " " << i;
      }
  };
  expect("F8_E4M3", {0x00, 0x80, 0x01, 0x08, 0x38, 0xb9, 0x7e, 0x7f, 0xff},
         {0.0f, -0.0f, 0x1p-9f, 0x1p-6f, 1.0f, -1.125f, 448.0f, nan, nan});
  expect("F8_E5M2", {0x01, 0x04, 0x3c, 0xbd, 0x7b, 0x7c, 0xfc, 0x7d},
         {0x1p-16f, 0x1p-14f, 1.0f, -1.25f, 57344.0f, inf, -inf, nan});
  expect("F8_E4M3FNUZ", {0x00, 0x01, 0x40, 0x7f, 0x80}, {0.0f, 0x1p-10f, 1.0f, 240.0f, nan});
  expect("F8_E5M2FNUZ", {0x01, 0x40, 0x7f, 0xff, 0x80}, {0x1p-17f, 1.0f, 57344.0f, -57344.0f, nan});
  expect("F8_E8M0", {0x00, 0x7f, 0x80, 0xfe, 0xff}, {0x1p-127f, 1.0f, 2.0f, 0x1p127f, nan});
}

TEST_F(SafetensorsDTypes, WhatWeftCannotHoldIsPassedOverAndNamedWhenAsked) {
  add<float>("c64", "C64", "[1]", {1, 2});
  add<u8>("f4", "F4", "[4]", {0x12, 0x34});
  add<u8>("f6", "F6_E2M3", "[4]", {1, 2, 3});
  add<float>("seven", "F32", "[1,1,1,1,1,1,2]", {1, 2});
  add<u64>("u64", "U64", "[2]", {1, u64{1} << 63});
  add<float>("w", "F32", "[2]", {3, 4});
  const SafetensorsFile file = written();
  ASSERT_EQ(file.tensors().size(), 6u);
  const auto reason = [&](const std::string& name) {
    const std::string before = "safetensors: " + path_ + ": tensor '" + name + "' is ",
                      after = "; a tensor that weft can hold is required";
    const std::string message = message_of([&] { read(name); });
    EXPECT_TRUE(message.starts_with(before) && message.ends_with(after)) << message;
    return message.substr(before.size(), message.size() - before.size() - after.size());
  };
  EXPECT_EQ(reason("c64"), "C64 (1): its elements are complex, which no dtype of weft is");
  EXPECT_EQ(reason("f4"), "F4 (4): its elements share bytes, which no dtype of weft does");
  EXPECT_EQ(reason("f6"), "F6_E2M3 (4): its elements share bytes, which no dtype of weft does");
  EXPECT_EQ(reason("seven"),
            "F32 (1, 1, 1, 1, 1, 1, 2): it has 7 axes, and a tensor of weft at most 6");
  EXPECT_EQ(reason("u64"), "U64 (2): its element 1 is above 2^63 - 1, the largest value of int64");

  std::string warning;
  const LogSink before = set_log_sink([&](LogLevel, std::string_view text) { warning = text; });
  const TensorMap tensors = read_safetensors(path_);
  set_log_sink(before);
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors.at("w").to_vector<float>(), (std::vector<float>{3, 4}));
  EXPECT_NE(warning.find("5 tensors are passed over: 'c64' is C64 (1)"), std::string::npos)
      << warning;
  EXPECT_NE(warning.find("and 2 more"), std::string::npos) << warning;
}

// Messages name the dtype that the file has, also where the tensor was converted.
TEST_F(SafetensorsDTypes, AMismatchNamesTheDTypeOfTheFile) {
  add<u8>("weight", "BOOL", "[1,2]", {1, 0});
  add<std::int16_t>("bias", "I16", "[1]", {5});
  written();
  nn::Linear linear(2, 1);
  const std::string message = message_of([&] { load(linear, path_); });
  EXPECT_NE(message.find("weight is BOOL (1, 2) in the file and f32 (1, 2)"), std::string::npos)
      << message;
  EXPECT_NE(message.find("bias is I16 (1) in the file"), std::string::npos) << message;
}

TEST_F(SafetensorsDTypes, BytesThatDoNotHoldTheElementsAreRefused) {
  add<u8>("f4", "F4", "[3]", {1, 2});
  EXPECT_NE(message_of([&] { written(); }).find("takes 12 bits; whole bytes are required"),
            std::string::npos);
}

TEST_F(SafetensorsDTypes, AModuleTakesWhatItKnowsFromAFileWithOthers) {
  add<u8>("weight", "F8_E4M3", "[1,2]", {0x38, 0xb8});  // 1, -1
  add<float>("bias", "F32", "[1]", {5});
  add<float>("spectrum", "C64", "[1]", {1, 2});
  add<float>("more", "F32", "[1,1,1,1,1,1,1]", {1});
  written();
  nn::Linear linear(2, 1);
  const LoadReport report = load(linear, path_, {.strict = false});
  EXPECT_EQ(report.loaded, (std::vector<std::string>{"weight", "bias"}));
  EXPECT_EQ(report.unexpected, (std::vector<std::string>{"more", "spectrum"}));
  const TensorMap state = state_of(linear);
  EXPECT_EQ(state.at("weight").to_vector<float>(), (std::vector<float>{1, -1}));
  EXPECT_EQ(state.at("bias").to_vector<float>(), std::vector<float>{5});
  load(linear, path_, {.exclude = {"spectrum", "more"}});
}

TEST_F(SafetensorsDTypes, AModuleSaysWhyItCannotTakeWhatItKnows) {
  add<float>("weight", "C64", "[1,2]", {1, 2, 3, 4});
  add<float>("bias", "F32", "[1,1,1,1,1,1,1]", {5});
  written();
  nn::Linear linear(2, 1);
  EXPECT_EQ(load(linear, path_, {.strict = false}).mismatched,
            (std::vector<std::string>{"weight", "bias"}));
  const std::string message = message_of([&] { load(linear, path_); });
  EXPECT_NE(message.find("weight is C64 (1, 2) (its elements are complex, which no dtype of weft "
                         "is) in the file and f32 (1, 2) in the module"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace weft
