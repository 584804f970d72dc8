// SPDX-License-Identifier: Apache-2.0
#include "weft/core/fields.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/nearest.h"
#include "weft/core/printable.h"
#include "weft/core/registry.h"

namespace weft {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 16 cannot deduce aggregates

// Returns "a number", or "numbers" if `many`.
std::string noun(ValueRef value, const Check& check, bool many) {
  const std::string limit = check.text.empty() ? "" : " " + check.text;
  const auto pick = [&](const char* one, const char* several) { return many ? several : one; };
  return std::visit(
      Overloaded{
          [&](bool*) -> std::string { return "true or false"; },
          [&](int*) { return pick("an integer", "integers") + limit; },
          [&](i64*) { return pick("an integer", "integers") + limit; },
          [&](double*) { return pick("a number", "numbers") + limit; },
          [&](std::string*) -> std::string {
            if (check.path) return pick("a path", "paths") + limit;
            if (check.choices.empty()) return pick("text", "texts");
            return (many ? "" : "one of ") + listed(check.choices);
          },
          [&](Duration*) {
            return pick("a duration", "durations") + std::string(" such as 3ep or 200ba");
          },
          [&](Seconds*) { return pick("a time", "times") + std::string(" such as 30s"); },
          [&](const EnumRef& named) { return (many ? "" : "one of ") + listed(named.choices()); },
          [&](const ListRef& list) {
            std::string text, one;
            list.with_sample([&](ValueRef element) {
              text = noun(element, check, true);
              one = noun(element, check, false);
            });
            if (check.or_one) return one + ", a list of these, or null";
            return pick("a list of ", "lists of ") + text;
          },
          [&](const OptionalRef& optional) {
            std::string text;
            optional.with_sample([&](ValueRef held) { text = noun(held, check, many); });
            return text + " or null";
          },
          [&](const SectionRef&) -> std::string { return pick("a section", "sections"); },
          [&](AnyRecipe* recipe) {
            return fmt::format("{} ({})",
                               many ? std::string(recipe->kind()) + " entries"
                                    : "a section or name of " + std::string(recipe->kind()),
                               listed(recipe->names()));
          }},
      value);
}

class OneLine : public Fields {
 public:
  std::string text;

 private:
  void field(const Field& field, ValueRef value) override {
    if (field.check.unprinted) return;
    if (!text.empty()) text += ", ";
    text += fmt::format("{}: {}", field.key, value_text(value));
  }
};

class Rows : public Fields {
 public:
  std::vector<FieldRow> rows;

 private:
  void field(const Field& field, ValueRef value) override {
    rows.push_back({std::string(field.key), expected_text(value, field.check), value_text(value),
                    std::string(field.help)});
  }
};

class Validator : public Fields {
 public:
  std::vector<std::string> problems;

 private:
  void field(const Field& field, ValueRef value) override {
    check(std::string(field.key), value, field.check);
  }

  void broken_rule(std::string_view key, std::string_view required) override {
    problems.push_back(fmt::format("{}{}: expected {}", path_, key, required));
  }

  void check(const std::string& key, ValueRef value, const Check& check) {
    const auto number = [&](auto given) {
      if (!check.accepts(given)) refuse(key, value, check);
    };
    std::visit(
        Overloaded{
            [](bool*) {}, [](Duration*) {}, [](Seconds*) {},
            [&](int* given) { number(i64{*given}); }, [&](i64* given) { number(*given); },
            [&](double* given) { number(*given); },
            [&](std::string* given) {
              if (!check.accepts(std::string_view(*given))) refuse(key, value, check);
            },
            [&](const EnumRef& named) {
              if (!named.has_name()) refuse(key, value, check);
            },
            [&](const ListRef& list) {
              for (i64 i = 0; i < list.size(list.list); ++i)
                this->check(fmt::format("{}[{}]", key, i), list.at(list.list, i), check);
            },
            [&](const OptionalRef& optional) {
              if (optional.has_value(optional.optional))
                this->check(key, optional.value(optional.optional), check);
            },
            [&](const SectionRef& section) { within(key, [&] { section.describe(*this); }); },
            [&](AnyRecipe* recipe) { within(key, [&] { recipe->describe(*this); }); }},
        value);
  }

