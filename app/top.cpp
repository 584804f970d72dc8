// SPDX-License-Identifier: Apache-2.0
// `weft top RUN`: the curves of a run in the terminal, while another process trains it.
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/app/screen.h"
#include "weft/core/clock.h"
#include "weft/core/files.h"
#include "weft/view/top.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

struct TopArguments {
  std::string run;
  bool once = false;
};

constexpr int kPollMilliseconds = 500;
constexpr std::size_t kMostMemoryPoints = 4000;

// A run as its files are now. What cannot be read at one moment is tried again at the next: a
// resumed run cuts its file, and a network file system may be away for a while.
class WatchedRun {
 public:
  explicit WatchedRun(const std::string& run) : folder_(run) {
    WEFT_CHECK(kind_behind(folder_) == PathKind::folder,
               "top: {} is not a folder; the folder of a run is required", run);
    WEFT_CHECK(kind_behind(folder_ / "config.yaml") == PathKind::file,
               "top: {} has no config.yaml; the folder of a run is required", run);
    view_.name = folder_.lexically_normal().string();
    read();
    if (failure_) std::rethrow_exception(failure_);  // it never was a run's
  }

  view::TopView& view() { return view_; }

  void read() {
    failure_ = nullptr;
    view_.note.clear();
    try {
      if (history_) history_->update();
      else if (kind_of(folder_ / "metrics.jsonl") != PathKind::none) history_.emplace(folder_);
    } catch (const Error& error) {
      failure_ = std::current_exception();
      view_.note = error.what();
      history_.reset();  // it may have taken a part of what it read
    }
    view_.history = history_ ? &*history_ : nullptr;
    std::error_code unknown;
    const auto changed = fs::last_write_time(folder_ / "metrics.jsonl", unknown);
    view_.idle_seconds =
        unknown ? -1
                : std::chrono::duration<double>(fs::file_time_type::clock::now() - changed).count();
    view_.process = view::training_process(folder_);
    if (view_.process && view_.process->memory_bytes > 0) note_memory();
  }

 private:
  void note_memory() {
    view::MemoryCurve& memory = view_.memory;
    memory.emplace_back(seconds_since(start_) / 60,
                        static_cast<double>(view_.process->memory_bytes));
    if (memory.size() < kMostMemoryPoints) return;
    view::MemoryCurve half;  // every other one, so that days fit
    for (std::size_t i = 0; i < memory.size(); i += 2) half.push_back(memory[i]);
    memory = std::move(half);
  }

  fs::path folder_;
  std::optional<view::History> history_;
  view::TopView view_;
  std::exception_ptr failure_;  // of the last read
  Clock::time_point start_ = Clock::now();
};

view::TopSize size_now() {
  const ScreenSize size = screen_size();
  return {.columns = size.columns,
          .rows = size.rows,
          .unicode = shows_unicode(),
          .colour = shows_colour()};
}

void print_once(WatchedRun& run) {
  run.view().keys = false;
  for (const std::string& line : view::top_picture(run.view(), size_now()))
    print_formatted("%s\n", line.c_str());
}

// Selects the next plot, or the one before.
void select(view::TopView& view, int step) {
  if (view.history == nullptr) return;
  const std::vector<view::TopPlot> plots = view::top_plots(*view.history, view.memory);
  if (plots.empty()) return;
  int at = 0;
  for (std::size_t i = 0; i < plots.size(); ++i)
    if (plots[i].name == view.selected) at = static_cast<int>(i);
  const int count = static_cast<int>(plots.size());
  view.selected = plots[static_cast<std::size_t>((at + step + count) % count)].name;
}

// Returns false for the key that ends it.
bool heed(const std::string& key, view::TopView& view) {
  if (key == "q" || key == "Q") return false;
  if (key == "tab" || key == "right" || key == "down") select(view, 1);
  else if (key == "left" || key == "up") select(view, -1);
  else if (key == "l") view.log_y = !view.log_y;
  return true;
}

void watch(WatchedRun& run) {
  Screen screen;
  for (Clock::time_point read_at = Clock::now();;) {
    if (!screen.show(view::top_picture(run.view(), size_now()))) return;
    const Screen::Input input = screen.wait(kPollMilliseconds);
    if (input.event == Screen::Event::closed) return;
    if (input.event == Screen::Event::key && !heed(input.key, run.view())) return;
    if (seconds_since(read_at) * 1000 < kPollMilliseconds) continue;
    run.read();
    read_at = Clock::now();
  }
}

int top(const TopArguments& arguments) {
  WatchedRun run(arguments.run);
  if (arguments.once || !Screen::possible()) print_once(run);
  else watch(run);
  return kDone;
}

}  // namespace

void add_top(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<TopArguments>();
  CLI::App* command =
      app.add_subcommand("top", "show the curves of a run in the terminal while it trains");
  command->add_option("RUN", arguments->run, "folder of the run, such as runs/latest")
      ->transform(home_path())
      ->required();
  command->add_flag("--once", arguments->once,
                    "print one picture; so does an output that is no terminal");
  command->callback([arguments, &exit_code] { exit_code = top(*arguments); });
}

}  // namespace weft::app
