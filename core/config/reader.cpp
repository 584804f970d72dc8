// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/reader.h"

#include <algorithm>
#include <functional>
#include <set>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "weft/core/entry_keys.h"
#include "weft/core/home.h"
#include "weft/core/nearest.h"
#include "weft/core/printable.h"
#include "weft/core/registry.h"
#include "weft/core/config/parse.h"
#include "weft/core/config/scalar.h"
#include "weft/core/config/short_forms.h"

namespace weft::config {
namespace {

// The place where a problem is reported: the key, or the item of a list.
struct At {
  Place place;
  std::string path;
  const Node* before = nullptr;  // the item before this one of a list
};

// A key that its section does not have. It is reported only at the end, when the keys of all
// sections are known.
struct UnknownKey {
  Place place;
  std::string path, key, expected, suggestion;
  std::string advice = {};  // in place of a suggestion: the end of the sentence
};

constexpr std::size_t kMostDescribed = 10'000;

struct Session {
  Origins& origins;
  std::vector<Problem>& problems;
  std::vector<UnknownKey> unknown = {};
  std::vector<std::string> described = {};  // the paths of the first keys seen, for suggestions
  std::size_t mistakes = 0;                 // also those that are no longer kept

  void report(const At& at, std::string message) {
    ++mistakes;
    add_problem(problems, {at.place, at.path, std::move(message)});
  }
  void report_unknown(UnknownKey key) {
    ++mistakes;
    unknown.push_back(std::move(key));
  }
  // True where the texts of further problems are not worth composing.
  bool is_full() const { return problems.size() + unknown.size() > kMaxProblems; }
};

void read_value(Session& session, const At& at, const Node& node, ValueRef value,
                const Check& check);
void read_absent(Session& session, const At& at, ValueRef value, const Check& check);

const Node& empty_map() {
  static const Node empty{.kind = Node::Kind::map};
  return empty;
}

const Entry* entry_of(const Node& map, std::string_view key) {
  const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                  [&](const Entry& entry) { return entry.key == key; });
  return found == map.entries.end() ? nullptr : &*found;
}

class SectionReader final : public Fields {
 public:
  SectionReader(Session& session, const Node& map, At at, std::string what)
      : session_(session),
        map_(map),
        at_(std::move(at)),
        what_(std::move(what)),
        mistakes_before_(session.mistakes) {}

  // Adds a key that is read elsewhere.
  void knows(std::string key) { keys_.push_back(std::move(key)); }

  // Reports the unknown keys, then the missing ones, when all keys have been described.
  void finish() {
    std::vector<std::string> suggested;
    for (std::size_t i = 0; i < map_.entries.size(); ++i) {
      const Entry& entry = map_.entries[i];
      if (std::find(keys_.begin(), keys_.end(), entry.key) != keys_.end()) continue;
      if (session_.is_full()) {
        ++session_.mistakes;
        continue;
      }
      suggested.push_back(nearest(entry.key, keys_));
      session_.report_unknown({entry.place, joined(at_.path, entry.key), entry.key,
                               fmt::format("a key of {} ({})", what_, listed(keys_)),
                               suggested.back(), i == 0 ? "" : comma_advice(i)});
    }
    for (auto& [key, report_missing] : absent_)
      if (std::find(suggested.begin(), suggested.end(), key) == suggested.end()) report_missing();
    if (session_.mistakes > mistakes_before_)
      return;  // a rule may concern a value that was refused
    for (const auto& [key, required] : broken_) {
      const Entry* given = entry_of(map_, key);
      session_.report({given == nullptr ? at_.place : given->place, joined(at_.path, key)},
                      fmt::format("expected {}", required));
    }
  }

 private:
  // In braces, YAML takes `lr: 0,001` for `lr: 0` and a key `001` without a value, and 1,000,000
  // for 1 and two keys.
  std::string comma_advice(std::size_t i) const {
    const Entry& number = map_.entries[i - 1];
    if (!number.value.is(Node::Kind::scalar) || number.value.quoted) return "";
    std::string rest;
    for (; i < map_.entries.size() && map_.entries[i].value.is_empty_value(); ++i)
      rest += (rest.empty() ? "" : ",") + map_.entries[i].key;
    if (rest.empty()) return "";
    const std::string advice =
        if_one_number(number.value.text, rest, integers_.contains(number.key));
    return advice.empty() ? "" : fmt::format("; write {}: {}", number.key, advice);
  }

