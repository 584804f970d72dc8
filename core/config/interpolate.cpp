// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/interpolate.h"

#include <cstdlib>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "weft/core/printable.h"

namespace weft::config {
namespace {

struct Interpolator {
  std::vector<Problem>& problems;
  Usage& used;

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
        report(place, path, fmt::format("expected ${{env:NAME}}, got '{}'", excerpt(text)));
        return;
      }
      const std::size_t comma = inside.find(',');
      const std::string name = inside.substr(4, comma == inside.npos ? comma : comma - 4);
      const char* value = std::getenv(name.c_str());
      if (value == nullptr && comma == inside.npos)
        report(place, path,
               fmt::format("expected the environment variable {0}, which is not set; "
                           "${{env:{0},default}} has a default",
                           excerpt(name)));
      const std::string inserted = value != nullptr       ? value
                                   : comma == inside.npos ? ""
                                                          : inside.substr(comma + 1);
      used.text_bytes += std::ssize(inserted);
      if (used.text_bytes > kMaxBytes) {
        report(place, path,
               fmt::format("expected at most {} bytes of text with its variables", kMaxBytes));
        return;
      }
      result += inserted;
      done = end + 1;
    }
    text = result + text.substr(done);
  }

  void report(const Place& place, const std::string& path, std::string message) {
    add_problem(problems, {place, path, std::move(message)});
  }
};

}  // namespace

void interpolate(Node& root, std::vector<Problem>& problems, Usage& used) {
  Interpolator{problems, used}.walk(root, "", root.place);
}

}  // namespace weft::config
