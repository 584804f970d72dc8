// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/compose.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "weft/core/files.h"
#include "weft/core/nearest.h"
#include "weft/core/config/merge.h"
#include "weft/core/config/parse.h"

namespace weft::config {
namespace {

namespace fs = std::filesystem;

// One entry of a defaults list.
struct Default {
  enum class Kind { self, file, group, override_group };
  Kind kind = Kind::file;
  std::string group = {};  // "optimizer", "model/backbone"
  std::optional<std::string> choice =
      {};  // the file's name, with or without .yaml; nullopt: null was given, and nothing is chosen
  bool optional = false;
  Place place;
};

struct Choice {
  std::optional<std::string> name;
  fs::path folder;  // of the file that overrides; the group's files are looked up from there
  bool used = false;
};
using Choices = std::map<std::string, Choice>;  // by group

std::string strip_word(std::string& text, std::string_view word) {
  if (!text.starts_with(word)) return "";
  std::string found = text.substr(0, word.size());
  text.erase(0, text.find_first_not_of(' ', word.size()));
  return found;
}

std::optional<Default> default_of(const Node& item) {
  Default entry{.place = item.place};
  if (item.is(Node::Kind::scalar)) {
    std::string name = item.text;
    if (name == "_self_") entry.kind = Default::Kind::self;
    entry.optional = !strip_word(name, "optional ").empty();
    entry.choice = name;
    return name.empty() ? std::nullopt : std::optional(entry);
  }
  if (!item.is(Node::Kind::map) || item.entries.size() != 1) return std::nullopt;
  const auto& [key, place, value] = item.entries.front();
  entry.group = key;
  entry.place = place;
  entry.kind = strip_word(entry.group, "override ").empty() ? Default::Kind::group
                                                            : Default::Kind::override_group;
  entry.optional = !strip_word(entry.group, "optional ").empty();
  if (value.is(Node::Kind::scalar)) entry.choice = value.text;
  else if (!value.is(Node::Kind::null) || value.is_empty_value()) return std::nullopt;
  const bool deep = std::count(entry.group.begin(), entry.group.end(), '/') >= kMaxDepth;
  return entry.group.empty() || deep ? std::nullopt : std::optional(entry);
}

fs::path with_extension(fs::path path) {
  const fs::path extension = path.extension();
  if (extension != ".yaml" && extension != ".yml") path += ".yaml";
  return path;
}

// Returns "; did you mean 'adamw'?", from the files that exist beside a missing one.
std::string nearest_file(const fs::path& missing) {
  std::vector<std::string> names;
  std::error_code ignored;
  const fs::path folder = missing.has_parent_path() ? missing.parent_path() : fs::path(".");
  for (fs::directory_iterator file(folder, ignored), end; !ignored && file != end;
       file.increment(ignored))
    if (file->path().extension() == ".yaml" || file->path().extension() == ".yml")
      names.push_back(file->path().filename().string());
  std::sort(names.begin(), names.end());
  return did_you_mean(missing.filename().string(), names);
}

class Composer {
 public:
  Composer(std::vector<Problem>& problems, Usage& used) : problems_(problems), used_(used) {}