  void field(const Field& field, ValueRef value) override {
    const std::string key(field.key);
    const std::string path = joined(at_.path, key);
    keys_.push_back(key);
    if (std::holds_alternative<i64*>(value) || std::holds_alternative<int*>(value))
      integers_.insert(key);
    if (session_.described.size() < kMostDescribed) session_.described.push_back(path);
    if (const Entry* entry = entry_of(map_, key))
      return read_value(session_, {entry->place, path}, entry->value, value, field.check);
    absent_.emplace_back(key, [this, path, value, check = field.check] {
      read_absent(session_, {at_.place, path}, value, check);
    });
  }

  void broken_rule(std::string_view key, std::string_view required) override {
    broken_.emplace_back(key, required);
  }

  // The other value then has the place of this key as its origin.
  void default_set(std::string_view key, std::string_view other,
                   const std::function<void()>& set) override {
    const Entry* given = entry_of(map_, key);
    const std::string path = joined(at_.path, key);  // of a value, or of a section with a type
    const bool taken =
        session_.origins.contains(path) || session_.origins.contains(joined(path, "type"));
    if (given == nullptr || given->value.is(Node::Kind::null) || !taken) return;
    set();
    session_.origins[joined(at_.path, other)] = given->place;
  }

  Session& session_;
  const Node& map_;
  At at_;
  std::string what_;  // "optimizer 'adamw'", for messages
  std::size_t mistakes_before_;
  std::vector<std::string> keys_;
  std::set<std::string> integers_;  // those of keys_ whose value is one
  std::vector<std::pair<std::string, std::function<void()>>> absent_;
  std::vector<std::pair<std::string, std::string>> broken_;  // rules: key, what is required
};

bool has_key(SectionRef section, std::string_view key) {
  const auto rows = field_rows(section);
  return std::any_of(rows.begin(), rows.end(), [&](const FieldRow& row) { return row.key == key; });
}

void read_section(Session& session, const At& at, const Node& map, SectionRef section) {
  if (section.insert != nullptr)
    for (const Entry& entry : map.entries) section.insert(section.section, entry.key);
  SectionReader reader(session, map, at, at.path.empty() ? "the config" : at.path);
  section.describe(reader);
  reader.finish();
}

// Returns a key that is probably a mistyped `type`, or null.
const Entry* mistyped_type(const Node& map, AnyRecipe& recipe) {
  for (const Entry& entry : map.entries)
    if (!nearest(entry.key, std::vector<std::string>{"type"}).empty() &&
        !has_key(options_ref(recipe), entry.key))
      return &entry;
  return nullptr;
}

// Returns the name that a recipe's section chooses, or "" after reporting a mistake in the name.
// The other keys are then not checked, because they belong to an unknown entry.
std::string chosen_name(Session& session, const At& at, const Node& map, AnyRecipe& recipe) {
  const std::vector<std::string> names = recipe.names();
  const Entry* type = entry_of(map, "type");
  if (type != nullptr) {
    std::string name;
    const At type_at{type->place, joined(at.path, "type")};
    const bool is_text = !take(type->value, name);
    name = recipe.registry().canonical(name);
    if (is_text && std::find(names.begin(), names.end(), name) != names.end()) {
      session.origins[type_at.path] = type->place;
      return name;
    }
    session.report(type_at, fmt::format("expected one of {}, got {}{}", listed(names),
                                        got_text(type->value), did_you_mean(name, names)));
    return "";
  }
  if (const Entry* mistyped = mistyped_type(map, recipe)) {
    session.report_unknown({mistyped->place, joined(at.path, mistyped->key), mistyped->key,
                            fmt::format("the key type of {}", recipe.kind()), "type"});
    return "";
  }
  if (recipe.name().empty())
    session.report(at, fmt::format("expected a type, one of {}, got none", listed(names)));
  return recipe.name();
}

void read_recipe(Session& session, const At& at, const Node& map, AnyRecipe& recipe) {
  const std::string name = chosen_name(session, at, map, recipe);
  if (name.empty()) return;
  recipe.choose(name);
  const std::string fault = key_fault(recipe.registry(), recipe.kind(), name, common_keys(recipe));
  if (!fault.empty()) return session.report(at, fault);
  SectionReader reader(session, map, at, fmt::format("{} '{}'", recipe.kind(), name));
  reader.knows("type");
  recipe.describe(reader);
  reader.finish();
}

void read_list(Session& session, const At& at, const Node& node, const ListRef& list,
               const Check& check) {
  list.resize(list.list, 0);  // the given items replace the default ones
  list.resize(list.list, static_cast<i64>(node.items.size()));
  session.origins[at.path] = at.place;
  for (i64 i = 0; i < static_cast<i64>(node.items.size()); ++i) {
    const Node& item = node.items[static_cast<std::size_t>(i)];
    const Node* const before = i == 0 ? nullptr : &item - 1;
    read_value(session, {item.place, joined(at.path, i), before}, item, list.at(list.list, i),
               check);
  }
}

bool accepted(const Check&, bool) { return true; }
bool accepted(const Check& check, int value) { return check.accepts(i64{value}); }
bool accepted(const Check& check, i64 value) { return check.accepts(value); }
bool accepted(const Check& check, double value) { return check.accepts(value); }
bool accepted(const Check& check, const std::string& value) {
  return check.accepts(std::string_view(value));
}
bool accepted(const Check&, const Duration&) { return true; }
bool accepted(const Check&, const Seconds&) { return true; }

// Replaces another spelling and the home folder.
template <class T>
Refusal replace_text(const Check&, T&) {
  return std::nullopt;
}
Refusal replace_text(const Check& check, std::string& text) {
  for (const auto& [other, spelling] : check.spellings)
    if (text == other) text = spelling;
  if (!check.path) return std::nullopt;
  const std::optional<std::string> path = expand_home(text);
  if (!path) return "its home folder is not known; write the whole path, or ./~ for a folder ~";
  text = *path;
  return std::nullopt;
}

// Whether a text in brackets is a list of values that `can_be_item` takes.
bool is_list(const std::string& items, const std::function<bool(const Node&)>& can_be_item) {
  Node list;
  std::vector<Problem> problems;
  Usage used;
  return parse_yaml({"[" + items + "]", "", false}, list, problems, used) && problems.empty() &&
         !list.items.empty() &&
         std::all_of(list.items.begin(), list.items.end(), [&](const Node& item) {
           return item.is(Node::Kind::scalar) && can_be_item(item);
         });
}

// Reads a node into a value of any type. `expected` is the value that messages describe: for a
// value inside an optional, it is the optional.
class ValueReader {
 public:
  ValueReader(Session& session, const At& at, const Node& node, ValueRef expected,
              const Check& check)
      : session_(session), at_(at), node_(node), expected_(expected), check_(check) {}

