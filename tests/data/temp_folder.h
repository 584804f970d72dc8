// SPDX-License-Identifier: Apache-2.0
// Support for tests of datasets: a temporary folder with files, and the errors of bad files.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "weft/core/error.h"
#include "weft/core/types.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::data {

using Bytes = std::vector<u8>;

class TempFolder : public test_support::ScratchFolder {
 public:
  TempFolder() : ScratchFolder("data") {}
  std::filesystem::path write(const std::string& name, const Bytes& bytes) const {
    std::ofstream(path() / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path() / name;
  }
};

// Sets an environment variable during a test. A null value unsets it.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) { value != nullptr ? setenv(name_, value, 1) : unsetenv(name_); }
  const char* name_;
  std::optional<std::string> before_;
};

inline Bytes gzipped(const Bytes& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes packed(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<u8*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Returns the message of the UserError that `f` must throw.
template <class F>
std::string user_error_of(F&& f) {
  try {
    f();
  } catch (const UserError& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "not a UserError: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

// Returns the folder `name` of real data in $WEFT_DATA_DIR or in ../shared/data beside the source,
// or nothing if neither exists.
inline std::optional<std::filesystem::path> real_data(const std::string& name) {
  std::vector<std::filesystem::path> roots;
  if (const char* variable = std::getenv("WEFT_DATA_DIR")) roots.emplace_back(variable);
  roots.push_back(std::filesystem::path(WEFT_SOURCE_ROOT) / "../shared/data");
  for (const auto& root : roots)
    if (std::filesystem::exists(root / name)) return root / name;
  return std::nullopt;
}

}  // namespace weft::data

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << text
