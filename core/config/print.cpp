// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/print.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "weft/core/nearest.h"
#include "weft/core/registry.h"
#include "weft/core/config/node.h"

namespace weft::config {
namespace {

// Returns the lines of `block`, with `first` before the first line and `rest` before the others.
std::string prefixed(const std::string& block, std::string_view first, std::string_view rest) {
  std::string result;
  std::istringstream lines(block);
  for (std::string line; std::getline(lines, line);)
    result += fmt::format("{}{}\n", result.empty() ? first : rest, line);
  return result;
}

// Returns the entry of a list that may be given as its one entry, if it has exactly one.
std::optional<ValueRef> only_entry(const Check& check, ValueRef value) {
  const auto* list = std::get_if<ListRef>(&value);
  if (!check.or_one || list == nullptr || list->size(list->list) != 1) return std::nullopt;
  return list->at(list->list, 0);
}

// Returns true if such a list is empty, which is printed as null.
bool is_none(const Check& check, ValueRef value) {
  const auto* list = std::get_if<ListRef>(&value);
  return check.or_one && list != nullptr && list->size(list->list) == 0;
}

// Prints one section. `text` holds its lines, without indentation.
class Printer : public Fields {
 public:
  explicit Printer(std::string path) : path_(std::move(path)) {}
  std::string text;

 protected:
  // Returns a printer of the same kind for a section inside this one.
  virtual std::unique_ptr<Printer> nested(std::string path) const = 0;
  // Returns the text after the value on its line: "" or "  # …".
  virtual std::string comment(const std::string& path, const Field& field,
                              ValueRef value) const = 0;
  virtual std::string type_comment(const std::string& path, const AnyRecipe&) const = 0;
  virtual bool prints(const Field&) const { return true; }
  // Prints the lines that follow those of a choice or a list.
  virtual void alternatives(const std::string& /*path*/, ValueRef) {}

  void line(std::string_view key, std::string_view value, const std::string& after) {
    text += fmt::format("{}:{}{}{}\n", key, value.empty() ? "" : " ", value, after);
  }

  std::string section_lines(const std::string& path, ValueRef value) {
    const auto printer = nested(path);
    if (auto** recipe = std::get_if<AnyRecipe*>(&value)) {
      printer->line("type", quoted_where_needed((*recipe)->name()),
                    printer->type_comment(joined(path, "type"), **recipe));
      (*recipe)->describe(*printer);
    } else {
      std::get<SectionRef>(value).describe(*printer);
    }
    return printer->text;
  }

  static bool is_section(ValueRef value) {
    if (auto** recipe = std::get_if<AnyRecipe*>(&value)) return !(*recipe)->name().empty();
    return std::holds_alternative<SectionRef>(value);
  }

  const std::string& path() const { return path_; }

 private:
  void field(const Field& field, ValueRef value) override {
    if (!prints(field)) return;
    const std::string path = joined(path_, field.key);
    const ValueRef shown = only_entry(field.check, value).value_or(value);
    print(field, path, shown, comment(path, field, shown));
  }

  void print(const Field& field, const std::string& path, ValueRef value,
             const std::string& after) {
    if (const auto* optional = std::get_if<OptionalRef>(&value);
        optional != nullptr && optional->has_value(optional->optional))
      return print(field, path, optional->value(optional->optional), after);
    const auto* list = std::get_if<ListRef>(&value);
    if (is_section(value)) {
      const std::string lines = section_lines(path, value);
      line(field.key, lines.empty() ? "{}" : "", after);
      text += prefixed(lines, "  ", "  ");
    } else if (list != nullptr && list->size(list->list) > 0 &&
               is_section(list->at(list->list, 0))) {
      line(field.key, "", after);
      for (i64 i = 0; i < list->size(list->list); ++i)
        text += prefixed(section_lines(joined(path, i), list->at(list->list, i)), "  - ", "    ");
    } else {
      line(field.key, is_none(field.check, value) ? "null" : value_text(value), after);
    }
    alternatives(path, value);
  }

  std::string path_;
};

class YamlPrinter final : public Printer {
 public:
  YamlPrinter(std::string path, const Origins* origins)
      : Printer(std::move(path)), origins_(origins) {}

 private:
  std::unique_ptr<Printer> nested(std::string path) const override {
    return std::make_unique<YamlPrinter>(std::move(path), origins_);
  }

  bool prints(const Field& field) const override { return !field.check.unprinted; }

  std::string comment(const std::string& path, const Field&, ValueRef value) const override {
    if (const auto* optional = std::get_if<OptionalRef>(&value);
        optional != nullptr && optional->has_value(optional->optional))
      value = optional->value(optional->optional);
    return is_section(value) ? "" : origin(path);
  }
  std::string type_comment(const std::string& path, const AnyRecipe&) const override {
    return origin(path);
  }

  std::string origin(const std::string& path) const {
    if (origins_ == nullptr) return "";
    const auto found = origins_->find(path);
    return "  # " + (found == origins_->end() ? "default" : found->second.to_string());
  }

