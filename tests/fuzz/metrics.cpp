// SPDX-License-Identifier: Apache-2.0
// Input: the sizes that a checkpoint remembers, one "name size" a line, then metrics.jsonl and
// metrics.csv of the run that is resumed. They are restored in place, and then into a new folder.
// Nothing outside the run's folder may change.
#include "weft/train/run/metrics_log.h"

#include <charconv>

#include "weft/tests/fuzz/fuzz.h"
#include "weft/train/run/log_file.h"

// This program has no training that loggers could watch.
void weft::train::MetricsLog::begin_watch() {}

namespace weft::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOutside = "a file of someone else\n";

std::map<std::string, i64> sizes_of(std::string_view text) {
  // The names that a forged file may give; any others could reach a file of this machine.
  const std::string outside = (folder() / "logs/outside.txt").string();
  std::map<std::string, i64> sizes;
  for (const std::string& line : lines_of(text)) {
    const std::size_t space = std::min(line.find(' '), line.size());
    std::string name = line.substr(0, space);
    if (name == "absolute") name = outside;
    else if (name == "above") name = "../outside.txt";
    else if (name == "below") name = "checkpoints/../../outside.txt";
    else if (name != "metrics.csv" && name != "log.txt") name = "metrics.jsonl";
    i64 bytes = 0;
    std::from_chars(line.data() + std::min(space + 1, line.size()), line.data() + line.size(),
                    bytes);
    sizes[name] = bytes;
  }
  return sizes;
}

void restore_and_add(const std::string& name, const std::map<std::string, i64>& sizes,
                     const fs::path& other) {
  const auto run = train::RunFolder::reuse((folder() / "logs" / name).string());
  const train::CheckpointAbout about{.logs = sizes};
  train::MetricsLog log;
  log.begin({.folder = run, .resumed_at = &about, .before = other});
  log.add({.metrics = {{"train/loss", 0.5}}});
  log.add_event("note", 3, {{"value", 1.0}});
  const std::string lines = text_of(run.file("metrics.jsonl"));
  WEFT_ASSERT(lines.ends_with("}\n"), "metrics.jsonl does not end with an event");
  (void)log.sizes();
}

void run_metrics(std::string_view input) {
  const std::vector<std::string> parts = parts_of(input, 3);
  const std::map<std::string, i64> sizes = sizes_of(parts[0]);
  for (const auto& [name, size] : sizes)
    for (const i64 lines : {i64{-1}, i64{2}, size}) {
      const train::LogPart part = train::log_until(parts[1], size, lines);
      WEFT_ASSERT(part.bytes <= parts[1].size(), "{} of {} bytes", part.bytes, parts[1].size());
      WEFT_ASSERT(part.bytes == 0 || parts[1][part.bytes - 1] == '\n', "a line is cut in two");
    }
  const auto outside = write("logs/outside.txt", kOutside);
  std::string refused;
  for (const bool in_place : {true, false}) {
    const auto run = write("logs/run/metrics.jsonl", parts[1]).parent_path();
    write("logs/run/metrics.csv", parts[2]);
    write("logs/run/log.txt", "printed\n");
    try {
      restore_and_add(in_place ? "run" : "other", sizes, in_place ? fs::path() : run);
    } catch (const UserError& error) {
      refused = error.what();
    }
    WEFT_ASSERT(text_of(outside) == kOutside, "a file outside the run was changed");
  }
  WEFT_CHECK(refused.empty(), "{}", refused);
}

const bool registered = add("metrics", run_metrics);

}  // namespace
}  // namespace weft::fuzz
