// SPDX-License-Identifier: Apache-2.0
// Every op has a row.
#include <algorithm>
#include <fstream>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

// The functions that autograd/ops.h declares, and the ops of the two lists of elementwise ops.
std::set<std::string> catalogue() {
  std::set<std::string> ops;
#define WEFT_NAME(op, Op) ops.insert(#op);
  WEFT_UNARY_OPS(WEFT_NAME)
  WEFT_BINARY_OPS(WEFT_NAME)
#undef WEFT_NAME
  std::ifstream header(WEFT_SOURCE_ROOT "/autograd/ops.h");
  const std::regex declaration(R"(^(?:Variable|std::vector<Variable>|\w+Result) (\w+)\()");
  std::smatch found;
  for (std::string line; std::getline(header, line);)
    if (std::regex_search(line, found, declaration)) ops.insert(found[1]);
  return ops;
}

TEST(Rows, EveryOpHasOne) {
  const std::set<std::string> ops = catalogue();
  ASSERT_GT(ops.size(), 20u);
  const std::set<std::string> rows(testing::ops_with_rows().begin(),
                                   testing::ops_with_rows().end());
  for (const std::string& op : ops)
    EXPECT_TRUE(rows.count(op)) << op << " has no row; add WEFT_OP_ROW(" << op
                                << ", …) to tests/autograd/" << op << "_test.cpp";
  for (const std::string& row : rows)
    EXPECT_TRUE(ops.count(row)) << "a row names " << row << ", which is not an op";
}

}  // namespace
}  // namespace weft
