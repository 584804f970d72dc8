// SPDX-License-Identifier: Apache-2.0
// Every op that the tape records has a formula for the pages that explain a step.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "weft/autograd/formulas.h"
#include "weft/autograd/ops.h"

namespace weft {
namespace {

// The names that the sources give to record(), directly or by a helper, and those of the lists.
std::set<std::string> recorded_names() {
  std::set<std::string> names;
#define WEFT_NAME(op, Op) names.insert(#op);
  WEFT_UNARY_OPS(WEFT_NAME)
  WEFT_BINARY_OPS(WEFT_NAME)
  WEFT_POINTWISE_LOSSES(WEFT_NAME)
#undef WEFT_NAME
  const std::regex call(
      R"re((?:record|recorded|sum_like|reduced|reduced_axes|extreme_of_axes|normalised)\(\s*"(\w+)")re");
  for (const auto& file : std::filesystem::directory_iterator(WEFT_SOURCE_ROOT "/autograd")) {
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const std::string source = text.str();
    if (file.path().extension() != ".cpp") continue;
    for (std::sregex_iterator at(source.begin(), source.end(), call), end; at != end; ++at)
      names.insert((*at)[1]);
  }
  return names;
}

TEST(Formulas, EveryRecordedOpHasOne) {
  const std::set<std::string> names = recorded_names();
  ASSERT_GT(names.size(), 50U);
  for (const std::string& name : names)
    EXPECT_NE(formula_of(name), nullptr)
        << name << " has no formula; add its line to autograd/formulas.cpp";
  for (const OpFormula& formula : all_formulas())
    EXPECT_TRUE(names.count(std::string(formula.op)))
        << "autograd/formulas.cpp has " << formula.op << ", which no op records";
}

TEST(Formulas, NameTheirContracts) {
  std::set<std::string_view> seen;
  for (const OpFormula& formula : all_formulas()) {
    EXPECT_TRUE(seen.insert(formula.op).second) << formula.op << " stands twice";
    EXPECT_TRUE(std::filesystem::is_regular_file(std::string(WEFT_SOURCE_ROOT "/") +
                                                 std::string(formula.contract)))
        << formula.op << ": " << formula.contract;
    EXPECT_FALSE(formula.forward.empty() || formula.backward.empty()) << formula.op;
  }
  EXPECT_EQ(formula_of("no_such_op"), nullptr);
}

}  // namespace
}  // namespace weft
