// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/train/loggers/bridge_process.h"
#include "weft/train/loggers/event_files.h"
#include "weft/train/loggers/event_values.h"
#include "weft/train/loggers/loggers.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kBridgeModule = "weft.bridges.wandb";
constexpr const char* kWandbFolder = "wandb";  // which the package names so
constexpr const char* kBridgeFile = "weft/bridges/wandb.py";

// The bridge of this build or installation; empty if there is none, where the interpreter may have
// the package weft.
fs::path bridge_file() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&bridge_file), &self) == 0) return {};
  std::error_code ignored;
  const fs::path library = fs::weakly_canonical(self.dli_fname, ignored).parent_path();
  // build/NAME/libweft.so in a clone, and lib/libweft.so or lib/MACHINE/libweft.so of a prefix.
  for (const char* python : {"../../python", "../share/weft/python", "../../share/weft/python"})
    if (fs::path file = (library / python / kBridgeFile).lexically_normal();
        fs::is_regular_file(file, ignored))
      return file;
  return {};
}

std::vector<std::string> bridge_command(const std::string& python) {
  const char* const chosen = std::getenv("WEFT_PYTHON");
  std::vector<std::string> command{python};
  if (python.empty()) command.front() = chosen != nullptr && *chosen != '\0' ? chosen : "python3";
  if (const fs::path file = bridge_file(); !file.empty()) command.push_back(file.string());
  else command.insert(command.end(), {"-m", kBridgeModule});
  return command;
}

std::string new_run_id() {
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyz";
  constexpr int kLength = 8;
  std::random_device random;
  std::uniform_int_distribution<std::size_t> letter(0, kLetters.size() - 1);
  std::string id;
  for (int i = 0; i < kLength; ++i) id += kLetters[letter(random)];
  return id;
}

// JSON has no NaN.
Json json_number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

std::string text_of_message(const Json& message) {
  return message.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class Wandb final : public Logger {
 public:
  explicit Wandb(const WandbOptions& options) : options_(options) {}

  void begin(const LoggedRun& run) override {
    if (options_.mode == WandbMode::disabled) return;
    const fs::path folder = fs::absolute(run.folder.path());
    // A run that goes on in another folder is another one.
    if (id_.empty() || !run.before.empty()) id_ = new_run_id();
    folder_ = &run.folder;
    start_bridge(folder / kWandbFolder);
    Json config = Json::object();
    for (const auto& [key, text] : run.values)
      std::visit([&, &key = key](const auto& value) { config[key] = value; }, plain_value(text));
    bridge_->send(text_of_message(
        {{"do", "init"},
         {"project", options_.project},
         {"name", options_.name.empty() ? folder.filename().string() : options_.name},
         {"id", id_},
         {"entity", options_.entity},
         {"group", options_.group},
         {"mode", enum_name(options_.mode)},
         {"dir", folder.string()},
         {"config", config}}));
    save(folder / "config.yaml", folder);
  }

  void log(const LogEvent& event) override {
    if (!bridge_) return;
    Json values = Json::object();
    for (const auto& [tag, value] : shown_numbers(event)) values[tag] = json_number(value);
    if (values.empty()) return;
    bridge_->send(text_of_message(
        {{"do", "log"}, {"step", event.step}, {"time", wall_time()}, {"values", values}}));
  }

  void end(const RunReport& report) override {
    if (!bridge_) return;
    if (options_.upload && report.saved) save_last_checkpoint();
    Json summary{{"epochs", report.epochs}, {"steps", report.steps}, {"seconds", report.seconds}};
    if (report.validation) summary["validation_loss"] = json_number(report.validation_loss);
    if (!report.failed.empty()) summary["failed"] = report.failed;
    if (report.stopped) summary["stopped"] = true;
    bridge_->send(text_of_message(
        {{"do", "finish"}, {"exit_code", report.failed.empty() ? 0 : 1}, {"summary", summary}}));
    bridge_->finish();
    bridge_.reset();
  }

  double system_every() const override {
    return options_.mode == WandbMode::disabled ? 0 : options_.system_every.amount();
  }
  void state(State& s) override { s("id", id_); }
  std::string own_folder() const override {
    return options_.mode == WandbMode::disabled ? "" : kWandbFolder;
  }

 private:
  void start_bridge(const fs::path& folder) {
    const PathKind kind = kind_of(folder);
    WEFT_CHECK(kind == PathKind::none || kind == PathKind::folder, "{} is {}; a folder is required",
               folder.string(),
               kind == PathKind::link ? "a link, which is not followed" : "a file");
    make_folders("wandb", folder);
    std::vector<std::string> command = bridge_command(options_.python);
    const std::string program = command.front();
    try {
      bridge_ = std::make_unique<BridgeProcess>(
          BridgeOptions{.command = std::move(command),
                        .log = folder / "bridge.log",
                        .hint = fmt::format("the interpreter {} (WEFT_PYTHON, or the logger's "
                                            "python) has to be a Python with the package wandb",
                                            program),
                        .timeout = static_cast<double>(options_.timeout),
                        .warn = [](const std::string& reason) {
                          log_warning("logger 'wandb': {}; the run goes on", reason);
                        }});
    } catch (const UserError& error) {
      fail(
          "{}; an interpreter of Python with the package wandb (WEFT_PYTHON, or the logger's "
          "python) is required",
          error.what());
    }
  }
  void save_last_checkpoint() {
    try {
      const fs::path checkpoint = fs::absolute(folder_->weights("last")).parent_path();
      save(checkpoint, checkpoint.parent_path());
    } catch (const Error& error) {
      log_warning("logger 'wandb': the last checkpoint is not uploaded: {}", error.what());
    }
  }
  void save(const fs::path& file, const fs::path& base) {
    bridge_->send(
        text_of_message({{"do", "save"}, {"file", file.string()}, {"base", base.string()}}));
  }

  WandbOptions options_;
  std::string id_;  // of the run at W&B
  const RunFolder* folder_ = nullptr;
  std::unique_ptr<BridgeProcess> bridge_;
};

const bool has_wandb = Registry<Logger>::add<Wandb, WandbOptions>("wandb");

}  // namespace

void describe(Fields& f, WandbOptions& o) {
  constexpr i64 kMostSeconds = 1'000'000;
  f("project", o.project, "the project at W&B");
  f("name", o.name, "the name of the run; empty: that of the run folder");
  f("entity", o.entity, "the user or team of the project; empty: that of the login");
  f("group", o.group, "runs that W&B shows together; empty: none");
  f("mode", o.mode, "offline writes into the run folder, for `wandb sync`; disabled does nothing");
  f("upload", o.upload, "send the last checkpoint too");
  f("python", o.python, "the interpreter with the package wandb; empty: $WEFT_PYTHON, or python3",
    is_path);
  f("timeout", o.timeout,
    "seconds without an answer before a warning, and that the end of the run waits at most",
    in_range(1, kMostSeconds));
  f("system_every", o.system_every, kSystemEveryHelp);
}

LoggerRecipe wandb(const WandbOptions& options) { return LoggerRecipe::of("wandb", options); }

}  // namespace weft::train