  template <class T>
  void operator()(T* value) {
    T taken = *value;
    if (check_.path && node_.is(Node::Kind::null) && node_.text == "~")
      return refuse("~ alone is null in YAML; write ~/ for the home folder");
    if (const Refusal refusal = take(node_, taken)) {
      const std::string cut = std::is_arithmetic_v<T> ? cut_number(std::is_integral_v<T>) : "";
      return refuse(cut.empty() ? *refusal : cut);
    }
    if (const Refusal refusal = replace_text(check_, taken)) return refuse(*refusal);
    if (!accepted(check_, taken)) return refuse_value(taken);
    *value = std::move(taken);
    session_.origins[at_.path] = at_.place;
  }

  void operator()(const EnumRef& named) {
    const std::vector<std::string> choices = named.choices();
    std::string taken;
    if (const Refusal refusal = take(node_, taken)) return refuse(*refusal, choices);
    const auto found = std::find(choices.begin(), choices.end(), taken);
    if (found == choices.end()) return refuse("", choices);
    named.set(named.value, static_cast<std::size_t>(found - choices.begin()));
    session_.origins[at_.path] = at_.place;
  }

  void operator()(const ListRef& list) {
    const bool is_list = node_.is(Node::Kind::list);
    if (check_.or_one) {
      if (is_list && node_.items.size() == 1)
        return read_one(list, node_.items.front(), {node_.items.front().place, at_.path});
      if (node_.is(Node::Kind::scalar) || node_.is(Node::Kind::map))
        return read_one(list, node_, at_);
      if (!is_list && !node_.is_empty_value()) return read_list(session_, at_, {}, list, check_);
    }
    if (is_list) return read_list(session_, at_, node_, list, check_);
    refuse(node_.is(Node::Kind::scalar) ? list_hint(list) : empty_hint("[]"));
  }

