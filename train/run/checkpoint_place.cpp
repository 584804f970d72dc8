// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/checkpoint_place.h"

#include <algorithm>

#include "weft/core/atomic_file.h"
#include "weft/core/config/parse.h"
#include "weft/core/files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

constexpr const char* kOwnerFile = "run.txt";
constexpr i64 kLongestPath = 1 << 16;

fs::path absolute_path(const fs::path& path) {
  std::error_code error;
  fs::path result = fs::weakly_canonical(path, error);
  return error ? path : result;
}

bool same_place(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) || absolute_path(a) == absolute_path(b);
}

// The run that run.txt names; nothing if the folder has no run.txt, or one of something else: weft
// writes one line, the absolute path of a folder.
std::optional<fs::path> owner_of(const fs::path& place) {
  if (place.empty() || kind_of(place / kOwnerFile) != PathKind::file) return std::nullopt;
  std::string text = read_file(place / kOwnerFile, kLongestPath);
  if (!text.starts_with('/') || text.find('\n') + 1 != text.size() || text.find('\0') != text.npos)
    return std::nullopt;
  text.pop_back();
  std::error_code error;  // a folder that is gone, or out of reach, may have been that of a run
  if (fs::is_regular_file(text, error)) return std::nullopt;
  return fs::path(text);
}

// A run would replace these in the folder.
void check_no_foreign_files(const fs::path& place, const std::optional<fs::path>& owner) {
  WEFT_CHECK(owner || kind_of(place / kOwnerFile) == PathKind::none,
             "checkpoint.dir: {} is not of weft, which would write a file of this name; move it "
             "away, or give another checkpoint.dir",
             (place / kOwnerFile).string());
  for (const char* name : {"last", "best"}) {
    if (kind_of(place / name) != PathKind::link) continue;
    std::error_code error;
    const fs::path target = fs::read_symlink(place / name, error);
    WEFT_CHECK(is_checkpoint_name(target.string()),
               "checkpoint.dir: the link {} leads to {} and is not of weft, which would make a "
               "link of this name; move it away, or give another checkpoint.dir",
               (place / name).string(), target.string());
  }
}

// The checkpoint of a run that the path is, or lies in; empty if there is none.
fs::path checkpoint_around(const fs::path& path) {
  fs::path at = absolute_path(fs::absolute(path));
  for (; at.has_relative_path(); at = at.parent_path()) {
    const fs::path place = at.parent_path();
    std::error_code unknown;
    const auto exists = [&](const fs::path& file) { return fs::exists(file, unknown); };
    const bool saved = exists(at / kManifestFile) && exists(at / kTrainerStateFile);
    const bool named =
        is_checkpoint_name(at.filename().string()) &&
        ((place.filename() == "checkpoints" && exists(place.parent_path() / "config.yaml")) ||
         exists(place / kOwnerFile));
    if (saved || named) return at;
  }
  return {};
}

void check_in_no_checkpoint(const char* key, const fs::path& path) {
  if (path.empty()) return;
  const fs::path around = checkpoint_around(path);
  WEFT_CHECK(around.empty(),
             "{}: {} lies in the checkpoint {}, which a later save may remove; a folder elsewhere "
             "is required",
             key, path.string(), around.string());
}

fs::path own_place(const fs::path& run) {
  fs::path place = run / "checkpoints";
  const PathKind kind = kind_of(place);
  WEFT_CHECK(kind == PathKind::none || kind == PathKind::folder,
             "run: {} is {}; a folder is required (checkpoint.dir names a folder elsewhere)",
             place.string(),
             kind == PathKind::link ? "a link, which is not followed" : "no folder");
  return place;
}

std::string listed_checkpoints(const fs::path& place) {
  std::string known;
  for (const CheckpointName& name : checkpoints_in(place))
    known += (known.empty() ? "" : ", ") + name.text();
  return known.empty() ? "none" : known;
}

}  // namespace

CheckpointOptions saved_checkpoint_options(const fs::path& run) {
  CheckpointOptions options;
  if (kind_of(run / "config.yaml") == PathKind::none) return options;
  const std::string text = read_file(run / "config.yaml", config::kMaxBytes);
  config::Node root;
  std::vector<config::Problem> problems;
  config::Usage used;
  if (!config::parse_yaml({text, "config.yaml"}, root, problems, used)) return options;
  const config::Node* section = root.find("checkpoint");
  if (section == nullptr) return options;
  const auto text_of = [&](const char* key) {
    const config::Node* value = section->find(key);
    return value != nullptr && value->is(config::Node::Kind::scalar) ? value->text : "";
  };
  options.dir = text_of("dir");
  if (const std::string monitor = text_of("monitor"); !monitor.empty()) options.monitor = monitor;
  if (text_of("mode") == enum_name(MonitorMode::max)) options.mode = MonitorMode::max;
  return options;
}