  template <class F>
  void within(const std::string& key, F&& describe_section) {
    const std::string outer = path_;
    path_ += key + ".";
    describe_section();
    path_ = outer;
  }

  void refuse(const std::string& key, ValueRef value, const Check& check) {
    problems.push_back(fmt::format("{}{}: expected {}, got {}{}", path_, key,
                                   expected_text(value, check), value_text(value),
                                   limit_of_type(value, check)));
  }

  std::string path_;
};

bool is_plain(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kWords{"true", "false", "null", "yes",
                                                          "no",   "on",    "off",  "none"};
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (text.empty() || std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) return false;
  const auto begins = [](unsigned char c) { return std::isalpha(c) || c == '_' || c == '/'; };
  const auto goes_on = [&](unsigned char c) {
    return begins(c) || std::isdigit(c) || c == '.' || c == '-' || c == '*';
  };
  return begins(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), goes_on);
}

}  // namespace

std::string quoted_where_needed(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return '"' + printable_line(quoted) + '"';  // its escapes are YAML's
}

std::string expected_text(ValueRef value, const Check& check) { return noun(value, check, false); }

std::string limit_of_type(ValueRef value, const Check& check) {
  if (const auto* real = std::get_if<double*>(&value)) {
    if (check.low == kLeastF32 && **real > 0 && **real < kLeastF32)
      return fmt::format("; at least {:.8g}, the least of f32, is required", kLeastF32);
    if (check.high == kMostF32 && **real > kMostF32)
      return fmt::format("; at most {:.7g}, the largest of f32, is allowed", kMostF32);
    return "";
  }
  const auto* narrow = std::get_if<int*>(&value);
  const auto* wide = std::get_if<i64*>(&value);
  const i64 number = narrow != nullptr ? **narrow : wide != nullptr ? **wide : 0;
  return check.is_count() && number > kMostCount
             ? fmt::format("; at most {} is allowed", kMostCount)
             : "";
}

std::string value_text(ValueRef value) {
  return std::visit(Overloaded{[](bool* given) -> std::string { return *given ? "true" : "false"; },
                               [](int* given) { return std::to_string(*given); },
                               [](i64* given) { return std::to_string(*given); },
                               [](double* given) { return fmt::format("{}", *given); },
                               [](std::string* given) { return quoted_where_needed(*given); },
                               [](Duration* given) { return given->to_string(); },
                               [](Seconds* given) { return given->to_string(); },
                               [](const EnumRef& named) {
                                 return named.has_name() ? quoted_where_needed(named.name()) : "?";
                               },
                               [](const ListRef& list) {
                                 std::vector<std::string> parts;
                                 for (i64 i = 0; i < list.size(list.list); ++i)
                                   parts.push_back(value_text(list.at(list.list, i)));
                                 return fmt::format("[{}]", fmt::join(parts, ", "));
                               },
                               [](const OptionalRef& optional) {
                                 return optional.has_value(optional.optional)
                                            ? value_text(optional.value(optional.optional))
                                            : "null";
                               },
                               [](const SectionRef& section) {
                                 OneLine line;
                                 section.describe(line);
                                 return "{" + line.text + "}";
                               },
                               [](AnyRecipe* recipe) -> std::string {
                                 if (recipe->name().empty()) return "null";
                                 OneLine line;
                                 recipe->describe(line);
                                 const std::string name = quoted_where_needed(recipe->name());
                                 return line.text.empty()
                                            ? name
                                            : fmt::format("{{type: {}, {}}}", name, line.text);
                               }},
                    value);
}

std::vector<FieldRow> field_rows(SectionRef section) {
  Rows rows;
  section.describe(rows);
  return std::move(rows.rows);
}

std::vector<FieldRow> field_rows(const AnyRegistry& registry, std::string_view name) {
  Rows rows;
  registry.describe(name, rows);
  return std::move(rows.rows);
}

void validate(std::string_view what, SectionRef section) {
  Validator validator;
  section.describe(validator);
  WEFT_CHECK(validator.problems.empty(), "{}: {}", what, fmt::join(validator.problems, "; "));
}

}  // namespace weft
