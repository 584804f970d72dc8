// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/core/sha256.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft {
namespace {

// source: FIPS 180-2, appendix B
TEST(Sha256, OfTheStandardsExamples) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, InPartsAndAgain) {
  Sha256 hash;
  for (int round = 0; round < 2; ++round) {
    hash.add("ab", 2);
    hash.add("c", 1);
    EXPECT_EQ(hash.hex(), sha256_of("abc"));
  }
}

TEST(Sha256, OfAFile) {
  const test_support::ScratchFolder folder("sha256");
  const std::filesystem::path path = folder.path() / "file";
  const std::string text(3'000'001, 'x');
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(sha256_of_file(path.string()), sha256_of(text));
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_of_file(path.string()), UserError);
}

}  // namespace
}  // namespace weft
