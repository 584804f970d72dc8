// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoints.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "weft/core/atomic_file.h"
#include "weft/core/nearest.h"
#include "weft/nn/serialize.h"

namespace weft::train {

namespace fs = std::filesystem;

Checkpoints::Checkpoints(const RunFolder& folder, const CheckpointSection& options,
                         std::map<std::string, std::string> metadata)
    : path_(folder.file("checkpoints")), options_(options), metadata_(std::move(metadata)) {
  fs::create_directories(path_);
}

void Checkpoints::save(nn::Module& model, const EpochReport& report,
                       const std::function<void(const fs::path&)>& add_files) {
  // Without validation data there is nothing to monitor, and the newest is the best.
  double score = std::numeric_limits<double>::quiet_NaN();
  if (const auto found = report.metrics.find(options_.monitor); found != report.metrics.end()) {
    score = options_.mode == "max" ? found->second : -found->second;
  } else {
    const bool validated =
        std::any_of(report.metrics.begin(), report.metrics.end(),
                    [](const auto& entry) { return entry.first.starts_with("validation/"); });
    if (validated) {
      std::vector<std::string> known;
      for (const auto& [name, value] : report.metrics) known.push_back(name);
      fail("checkpoint.monitor: '{}' is not among the metrics of this run; known: {}",
           options_.monitor, listed(known));
    }
  }

  const std::string name = fmt::format("step-{}", report.step);
  const fs::path temporary = path_ / (name + ".tmp"), final_path = path_ / name;
  fs::remove_all(temporary);
  fs::create_directories(temporary);
  weft::save(model, (temporary / "model.safetensors").string(), metadata_);
  nlohmann::ordered_json state{{"schema", 1},
                               {"epoch", report.train.epoch},
                               {"step", report.step},
                               {"samples", report.samples_seen}};
  for (const auto& [key, value] : report.metrics)
    state["metrics"][key] = std::isfinite(value) ? nlohmann::ordered_json(value) : nullptr;
  write_file_atomically((temporary / "trainer_state.json").string(), state.dump(2) + "\n");
  if (add_files) add_files(temporary);
  fs::remove_all(final_path);
  fs::rename(temporary, final_path);

  std::erase_if(saved_, [&](const Saved& s) { return s.name == name; });
  saved_.push_back({name, score});
  link("last", name);
  const auto best =
      std::max_element(saved_.begin(), saved_.end(), [](const Saved& a, const Saved& b) {
        return std::isnan(b.score) ? false : std::isnan(a.score) || a.score < b.score;
      });
  link("best", std::isnan(best->score) ? name : best->name);
  retire();
}

void Checkpoints::link(const std::string& name, const std::string& target) const {
  const fs::path fresh = path_ / (name + ".new");
  fs::remove(fresh);
  fs::create_directory_symlink(target, fresh);
  fs::rename(fresh, path_ / name);
}

// Keeps the newest and the best; everything else goes.
void Checkpoints::retire() {
  std::vector<Saved> by_score = saved_;
  std::erase_if(by_score, [](const Saved& s) { return std::isnan(s.score); });
  std::stable_sort(by_score.begin(), by_score.end(),
                   [](const Saved& a, const Saved& b) { return a.score > b.score; });
  by_score.resize(
      std::min(by_score.size(), static_cast<std::size_t>(std::max<i64>(1, options_.keep_best))));
  const std::size_t newest =
      saved_.size() - std::min(saved_.size(), static_cast<std::size_t>(options_.keep_last));
  std::vector<Saved> kept;
  for (std::size_t i = 0; i < saved_.size(); ++i) {
    const bool best = std::any_of(by_score.begin(), by_score.end(),
                                  [&](const Saved& s) { return s.name == saved_[i].name; });
    if (i >= newest || best) kept.push_back(saved_[i]);
    else fs::remove_all(path_ / saved_[i].name);
  }
  saved_ = std::move(kept);
}

}  // namespace weft::train