  // `wanted` is the place that asked for the file: the file itself, or an entry of a defaults list.
  bool load_file(const fs::path& path, const Place& wanted, Choices& choices, Node& root) {
    const std::string name = path.string();
    std::error_code error;
    const fs::file_type type = fs::status(path, error).type();
    const bool is_there = type != fs::file_type::not_found && type != fs::file_type::none;
    const bool is_wrong_name =
        error == std::errc::too_many_symbolic_link_levels || error == std::errc::filename_too_long;
    if (type == fs::file_type::none && !is_wrong_name)
      return stop(wanted, fmt::format("expected the file {}, which cannot be examined ({})", name,
                                      error.message()));
    // To open a pipe waits until another process opens it too, perhaps for ever. Those of these
    // folders are open already: /dev/stdin, and the /dev/fd/63 of a shell.
    if (type == fs::file_type::fifo && !name.starts_with("/dev/") && !name.starts_with("/proc/"))
      return stop(wanted, fmt::format("expected a file, got the pipe {}", name));
    if (!is_there) {
      if (fs::is_symlink(path, error))
        return stop(wanted,
                    fmt::format("expected a file, got {}, a link that leads nowhere", name));
      return stop(wanted, fmt::format("expected the file {}, which does not exist{}", name,
                                      nearest_file(path)));
    }
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    // Reads at most one byte above the limit, which is enough for the parser to refuse the text.
    std::string text(static_cast<std::size_t>(kMaxBytes) + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    const int reason = errno;
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (fs::is_directory(path, error))
      return stop(wanted, fmt::format("expected a file, got the folder {}", name));
    if (file.bad() || (!file && !file.eof()))  // the file may be whole
      throw IoError(name, "read", reason != 0 ? reason : EIO);
    return load_text(text, name, wanted, choices, root);
  }

  bool load_text(std::string_view text, const std::string& name, const Place& wanted,
                 Choices& choices, Node& root) {
    std::error_code ignored;
    const fs::path canonical = fs::weakly_canonical(name, ignored);
    if (std::find(open_.begin(), open_.end(), canonical) != open_.end())
      return stop(wanted,
                  fmt::format("expected files that do not include each other, got {} again", name));
    if (static_cast<int>(open_.size()) >= kMaxFilesInFiles || ++files_ > kMaxFiles)
      return stop(wanted, fmt::format("expected at most {} files, {} in each other", kMaxFiles,
                                      kMaxFilesInFiles));
    used_.files.push_back(name);
    Node own;
    if (!parse_yaml({text, name}, own, problems_, used_)) return false;
    if (own.place.line == 0)
      own = {.kind = Node::Kind::map, .place = {name, 1, 1}};  // an empty file
    if (!own.is(Node::Kind::map)) {
      add_problem(problems_, {own.place, "", "expected keys with values (key: value)"});
      return false;
    }
    open_.push_back(canonical);
    const bool readable = add_defaults(std::move(own), fs::path(name).parent_path(), choices, root);
    open_.pop_back();
    return readable;
  }

 private:
  bool add_defaults(Node own, const fs::path& folder, Choices& outer, Node& root) {
    root = {.kind = Node::Kind::map, .place = own.place};
    const std::vector<Default> entries = defaults_of(own);
    own.erase("defaults");
    Choices choices = overrides_of(entries, folder);
    for (auto& [group, choice] : outer) choices.insert_or_assign(group, choice);

    bool readable = true;
    bool has_self = false;
    for (const Default& entry : entries) {
      if (entry.kind == Default::Kind::self) {
        has_self = true;
        merge(root, own);
      } else if (entry.kind != Default::Kind::override_group) {
        readable &= add(entry, folder, choices, root);
      }
    }
    if (!has_self) merge(root, std::move(own));
    for (auto& [group, choice] : outer) choice.used |= choices[group].used;
    for (const Default& entry : entries)
      if (entry.kind == Default::Kind::override_group && !choices[entry.group].used)
        add_problem(problems_,
                    {entry.place, "defaults",
                     fmt::format("expected a group that an entry of this list chooses, got '{}'",
                                 entry.group)});
    return readable;
  }

  std::vector<Default> defaults_of(const Node& own) {
    std::vector<Default> entries;
    const Node* list = own.find("defaults");
    if (list == nullptr) return entries;
    if (!list->is(Node::Kind::list))
      add_problem(problems_,
                  {list->place, "defaults", "expected a list such as [base, {optimizer: sgd}]"});
    for (const Node& item : list->items) {
      if (const auto entry = default_of(item)) entries.push_back(*entry);
      else
        add_problem(problems_, {item.place, "defaults",
                                "expected a file (base), a choice (optimizer: sgd) or _self_"});
    }
    return entries;
  }

  static Choices overrides_of(const std::vector<Default>& entries, const fs::path& folder) {
    Choices choices;
    for (const Default& entry : entries)
      if (entry.kind == Default::Kind::override_group)
        choices[entry.group] = {entry.choice, folder};
    return choices;
  }

  // Adds one file under its group's section, or at the top level if it has no group.
  bool add(const Default& entry, fs::path folder, Choices& choices, Node& root) {
    std::optional<std::string> choice = entry.choice;
    if (const auto overridden = choices.find(entry.group); overridden != choices.end()) {
      choice = overridden->second.name;
      folder = overridden->second.folder;
      overridden->second.used = true;
    }
    if (!choice) return true;
    const fs::path path = with_extension(folder / entry.group / *choice);
    std::error_code error;
    if (entry.optional && fs::status(path, error).type() == fs::file_type::not_found) return true;
    Node added;
    if (!load_file(path, entry.place, choices, added)) return false;
    std::string group = entry.group;
    while (!group.empty()) {  // the innermost section first
      const std::size_t slash = group.rfind('/');
      Node section{.kind = Node::Kind::map, .place = entry.place};
      section.set(group.substr(slash == group.npos ? 0 : slash + 1), entry.place) =
          std::move(added);
      added = std::move(section);
      group.resize(slash == group.npos ? 0 : slash);
    }
    merge(root, std::move(added));
    return true;
  }

  bool stop(const Place& place, std::string message) {
    add_problem(problems_, {place, place.line == 0 ? "" : "defaults", std::move(message)});
    return false;
  }

  std::vector<Problem>& problems_;
  Usage& used_;
  std::vector<fs::path> open_;  // the files being read, outermost first
  int files_ = 0;
};

}  // namespace

bool compose(const std::string& path, Node& root, std::vector<Problem>& problems, Usage& used) {
  Choices none;
  return Composer(problems, used).load_file(path, {path}, none, root);
}

bool compose_text(std::string_view yaml, const std::string& path, Node& root,
                  std::vector<Problem>& problems, Usage& used) {
  Choices none;
  return Composer(problems, used).load_text(yaml, path, {path}, none, root);
}

}  // namespace weft::config
