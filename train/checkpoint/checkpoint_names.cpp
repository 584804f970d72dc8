// SPDX-License-Identifier: Apache-2.0
// Which folders are checkpoints, by their names.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/checkpoint/own_files.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

// The number in a name, or −1.
i64 number_in(std::string_view text) {
  if (text.empty() || text.size() > 15 || (text.size() > 1 && text[0] == '0') ||
      text.find_first_not_of("0123456789") != text.npos)
    return -1;
  return std::stoll(std::string(text));
}

CheckpointName name_of_folder(const std::string& text) {
  if (!text.starts_with("step-")) return {};
  const std::string_view rest = std::string_view(text).substr(5);
  const std::size_t dash = rest.find('-');
  if (dash == rest.npos) return {number_in(rest), 1};
  const i64 number = number_in(rest.substr(dash + 1));
  return {number < 2 ? -1 : number_in(rest.substr(0, dash)), number};
}

// A folder from which weft has removed a checkpoint, with what others have put there.
bool holds_other_files_alone(const fs::path& folder) {
  try {
    if (kind_of(folder / kManifestFile) != PathKind::none) return false;
    const std::vector<std::string> names = names_in(folder);
    return !names.empty() && std::none_of(names.begin(), names.end(), is_name_of_a_save);
  } catch (const IoError&) {  // it may be a good checkpoint
    return false;
  }
}

}  // namespace

std::string CheckpointName::text() const {
  return number == 1 ? fmt::format("step-{}", step) : fmt::format("step-{}-{}", step, number);
}

bool is_checkpoint_name(const std::string& text) { return name_of_folder(text).step >= 0; }

std::vector<CheckpointName> checkpoints_in(const fs::path& folder) {
  std::vector<CheckpointName> names;
  for (const std::string& text : names_in(folder)) {
    const CheckpointName name = name_of_folder(text);
    if (name.step >= 0 && kind_of(folder / text) == PathKind::folder &&
        !holds_other_files_alone(folder / text))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_name(const std::string& subject, const fs::path& checkpoint) {
  const CheckpointName name = name_of_folder(checkpoint.filename().string());
  if (name.step < 0) return;
  const std::optional<i64> step = step_of_checkpoint(checkpoint);
  WEFT_CHECK(
      !step || *step == name.step,
      "{}: {} is the checkpoint of step {}, as its {} says; a name that says so is required: "
      "rename it to {}",
      subject, checkpoint.string(), *step, kTrainerStateFile, CheckpointName{*step, 1}.text());
}

void check_names(const std::string& subject, const fs::path& folder,
                 const std::vector<CheckpointName>& names) {
  for (const std::string& text : names_in(folder)) {
    const CheckpointName name = name_of_folder(text);
    WEFT_CHECK(name.step < 0 || (!names.empty() && name < names.back()) ||
                   kind_of(folder / text) != PathKind::link,
               "{}: {} is a link, which is not followed; the folder of the checkpoint is required "
               "in its place",
               subject, (folder / text).string());
  }
  for (const CheckpointName& name : names) check_name(subject, folder / name.text());
}

}  // namespace weft::train