  void operator()(const OptionalRef& optional) {
    if (node_.is(Node::Kind::null) && !node_.is_empty_value()) {
      optional.reset(optional.optional);
      session_.origins[at_.path] = at_.place;
      return;
    }
    const std::size_t before = session_.mistakes;
    const bool had_value = optional.has_value(optional.optional);
    std::visit(ValueReader(session_, at_, node_, expected_, check_),
               optional.emplace(optional.optional));
    if (!had_value && session_.mistakes > before) optional.reset(optional.optional);
  }

  void operator()(const SectionRef& section) {
    if (node_.is(Node::Kind::map)) return read_section(session_, at_, node_, section);
    if (node_.is(Node::Kind::scalar) && has_key(section, "type"))
      return read_section(session_, at_, as_map(node_, at_.place), section);
    refuse(empty_hint("{}"));
  }

  void operator()(AnyRecipe* recipe) {
    const bool is_keyed =
        recipe->named_by_key() && node_.entries.size() == 1 && node_.entries.front().key != "type";
    if (is_keyed) return read_recipe(session_, at_, as_typed(node_, *recipe), *recipe);
    if (node_.is(Node::Kind::map)) return read_recipe(session_, at_, node_, *recipe);
    if (node_.is(Node::Kind::scalar))
      return read_recipe(session_, at_, as_map(node_, at_.place), *recipe);
    refuse(empty_hint("{}"));
  }

 private:
  // Reads a list that may be given as its one entry. Its paths then have no index.
  void read_one(const ListRef& list, const Node& node, const At& at) {
    list.resize(list.list, 0);
    list.resize(list.list, 1);
    session_.origins[at.path] = at.place;
    read_value(session_, at, node, list.at(list.list, 0), check_);
  }

  // YAML takes [0,001] for 0 and 001. Returns advice for the second one, or "".
  std::string cut_number(bool is_integer) const {
    const Node* const before = at_.before;
    if (before == nullptr || !before->is(Node::Kind::scalar) || before->quoted || node_.quoted)
      return "";
    const std::string whole = if_one_number(before->text, node_.text, is_integer);
    if (whole.empty()) return "";
    if (before->text.size() == 3 && node_.text.size() == 3)  // perhaps the end of 1,500,000
      return "write thousands without a comma, and a decimal point";
    const std::size_t zeros = node_.text.find_first_not_of('0');
    const std::string alone = zeros == node_.text.npos ? "0" : node_.text.substr(zeros);
    return fmt::format("write {}{}", whole,
                       is_number(alone, is_integer)
                           ? fmt::format(", and {} if {} is one", alone, node_.text)
                           : "");
  }

  std::string empty_hint(const char* empty) const {
    return node_.is_empty_value() ? fmt::format("write {}, or remove the key", empty) : "";
  }

