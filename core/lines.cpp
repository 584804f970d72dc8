// SPDX-License-Identifier: Apache-2.0
#include "weft/core/lines.h"

#include <sstream>

namespace weft {
namespace {

std::string without_indent(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  return begin == line.npos ? std::string() : line.substr(begin);
}

}  // namespace

std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b) {
  std::istringstream of_a(a), of_b(b);
  for (std::string x, y; of_a || of_b; x.clear(), y.clear()) {
    std::getline(of_a, x);
    std::getline(of_b, y);
    if (x != y) return {without_indent(x), without_indent(y)};
  }
  return {};
}

}  // namespace weft
