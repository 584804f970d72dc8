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

#include "weft/core/error.h"

namespace weft::config {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: a double skips integers above it

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

// Refuses the nodes that every kind except text refuses.
Refusal refuse_shape(const Node& node) {
  if (node.is_empty_value()) return "write a value, or remove the key";
  if (!node.is(Node::Kind::scalar)) return "";
  if (node.quoted) return "remove the quotes";
  return std::nullopt;
}

Refusal refuse_number(const Node& node, std::optional<Number>& number) {
  if (Refusal refusal = refuse_shape(node)) {
    const bool number_in_quotes = node.quoted && number_in(node.text);
    return node.quoted && !number_in_quotes ? "" : *refusal;
  }
  number = number_in(node.text);
  if (!number) {
    std::string bare = node.text;
    std::erase_if(bare, [](char c) { return c == '_' || c == ','; });
    if (bare != node.text && number_in(bare)) return "write " + bare;
    const std::string name = lower(node.text);
    if (name.ends_with("inf") || name.ends_with("nan")) return "numbers are finite";
    return "";
  }
  if (number->leading_zero()) {
    const std::size_t sign = is_digit(node.text[0]) ? 0 : 1;
    const std::size_t zeros =
        std::min(node.text.find_first_not_of('0', sign), sign + number->digits.size() - 1);
    return fmt::format("write {}{}, as a leading zero means octal to some readers",
                       node.text.substr(0, sign), node.text.substr(zeros));
  }
  return std::nullopt;
}

template <class T>
bool convert(std::string_view text, T& value) {
  if (text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

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
  if (Refusal refusal = refuse_number(node, number)) return refusal;
  if (number->integer_literal()) {
    if (convert(node.text, value)) return std::nullopt;
    return "integers have 64 bits";
  }
  double real = 0;
  if (!convert(node.text, real) || std::abs(real) > kExactIntegers)
    return "with a point or an exponent, at most 2^53";
  if (real != std::floor(real)) return "";
  value = static_cast<i64>(real);
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
  if (Refusal refusal = refuse_number(node, number)) return refusal;
  if (!convert(node.text, value)) return "beyond what a double holds";
  return std::nullopt;
}

Refusal take(const Node& node, std::string& value) {
  if (node.is_empty_value()) return "write a value, \"\", or remove the key";
  if (node.is(Node::Kind::null)) return "put it in quotes to mean the word";
  if (!node.is(Node::Kind::scalar)) return "";
  value = node.text;
  return std::nullopt;
}

Refusal take(const Node& node, Duration& value) {
  if (node.is_empty_value()) return "write a value, or remove the key";
  if (!node.is(Node::Kind::scalar)) return "";
  try {
    value = Duration(node.text);
    return std::nullopt;
  } catch (const UserError&) {
    if (!number_in(node.text)) return "";
    return fmt::format("write {0}ep (epochs) or {0}ba (batches)", node.text);
  }
}

std::string got_text(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null: return node.text.empty() ? "an empty value" : "null";
    case Node::Kind::list: return "a list";
    case Node::Kind::map: return "a section";
    default: break;
  }
  constexpr std::size_t kShown = 60;
  const std::string shown =
      node.text.size() <= kShown ? node.text : node.text.substr(0, kShown) + "…";
  return node.quoted ? fmt::format("the text \"{}\"", shown) : fmt::format("'{}'", shown);
}

}  // namespace weft::config