  // Advice for a scalar in place of a list. It keeps what was meant: "[16, 32]" in quotes is a list
  // already, (16, 32) is another notation of one, and a text stays the same text. 0,5 may be two
  // numbers or one.
  std::string list_hint(const ListRef& list) const {
    const std::string& text = node_.text;
    if (text.size() > kLongestAdvice) return "";
    if (text.starts_with('[') && text.ends_with(']')) return "remove the quotes";
    bool holds_texts = false, holds_numbers = false, holds_integers = false;
    list.with_sample([&](ValueRef item) {
      holds_texts = std::holds_alternative<std::string*>(item);
      holds_integers = std::holds_alternative<i64*>(item) || std::holds_alternative<int*>(item);
      holds_numbers = holds_integers || std::holds_alternative<double*>(item);
    });
    if (holds_texts && node_.quoted) return fmt::format("write [{}]", quoted_where_needed(text));
    const bool enclosed = text.size() >= 2 && text.starts_with('(') && text.ends_with(')');
    const std::string items = enclosed ? text.substr(1, text.size() - 2) : text;
    const auto can_be_item = [&](const Node& item) {
      return !holds_numbers || is_number(item.text, holds_integers);
    };
    std::string hint = is_list(items, can_be_item) ? fmt::format("write [{}]", items) : "";
    const auto [decimal, thousands] =
        holds_numbers && !enclosed ? comma_numbers(text, holds_integers) : CommaNumbers{};
    const auto add = [&](const std::string& number, std::string_view what) {
      if (!number.empty())
        hint += fmt::format("{}[{}] for {}", hint.empty() ? "write " : ", or ", number, what);
    };
    add(decimal, "a decimal comma");
    add(thousands, "thousands");
    return hint;
  }

  template <class T>
  void refuse_value(T& taken) {
    const std::string limit = limit_of_type(value_ref(taken), check_);
    refuse(limit.empty() ? "" : limit.substr(2));
  }

  void refuse(const std::string& hint) { refuse(hint, check_.choices); }
  void refuse(const std::string& hint, const std::vector<std::string>& choices) {
    if (session_.is_full()) {
      ++session_.mistakes;
      return;
    }
    session_.report(at_, fmt::format("expected {}, got {}{}{}{}", expected_text(expected_, check_),
                                     got_text(node_), hint.empty() ? "" : "; ", hint,
                                     did_you_mean(node_.text, choices)));
  }

  static constexpr std::size_t kLongestAdvice = 200;

  Session& session_;
  const At& at_;
  const Node& node_;
  ValueRef expected_;
  const Check& check_;
};

void read_value(Session& session, const At& at, const Node& node, ValueRef value,
                const Check& check) {
  std::visit(ValueReader(session, at, node, value, check), value);
}

// Handles a key that is not given. A required key is an error; a section is searched for required
// keys.
void read_absent(Session& session, const At& at, ValueRef value, const Check& check) {
  AnyRecipe** recipe = std::get_if<AnyRecipe*>(&value);
  if (check.required || (recipe != nullptr && (*recipe)->name().empty()))
    return session.report(at, fmt::format("expected {}, got nothing", expected_text(value, check)));
  if (recipe != nullptr) read_recipe(session, at, empty_map(), **recipe);
  if (const auto* section = std::get_if<SectionRef>(&value))
    read_section(session, at, empty_map(), *section);
}

// Returns a hint at another section's key of this name: "; did you mean 'train.batch_size'?", or
// "".
std::string elsewhere(const Session& session, const std::string& key) {
  for (const std::string& path : session.described)
    if (path.ends_with("." + key) || path == key) return fmt::format("; did you mean '{}'?", path);
  return "";
}

}  // namespace

void read(const Node& root, SectionRef into, Origins& origins, std::vector<Problem>& problems) {
  Session session{origins, problems};
  read_section(session, {root.place, ""}, root, into);
  for (const UnknownKey& unknown : session.unknown)
    session.report({unknown.place, unknown.path},
                   fmt::format("expected {}, got '{}'{}", unknown.expected, excerpt(unknown.key),
                               !unknown.suggestion.empty()
                                   ? fmt::format("; did you mean '{}'?", unknown.suggestion)
                               : !unknown.advice.empty() ? unknown.advice
                                                         : elsewhere(session, unknown.key)));
}

}  // namespace weft::config