  const Origins* origins_;
};

class SchemaPrinter final : public Printer {
 public:
  // `open` holds the kinds whose entries are already being listed around this one.
  explicit SchemaPrinter(std::string path, std::vector<std::string> open = {})
      : Printer(std::move(path)), open_(std::move(open)) {}

 private:
  std::unique_ptr<Printer> nested(std::string path) const override {
    return std::make_unique<SchemaPrinter>(std::move(path), open_);
  }

  std::string comment(const std::string&, const Field& field, ValueRef value) const override {
    const bool plain_section = std::holds_alternative<SectionRef>(value);
    const std::string expected = plain_section ? "" : expected_text(value, field.check);
    return fmt::format("  # {}{}{}{}", field.check.required ? "required: " : "", expected,
                       expected.empty() || field.help.empty() ? "" : "; ", field.help);
  }

  std::string type_comment(const std::string&, const AnyRecipe& recipe) const override {
    return fmt::format("  # one of {}", listed(recipe.names()));
  }

  // Prints the keys that the default does not contain.
  void alternatives(const std::string& path, ValueRef value) override {
    const auto sample = [&](ValueRef held) { comment_out(path, held, ""); };
    if (const auto* optional = std::get_if<OptionalRef>(&value)) optional->with_sample(sample);
    if (const auto* list = std::get_if<ListRef>(&value))
      list->with_sample([&](ValueRef item) { comment_out(path, item, ""); });
    if (auto** recipe = std::get_if<AnyRecipe*>(&value))
      comment_out(path, value, (*recipe)->name());
    if (const auto* map = std::get_if<SectionRef>(&value); map && map->with_sample)
      map->with_sample([&](ValueRef entry) { comment_out_entry(path, entry); });
  }

  // Prints an entry of a map. The keys of a kind's entries are listed at another place.
  void comment_out_entry(const std::string& path, ValueRef entry) {
    auto** recipe = std::get_if<AnyRecipe*>(&entry);
    if (recipe == nullptr) return;
    SchemaPrinter printer(path, open_);
    printer.line("type", "", type_comment(path, **recipe));
    (*recipe)->describe_common(printer);
    text += "  # NAME:\n" + prefixed(printer.text, "  #   ", "  #   ");
  }

  void comment_out(const std::string& path, ValueRef value, const std::string& shown) {
    if (auto** recipe = std::get_if<AnyRecipe*>(&value)) {
      // A strategy may hold strategies. Their keys are printed only once.
      const std::string kind((*recipe)->kind());
      if (std::find(open_.begin(), open_.end(), kind) != open_.end()) return;
      std::vector<std::string> open = open_;
      open.push_back(kind);
      for (const std::string& name : (*recipe)->names())
        if (name != shown) {
          SchemaPrinter printer(path, open);
          printer.line("type", quoted_where_needed(name), "");
          (*recipe)->registry().describe(name, printer);
          (*recipe)->describe_common(printer);
          text += prefixed(printer.text, "  # ", "  # ");
        }
    } else if (std::holds_alternative<SectionRef>(value)) {
      text += prefixed(section_lines(path, value), "  # ", "  # ");
    }
  }

  std::vector<std::string> open_;
};

class Flattener final : public Fields {
 public:
  explicit Flattener(std::map<std::string, std::string>& values) : values_(values) {}

 private:
  void field(const Field& field, ValueRef value) override {
    const std::string path = joined(path_, field.key);
    if (is_none(field.check, value)) values_[path] = "null";
    else add(path, only_entry(field.check, value).value_or(value));
  }

  void add(const std::string& path, ValueRef value) {
    if (const auto* optional = std::get_if<OptionalRef>(&value);
        optional != nullptr && optional->has_value(optional->optional))
      return add(path, optional->value(optional->optional));
    const std::string outer = std::exchange(path_, path);
    if (auto** recipe = std::get_if<AnyRecipe*>(&value)) {
      values_[joined(path, "type")] = (*recipe)->name();
      (*recipe)->describe(*this);
    } else if (const auto* section = std::get_if<SectionRef>(&value)) {
      section->describe(*this);
    } else {
      values_[path] = value_text(value);
    }
    path_ = outer;
  }

  std::map<std::string, std::string>& values_;
  std::string path_;
};

}  // namespace

std::string to_yaml(SectionRef section, const Origins* origins) {
  YamlPrinter printer("", origins);
  section.describe(printer);
  return std::move(printer.text);
}

std::string schema(SectionRef section) {
  SchemaPrinter printer("");
  section.describe(printer);
  return std::move(printer.text);
}

std::map<std::string, std::string> flatten(SectionRef section) {
  std::map<std::string, std::string> values;
  Flattener flattener(values);
  section.describe(flattener);
  return values;
}

std::vector<Difference> differences(SectionRef before, SectionRef after) {
  std::map<std::string, Difference> rows;
  for (const auto& [path, value] : flatten(before)) rows[path] = {path, value, ""};
  for (const auto& [path, value] : flatten(after)) {
    rows[path].path = path;
    rows[path].after = value;
  }
  std::vector<Difference> changed;
  for (const auto& [path, row] : rows)
    if (row.before != row.after) changed.push_back(row);
  return changed;
}

}  // namespace weft::config
