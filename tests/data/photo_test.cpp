// SPDX-License-Identifier: Apache-2.0
// JPEG files and resized pictures, with Pillow's values (tests/golden/make_photos.py), and files
// that are none.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/data/image_file.h"
#include "weft/data/resize.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

Bytes bytes_of_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<u8>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

const nlohmann::json& golden() {
  static const auto all =
      nlohmann::json::parse(std::ifstream(WEFT_SOURCE_ROOT "/tests/golden/photos.json"));
  return all;
}

class Photos : public ::testing::Test {
 protected:
  Bytes photo(const std::string& name) const {
    for (const auto& one : golden()["photos"])
      if (one["name"] == name) return bytes_of_hex(one["jpeg"]);
    ADD_FAILURE() << name;
    return {};
  }
  std::string refusal(const Bytes& bytes, i64 channels = 3) {
    const std::string path = folder_.write("a.jpg", bytes);
    std::string text = user_error_of([&] { read_jpeg(path, channels); });
    EXPECT_TRUE(text.empty() || text.starts_with(path + ": ")) << text;
    return text;
  }
  TempFolder folder_;
};

TEST_F(Photos, HavePillowsValues) {
  for (const auto& one : golden()["photos"]) {
    SCOPED_TRACE(one["name"]);
    const std::string path = folder_.write("a.jpg", bytes_of_hex(one["jpeg"]));
    const PictureSize size{one["height"], one["width"]};
    EXPECT_EQ(read_jpeg(path, 3, size).to_vector<u8>(), bytes_of_hex(one["rgb"]));
    EXPECT_EQ(read_picture(path, 1).to_vector<u8>(), bytes_of_hex(one["grey"]));
  }
}

// libjpeg would invent the rest of the picture.
TEST_F(Photos, ThatAreCutOffAreRefused) {
  for (const char* name : {"444", "progressive", "grey", "restarts"}) {
    const Bytes whole = photo(name);
    for (std::size_t size = 0; size + 2 < whole.size(); size += 3) {
      const std::string text =
          refusal(Bytes(whole.begin(), whole.begin() + static_cast<i64>(size)));
      EXPECT_NE(text.find("required"), std::string::npos) << name << " of " << size << " bytes";
    }
  }
}

TEST_F(Photos, ThatAreDamagedAreReadOrRefused) {
  for (const auto& one : golden()["photos"]) {
    const Bytes whole = bytes_of_hex(one["jpeg"]);
    for (std::size_t at = 0; at < whole.size(); at += 5)
      for (const u8 value : {0x00, 0xff, 0x5a}) {
        Bytes changed = whole;
        changed[at] = value;
        const std::string path = folder_.write("a.jpg", changed);
        try {
          EXPECT_EQ(read_jpeg(path, 3).size(2), 3);
        } catch (const UserError& error) {
          EXPECT_TRUE(std::string(error.what()).starts_with(path + ": ")) << error.what();
        }
      }
  }
}

TEST_F(Photos, ThatPromiseMoreThanTheyHoldAreRefusedEarly) {
  Bytes large = photo("444");
  const u8 frame[] = {0xff, 0xc0};
  auto at = std::search(large.begin(), large.end(), std::begin(frame), std::end(frame));
  ASSERT_NE(at, large.end());
  std::fill_n(at + 5, 4, 0x0f);  // 3855 × 3855
  EXPECT_NE(refusal(large).find("bytes for 3855 × 3855 pixels"), std::string::npos);
  std::fill_n(at + 5, 4, 0xff);
  EXPECT_NE(refusal(large), "");
}

// Each scan of a progressive file is one pass over all pixels.
TEST_F(Photos, OfTooManyScansAreRefused) {
  const Bytes whole = photo("progressive");
  const u8 scan[] = {0xff, 0xda};
  const auto last = std::find_end(whole.begin(), whole.end(), std::begin(scan), std::end(scan));
  ASSERT_NE(last, whole.end());
  Bytes many(whole.begin(), last);
  for (int i = 0; i < 200; ++i) many.insert(many.end(), last, whole.end() - 2);
  many.insert(many.end(), {0xff, 0xd9});
  EXPECT_NE(refusal(many), "");
}

TEST_F(Photos, RefusalsNameWhatIsRequired) {
  EXPECT_NE(refusal({'n', 'o', 'n', 'e'}).find("a JPEG file is required"), std::string::npos);
  EXPECT_NE(refusal({}).find("a JPEG file is required"), std::string::npos);
  EXPECT_NE(refusal(photo("444"), 2).find("1 (grey) or 3"), std::string::npos);
  const std::string path = folder_.write("b.jpg", photo("444"));
  EXPECT_EQ(user_error_of([&] {
              read_picture(path, 3, PictureSize{11, 16});
            }),
            path + ": 17 × 11 pixels; 16 × 11 is required (data.size resizes pictures)");
  EXPECT_NE(user_error_of([&] {
              read_picture((folder_.path() / "none.jpg").string(), 3);
            }).find("does not exist"),
            std::string::npos);
}

// The beginning of a file of 8 × 8 pixels with four components.
TEST_F(Photos, OfFourColoursAreRefused) {
  const Bytes cmyk{0xff, 0xd8, 0xff, 0xc0, 0, 20,   8, 0, 8,    0, 8,    4,    1,    0x11,
                   0,    2,    0x11, 0,    3, 0x11, 0, 4, 0x11, 0, 0xff, 0xda, 0,    14,
                   4,    1,    0,    2,    0, 3,    0, 4, 0,    0, 63,   0,    0xff, 0xd9};
  EXPECT_NE(refusal(cmyk).find("its colours are CMYK, as for print; grey or RGB is required"),
            std::string::npos);
}

TEST(Resized, HasPillowsValues) {
  const std::map<std::string, ResizeFilter> filters{{"box", ResizeFilter::box},
                                                    {"bilinear", ResizeFilter::bilinear},
                                                    {"bicubic", ResizeFilter::bicubic}};
  for (const auto& one : golden()["resizes"]) {
    SCOPED_TRACE(one["filter"].dump() + " from " + one["from"].dump() + " to " + one["to"].dump());
    const Bytes pixels = bytes_of_hex(one["pixels"]);
    Tensor picture = Tensor::empty({one["from"][0], one["from"][1], one["channels"]}, DType::uint8);
    std::copy(pixels.begin(), pixels.end(), picture.data<u8>());
    EXPECT_EQ(
        resized(picture, one["to"][0], one["to"][1], filters.at(one["filter"])).to_vector<u8>(),
        bytes_of_hex(one["resized"]));
  }
}

TEST(Resized, RefusesWhatIsNoPicture) {
  EXPECT_NE(user_error_of([] {
              resized(Tensor::zeros({2, 2}, DType::uint8), 1, 1, ResizeFilter::box);
            }).find("(height, width, channels) in uint8 is required"),
            std::string::npos);
  EXPECT_NE(user_error_of([] {
              resized(Tensor::zeros({2, 2, 1}, DType::uint8), 0, 1, ResizeFilter::box);
            }).find("at least 1 × 1"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::data