bool is_owned_by(const fs::path& place, const fs::path& run) {
  const std::optional<fs::path> owner = owner_of(place);
  return owner && same_place(*owner, run);
}

fs::path checkpoints_of(const fs::path& run) {
  const std::string dir = saved_checkpoint_options(run).dir;
  if (!dir.empty() && kind_behind(dir) == PathKind::folder) return dir;
  fs::path own = own_place(run);
  WEFT_CHECK(dir.empty() || kind_of(own) == PathKind::folder,
             "run: the checkpoints of {} are in {} (checkpoint.dir), which is no folder; that "
             "folder, or {}, is required",
             run.string(), dir, own.string());
  return own;
}

fs::path place_to_save(const fs::path& run, const std::string& dir, bool continues) {
  check_in_no_checkpoint("run.dir", run);
  check_in_no_checkpoint("checkpoint.dir", dir);
  if (dir.empty() && continues) {
    const std::string saved = saved_checkpoint_options(run).dir;
    WEFT_CHECK(saved.empty() || is_owned_by(saved, run),
               "resume: {} has its checkpoints in {}, which does not name this run; "
               "checkpoint.dir={} is required to save there",
               run.string(), saved, saved);
    if (!saved.empty()) return saved;
  }
  if (dir.empty()) return own_place(run);
  if (kind_behind(dir) == PathKind::none) return dir;
  const std::optional<fs::path> owner = owner_of(dir);
  const bool another =
      owner && !same_place(*owner, run) && kind_behind(*owner / "config.yaml") != PathKind::none;
  WEFT_CHECK(!another,
             "checkpoint.dir: {} holds the checkpoints of the run {}; another folder is "
             "required",
             dir, owner->string());
  check_no_foreign_files(dir, owner);
  WEFT_CHECK(continues || checkpoints_in(dir).empty(),
             "checkpoint.dir: {} holds checkpoints already; resume=auto goes on with them, and "
             "another checkpoint.dir begins new ones",
             dir);
  return dir;
}

void claim_place(const fs::path& place, const fs::path& run) {
  std::error_code error;
  fs::create_directories(place, error);
  if (error) throw IoError(place.string(), "made", error.value());
  if (!same_place(place, run / "checkpoints"))
    write_file_atomically((place / kOwnerFile).string(), absolute_path(run).string() + "\n");
}

std::optional<fs::path> run_of_checkpoint(const fs::path& checkpoint) {
  const fs::path place = checkpoint.parent_path();
  const std::vector<CheckpointName> names = checkpoints_in(place);
  const bool named = std::any_of(names.begin(), names.end(), [&](const CheckpointName& name) {
    return name.text() == checkpoint.filename().string();
  });
  if (!named) return std::nullopt;
  std::optional<fs::path> owner = owner_of(place);
  if (owner && same_place(saved_checkpoint_options(*owner).dir, place)) return owner;
  if (same_place(place.parent_path() / "checkpoints", place)) return place.parent_path();
  return std::nullopt;
}

fs::path find_checkpoint(const fs::path& run, const std::string& name) {
  const fs::path place = checkpoints_of(run);
  const std::vector<CheckpointName> names = checkpoints_in(place);
  if (name == "last" || name == "best") check_names("run", place, names);
  fs::path found = place / name;
  if (!names.empty() && name == "last") {
    found = place / names.back().text();
  } else if (name == "best") {
    auto scored = scored_checkpoints(place, saved_checkpoint_options(run),
                                     names.empty() ? CheckpointName{} : names.back());
    while (!scored.empty() && !verifies(place, best_of(scored).name)) {
      const CheckpointName refused = best_of(scored).name;
      std::erase_if(scored, [&](const ScoredCheckpoint& each) { return each.name == refused; });
    }
    if (!scored.empty()) found = place / best_of(scored).name.text();
  }
  const bool plain = !name.empty() && name.find('/') == name.npos && !name.starts_with('.');
  WEFT_CHECK(!plain || !is_checkpoint_name(name) || kind_of(found) != PathKind::link,
             "run: {} is a link, which is not followed; a folder is required", found.string());
  WEFT_CHECK(plain && kind_of(found) == PathKind::folder,
             "run: {} has no checkpoint '{}'; it has {}", run.string(), name,
             listed_checkpoints(place));
  WEFT_CHECK(kind_of(found / kManifestFile) != PathKind::none,
             "run: {} has no {}, it was not completed; --checkpoint names another one of {}",
             found.string(), kManifestFile, listed_checkpoints(place));
  check_name("run", found);
  return found;
}

}  // namespace weft::train
