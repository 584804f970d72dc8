// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/scalar.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "weft/core/printable.h"

namespace weft::config {
namespace {

constexpr i64 kExactIntegers = i64{1} << 53;  // a double skips integers above it

constexpr std::size_t kLongestNumber = 100;  // of a number that advice repeats

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// A number split into its parts. `digits` holds all digits before the decimal point or the
// exponent.
struct Number {
  std::string_view digits, fraction;
  bool has_point = false, has_exponent = false;
  bool leading_zero() const { return digits.size() > 1 && digits.front() == '0'; }
  bool integer_literal() const { return !has_point && !has_exponent; }
};

std::optional<Number> number_in(std::string_view text) {
  Number number;
  std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const std::size_t begin = at;
  at = skip_digits(text, at);
  number.digits = text.substr(begin, at - begin);
  if (at < text.size() && text[at] == '.') {
    number.has_point = true;
    const std::size_t point = at;
    at = skip_digits(text, at + 1);
    number.fraction = text.substr(point + 1, at - point - 1);
  }
  if (number.digits.empty() && number.fraction.empty()) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    number.has_exponent = true;
    if (++at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (at == skip_digits(text, at)) return std::nullopt;
    at = skip_digits(text, at);
  }
  if (at != text.size()) return std::nullopt;
  return number;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool all_digits(std::string_view text) {
  return !text.empty() && skip_digits(text, 0) == text.size();
}

// Removes the separators of thousands from "1,000,000"; "" unless there are three digits between
// two of them.
std::string without_thousands(std::string_view text, char separator) {
  std::string digits;
  while (true) {
    const std::size_t end = text.find(separator);
    const std::string_view group = text.substr(0, end);
    const bool first = digits.empty();
    if (!all_digits(group) || (first ? group.size() > 3 || group[0] == '0' : group.size() != 3))
      return "";
    digits += group;
    if (end == text.npos) return digits;
    text.remove_prefix(end + 1);
  }
}

CommaNumbers numbers_with_comma(std::string_view text) {
  const std::string sign(text.substr(0, text.find_first_not_of("+-") == 1 ? 1 : 0));
  text.remove_prefix(sign.size());
  const std::size_t first = text.find(','), last = text.rfind(',');
  if (first == text.npos) return {};
  CommaNumbers found;
  if (first == last) {
    const std::string_view left = text.substr(0, first), right = text.substr(first + 1);
    const std::string whole =
        left.find('.') == left.npos ? std::string(left) : without_thousands(left, '.');
    const std::string decimal = fmt::format("{}{}.{}", sign, left.empty() ? "0" : whole, right);
    const bool whole_is_number = left.empty() || all_digits(whole);
    const auto number = number_in(decimal);
    if (whole_is_number && !right.empty() && is_digit(right[0]) && number &&
        !number->leading_zero())
      found.decimal = decimal;
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string digits = without_thousands(text.substr(0, point), ',');
  const std::string_view fraction = text.substr(point);
  if (!digits.empty() && (fraction.empty() || all_digits(fraction.substr(1))))
    found.thousands = fmt::format("{}{}{}", sign, digits, fraction);
  return found;
}

// The length of a number's unit, as in 0,5ep, 200ba and 30s.
std::size_t unit_length(std::string_view text) {
  for (const std::string_view unit : {"ep", "ba", "s"})
    if (text.ends_with(unit)) return unit.size();
  return 0;
}

// Advice for a number with a comma or underscores, or "". It never changes the value: where a comma
// can mean two things, both are offered, except that an integer has no decimal comma. `unit`
// follows the number.
std::string separator_hint(std::string_view text, bool is_integer, std::string_view unit = "") {
  const auto [decimal, thousands] = comma_numbers(text, is_integer);
  if (!decimal.empty() && !thousands.empty())
    return fmt::format("write {}{} for a decimal comma, or {}{} for thousands", decimal, unit,
                       thousands, unit);
  if (!decimal.empty()) return fmt::format("write {}{}, with a decimal point", decimal, unit);
  if (!thousands.empty()) return fmt::format("write {}{}", thousands, unit);
  std::string bare(text);
  std::erase(bare, '_');
  if (bare == text || !is_number(bare, is_integer)) return "";
  return fmt::format("write {}{}", bare, unit);
}

// Refuses the nodes that every kind except text refuses.
Refusal refuse_shape(const Node& node) {
  if (node.is_empty_value()) return "write a value, or remove the key";
  if (!node.is(Node::Kind::scalar)) return "";
  if (node.quoted) return "remove the quotes";
  return std::nullopt;
}

Refusal refuse_number(const Node& node, bool is_integer, std::optional<Number>& number) {
  if (Refusal refusal = refuse_shape(node)) {
    const bool number_in_quotes = node.quoted && number_in(node.text);
    return node.quoted && !number_in_quotes ? "" : *refusal;
  }
  number = number_in(node.text);
  if (!number) {
    if (node.text.size() <= kLongestNumber)
      if (std::string hint = separator_hint(node.text, is_integer); !hint.empty()) return hint;
    const std::string name = lower(node.text);
    if (name.ends_with("inf") || name.ends_with("nan")) return "numbers are finite";
    return "";
  }
  if (number->leading_zero()) {
    const std::size_t sign = is_digit(node.text[0]) ? 0 : 1;
    const std::size_t zeros =
        std::min(node.text.find_first_not_of('0', sign), sign + number->digits.size() - 1);
    return fmt::format("write {}{}, as a leading zero means octal to some readers",
                       node.text.substr(0, sign), excerpt(node.text.substr(zeros)));
  }
  return std::nullopt;
}

// The integer that a number with a point or an exponent is, up to 2^53, from its digits: a double
// would round. Nothing for a larger one; `is_integer` says whether it is one at all.
std::optional<i64> integer_in(std::string_view text, const Number& number, bool& is_integer) {
  constexpr i64 kMostExponent = 1'000'000'000;  // longer than any text of a config
  std::string digits = fmt::format("{}{}", number.digits, number.fraction);
  i64 exponent = 0;
  if (number.has_exponent) {
    std::string_view given = text.substr(text.find_first_of("eE") + 1);
    if (given.front() == '+') given.remove_prefix(1);
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), exponent);
    if (error != std::errc()) exponent = given.front() == '-' ? -kMostExponent : kMostExponent;
    exponent = std::clamp(exponent, -kMostExponent, kMostExponent);
  }
  exponent -= std::ssize(number.fraction);
  digits.erase(0, digits.find_first_not_of('0'));
  for (; !digits.empty() && digits.back() == '0'; digits.pop_back()) ++exponent;
  is_integer = digits.empty() || exponent >= 0;
  if (digits.empty()) return 0;
  i64 value = 0;
  constexpr i64 kMostDigits = 16;  // of 2^53
  if (!is_integer || std::ssize(digits) + exponent > kMostDigits) return std::nullopt;
  digits.append(static_cast<std::size_t>(exponent), '0');
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (value > kExactIntegers) return std::nullopt;
  return text.front() == '-' ? -value : value;
}

template <class T>
bool convert(std::string_view text, T& value) {
  if (text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

CommaNumbers comma_numbers(std::string_view text, bool is_integer) {
  if (text.size() > kLongestNumber) return {};
  CommaNumbers found = numbers_with_comma(text);
  if (!is_integer) return found;
  found.decimal.clear();
  if (found.thousands.find('.') != std::string::npos) found.thousands.clear();
  return found;
}

std::string if_one_number(std::string_view left, std::string_view right, bool is_integer) {
  const std::string_view number = right.substr(0, right.size() - unit_length(right));
  const std::string_view unit = right.substr(number.size());
  constexpr std::string_view kSteps = "ba";  // whole numbers
  const auto [decimal, thousands] =
      comma_numbers(fmt::format("{},{}", left, number), is_integer || unit == kSteps);
  if (decimal.empty() && thousands.empty()) return "";
  const bool both = !decimal.empty() && !thousands.empty();
  return fmt::format("{}{}{}{}{} if {},{} is one number", decimal, decimal.empty() ? "" : unit,
                     both ? " or " : "", thousands, thousands.empty() ? "" : unit, left, right);
}

bool is_number(std::string_view text, bool is_integer) {
  const auto number = number_in(text);
  return number && !number->leading_zero() && (!is_integer || number->integer_literal());
}

Refusal take(const Node& node, bool& value) {
  if (Refusal refusal = refuse_shape(node))
    return node.quoted && node.text != "true" && node.text != "false" ? "" : *refusal;
  if (node.text == "true" || node.text == "false") {
    value = node.text == "true";
    return std::nullopt;
  }
  const std::string word = lower(node.text);
  for (const std::string_view yes : {"true", "yes", "on", "y", "1"})
    if (word == yes) return "write true";
  for (const std::string_view no : {"false", "no", "off", "n", "0"})
    if (word == no) return "write false";
  return "";
}

Refusal take(const Node& node, i64& value) {
  std::optional<Number> number;
  if (Refusal refusal = refuse_number(node, true, number)) return refusal;
  if (number->integer_literal()) {
    if (convert(node.text, value)) return std::nullopt;
    return "integers have 64 bits";
  }
  bool is_integer = false;
  const std::optional<i64> whole = integer_in(node.text, *number, is_integer);
  if (!is_integer) return "";
  if (!whole) return "with a point or an exponent, at most 2^53";
  value = *whole;
  return std::nullopt;
}

Refusal take(const Node& node, int& value) {
  i64 wide = 0;
  if (Refusal refusal = take(node, wide)) return refusal;
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max())
    return "this one has 32 bits";
  value = static_cast<int>(wide);
  return std::nullopt;
}

Refusal take(const Node& node, double& value) {
  std::optional<Number> number;
  if (Refusal refusal = refuse_number(node, false, number)) return refusal;
  if (!convert(node.text, value)) return "beyond what a double holds";
  return std::nullopt;
}

Refusal take(const Node& node, std::string& value) {
  if (node.is_empty_value()) return "write a value, \"\", or remove the key";
  if (node.is(Node::Kind::null)) return "put it in quotes to mean the word";
  if (!node.is(Node::Kind::scalar)) return "";
  if (node.text.find('\0') != node.text.npos) return "a text without the character \\0 is required";
  value = node.text;
  return std::nullopt;
}

Refusal take(const Node& node, Duration& value) {
  if (node.is_empty_value()) return "write a value, or remove the key";
  if (!node.is(Node::Kind::scalar)) return "";
  const std::string_view text = node.text;
  if (const std::string problem = duration_problem(text); problem.empty()) {
    value = Duration(text);
    return std::nullopt;
  } else if (text.size() > kLongestNumber) {
    return "";
  } else if (number_in(text)) {
    return fmt::format("write {0}ep (epochs) or {0}ba (batches)", text);
  } else {
    const bool has_unit = text.ends_with("ep") || text.ends_with("ba");
    const std::string_view unit = has_unit ? text.substr(text.size() - 2) : "";
    const std::string_view number = text.substr(0, text.size() - unit.size());
    if (!has_unit) return "";
    if (const std::string hint = separator_hint(number, unit == "ba", unit); !hint.empty())
      return hint;
    return number_in(number) ? problem : "";
  }
}

Refusal take(const Node& node, Seconds& value) {
  if (node.is_empty_value()) return "write a value, or remove the key";
  if (!node.is(Node::Kind::scalar)) return "";
  const std::string_view text = node.text;
  if (const std::string problem = seconds_problem(text); problem.empty()) {
    value = Seconds(text);
    return std::nullopt;
  } else if (text.size() > kLongestNumber) {
    return "";
  } else if (number_in(text)) {
    return fmt::format("write {}s", text);
  } else {
    if (!text.ends_with("s")) return "";
    const std::string_view number = text.substr(0, text.size() - 1);
    if (const std::string hint = separator_hint(number, false, "s"); !hint.empty()) return hint;
    return number_in(number) ? problem : "";
  }
}

std::string got_text(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null: return node.text.empty() ? "an empty value" : "null";
    case Node::Kind::list: return "a list";
    case Node::Kind::map: return "a section";
    default: break;
  }
  const std::string shown = excerpt(node.text);
  return node.quoted ? fmt::format("the text \"{}\"", shown) : fmt::format("'{}'", shown);
}

}  // namespace weft::config
