// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/interpolate.h"

#include <cstdlib>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace weft::config {
namespace {

struct Interpolator {
  std::vector<Problem>& problems;

  void walk(Node& node, const std::string& path, const Place& place) {
    if (node.is(Node::Kind::scalar)) replace(node.text, path, place);
    for (std::size_t i = 0; i < node.items.size(); ++i)
      walk(node.items[i], joined(path, static_cast<i64>(i)), node.items[i].place);
    for (Entry& entry : node.entries) walk(entry.value, joined(path, entry.key), entry.place);
  }

  void replace(std::string& text, const std::string& path, const Place& place) {
    std::string result;
    std::size_t done = 0;
    for (std::size_t begin; (begin = text.find("${", done)) != text.npos;) {
      const std::size_t end = text.find('}', begin);
      const std::string inside = text.substr(begin + 2, end == text.npos ? end : end - begin - 2);
      result += text.substr(done, begin - done);
      if (end == text.npos || !inside.starts_with("env:")) {
        problems.push_back({place, path, fmt::format("expected ${{env:NAME}}, got '{}'", text)});
        return;
      }
      const std::size_t comma = inside.find(',');
      const std::string name = inside.substr(4, comma == inside.npos ? comma : comma - 4);
      if (const char* value = std::getenv(name.c_str())) result += value;
      else if (comma != inside.npos) result += inside.substr(comma + 1);
      else
        problems.push_back({place, path,
                            fmt::format("expected the environment variable {}, which "
                                        "is not set; ${{env:{},default}} has a default",
                                        name, name)});
      done = end + 1;
    }
    text = result + text.substr(done);
  }
};

}  // namespace

void interpolate(Node& root, std::vector<Problem>& problems) {
  Interpolator{problems}.walk(root, "", root.place);
}

}  // namespace weft::config
