// SPDX-License-Identifier: Apache-2.0
#include "weft/core/sentence.h"

#include <list>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "weft/core/printable.h"

namespace weft {

std::string sentence(fmt::string_view format, fmt::format_args args) {
  std::list<std::string> texts;  // their addresses stay
  std::vector<fmt::basic_format_arg<fmt::format_context>> all;
  const auto add_text = [&](std::string_view text) {
    const fmt::string_view line = texts.emplace_back(printable_line(text));
    const auto store = fmt::make_format_args(line);
    all.push_back(fmt::format_args(store).get(0));
  };
  for (int i = 0; auto argument = args.get(i); ++i)
    fmt::visit_format_arg(
        [&](const auto& value) {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, fmt::string_view>)
            add_text({value.data(), value.size()});
          else if constexpr (std::is_same_v<Value, const char*>) add_text(value);
          else all.push_back(argument);
        },
        argument);
  return fmt::vformat(format, fmt::format_args(all.data(), static_cast<int>(all.size())));
}

}  // namespace weft
