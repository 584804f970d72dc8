// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/tree.h"

#include <algorithm>
#include <charconv>

#include "weft/core/nearest.h"

namespace weft::detail {

std::pair<std::string_view, std::string_view> split_path(std::string_view path) {
  const std::size_t dot = path.find('.');
  if (dot == path.npos || dot + 1 == path.size()) return {path, {}};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

void check_tree_name(const std::string& name, const std::vector<std::string>& names) {
  WEFT_CHECK(!name.empty() && name.find('.') == name.npos,
             "tree: an entry is named '{}'; a name without '.', which is not empty, is required",
             name);
  WEFT_CHECK(std::find(names.begin(), names.end(), name) == names.end(),
             "tree: two entries are named '{}'; different names are required", name);
}

std::size_t child_index(std::string_view path, std::string_view part,
                        const std::vector<std::string>& names, std::size_t children) {
  WEFT_CHECK(children > 0,
             "tree: '{}' was selected, and there is nothing at '{}'; the path of an "
             "entry is required",
             path, part);
  if (!names.empty()) {
    const auto found = std::find(names.begin(), names.end(), part);
    WEFT_CHECK(found != names.end(),
               "tree: '{}' was selected, and there is no '{}'; one of {} is "
               "required",
               path, part, listed(names));
    return static_cast<std::size_t>(found - names.begin());
  }
  std::size_t index = children;
  const char* const end = part.data() + part.size();
  const auto [at, error] = std::from_chars(part.data(), end, index);
  WEFT_CHECK(error == std::errc() && at == end && index < children,
             "tree: '{}' was selected, and '{}' is no index of its list; one from 0 to {} is "
             "required",
             path, part, children - 1);
  return index;
}

void fail_no_leaf(std::string_view path, std::size_t children) {
  fail("tree: '{}' has {} entries below it; the path of one leaf is required", path, children);
}

}  // namespace weft::detail
