// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/config.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "weft/core/config/compose.h"
#include "weft/core/config/interpolate.h"
#include "weft/core/config/overrides.h"

namespace weft::config {
namespace {

// Problems in files come first, each file from top to bottom. Of several problems with one key,
// only the first is kept, because the others follow from it.
std::vector<Problem> in_order(std::vector<Problem> problems) {
  const auto key = [](const Problem& p) {
    return std::tie(p.place.source, p.place.line, p.place.column, p.path);
  };
  std::stable_sort(problems.begin(), problems.end(), [&](const Problem& a, const Problem& b) {
    const bool a_in_file = a.place.line > 0, b_in_file = b.place.line > 0;
    return a_in_file != b_in_file ? a_in_file : key(a) < key(b);
  });
  const auto same_key = [&](const Problem& a, const Problem& b) { return key(a) == key(b); };
  problems.erase(std::unique(problems.begin(), problems.end(), same_key), problems.end());
  return problems;
}

std::string joined_lines(const std::vector<Problem>& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems) lines.push_back(problem.to_string());
  return fmt::format("{}", fmt::join(lines, "\n"));
}

void finish(SectionRef into, Origins& origins, Node root, bool readable,
            std::vector<Problem> problems, Usage used, const std::vector<std::string>& overrides,
            const BeforeRead& before_read) {
  if (overrides.size() > kMaxOverrides) {
    add_problem(problems, {{kCommandLine},
                           "",
                           fmt::format("expected at most {} options, got {}", kMaxOverrides,
                                       overrides.size())});
  } else if (readable) {
    for (const std::string& option : overrides) apply_override(root, option, problems, used);
    interpolate(root, problems, used);
    if (!before_read || before_read(root, used, problems)) read(root, into, origins, problems);
  }
  if (!problems.empty()) throw ConfigError(in_order(std::move(problems)));
}

}  // namespace

ConfigError::ConfigError(std::vector<Problem> problems)
    : UserError(joined_lines(problems)), problems_(std::move(problems)) {}

void load_into(SectionRef into, Origins& origins, const std::string& path,
               const std::vector<std::string>& overrides, const BeforeRead& before_read) {
  Node root;
  std::vector<Problem> problems;
  Usage used;
  const bool readable = compose(path, root, problems, used);
  finish(into, origins, std::move(root), readable, std::move(problems), used, overrides,
         before_read);
}

void load_text_into(SectionRef into, Origins& origins, std::string_view yaml,
                    const std::string& name, const std::vector<std::string>& overrides,
                    const BeforeRead& before_read) {
  Node root;
  std::vector<Problem> problems;
  Usage used;
  const bool readable = compose_text(yaml, name, root, problems, used);
  finish(into, origins, std::move(root), readable, std::move(problems), used, overrides,
         before_read);
}

}  // namespace weft::config
