// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "weft/app/command.h"
#include "weft/app/number_option.h"
#include "weft/app/outputs.h"
#include "weft/app/screen.h"
#include "weft/app/standard_streams.h"
#include "weft/core/clock.h"
#include "weft/core/counted.h"
#include "weft/train/run/lr_find.h"
#include "weft/train/run/run_config_file.h"
#include "weft/view/lr_plot.h"
#include "weft/view/page.h"

namespace weft::app {
namespace {

struct LrFindArguments {
  std::string config, out;
  std::vector<std::string> overrides, plugins;
  train::LrFindOptions options;
  bool json = false;
};

constexpr int kMostColumns = 100, kPlotRows = 18;

void print(const train::LrFinding& finding, const LrFindArguments& arguments) {
  const ScreenSize size = screen_size();
  const view::TextPlotOptions look{.columns = std::min(size.columns - 1, kMostColumns),
                                   .rows = std::clamp(size.rows - 6, 8, kPlotRows),
                                   .unicode = shows_unicode(),
                                   .colour = shows_colour()};
  std::string text = "loss over learning rate\n";
  for (const std::string& line : view::lr_text(finding, look)) text += line + "\n";
  text += fmt::format("{} of learning rates from {:.3g} to {:.3g}",
                      counted(std::ssize(finding.points), "step"), arguments.options.from,
                      finding.points.empty() ? arguments.options.from : finding.points.back().lr);
  if (finding.skipped > 0)
    text += fmt::format("; {} more {} made again, because a gradient was not finite",
                        finding.skipped, finding.skipped == 1 ? "was" : "were");
  text += finding.ended.empty() ? "\n" : fmt::format("; then it ended: {}\n", finding.ended);
  text += finding.suggestion ? fmt::format("Suggested: optimizer.lr={:.2g} ({})\n",
                                           *finding.suggestion, finding.reason)
                             : finding.reason + "\n";
  print_text(text);
}

// A line on standard error while a sweep is made, which may take minutes, and is gone afterwards.
class SweepLine {
 public:
  explicit SweepLine(i64 steps) : steps_(steps), shown_(isatty(STDERR_FILENO) != 0) {}
  ~SweepLine() {
    if (shown_ && done_ > 0) std::fputs("\r\033[2K", stderr);
  }
  SweepLine(const SweepLine&) = delete;
  SweepLine& operator=(const SweepLine&) = delete;

  void show(const train::LrPoint& point) {
    ++done_;
    if (!shown_ || (done_ > 1 && seconds_since(drawn_) < 0.1)) return;
    drawn_ = Clock::now();
    std::fprintf(stderr, "\r\033[2Kstep %lld/%lld  lr %.2g  loss %.4g",
                 static_cast<long long>(done_), static_cast<long long>(steps_), point.lr,
                 point.loss);
  }

 private:
  i64 steps_, done_ = 0;
  bool shown_;
  Clock::time_point drawn_;
};

train::LrFinding swept(train::Orchestrator& run, const LrFindArguments& arguments) {
  SweepLine line(arguments.options.steps);
  return train::find_lr(run, arguments.options,
                        [&](const train::LrPoint& point) { line.show(point); });
}

int lr_find(const LrFindArguments& arguments) {
  check_outputs("lr-find", {arguments.out}, {arguments.config});
  WEFT_CHECK(arguments.out.empty() || arguments.out.ends_with(".svg"),
             "lr-find: --out {} given; a file that ends in .svg is required", arguments.out);
  load_plugins(arguments.plugins);
  const auto loaded = train::load_run_config(arguments.config, arguments.overrides);
  train::apply_to_process(loaded.value.run);
  const std::string name = std::filesystem::path(arguments.config).stem().string();
  train::Orchestrator run(loaded.value, name, arguments.overrides);
  const train::LrFinding finding = swept(run, arguments);
  if (!arguments.out.empty())
    view::write_output(arguments.out, view::lr_svg(finding, name + ": loss over learning rate"));
  if (arguments.json) print_formatted("%s\n", view::lr_json(finding).c_str());
  else print(finding, arguments);
  return kDone;
}

}  // namespace

void add_lr_find(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<LrFindArguments>();
  CLI::App* command = app.add_subcommand(
      "lr-find", "find a learning rate: train for some steps at growing rates, and forget them");
  command->add_option("CONFIG", arguments->config, "YAML file")->transform(home_path())->required();
  command->add_option("key=value", arguments->overrides,
                      "changes to the config, such as train.batch_size=32");
  train::LrFindOptions& options = arguments->options;
  add_number_option(*command, "--from", options.from, "learning rate of the first step",
                    {kLeastF32, kMostF32, "a rate above 0 that f32 holds"})
      ->default_str(fmt::format("{}", options.from));
  add_number_option(*command, "--to", options.to, "learning rate of the last step",
                    {kLeastF32, kMostF32, "a rate above from that f32 holds"})
      ->default_str(fmt::format("{}", options.to));
  add_number_option(*command, "--steps", options.steps, "optimizer steps",
                    {20, 1'000'000, "an integer from 20 to 1000000"})
      ->default_str(fmt::format("{}", options.steps));
  command->add_option("--out", arguments->out, "write the curve to this SVG file")
      ->transform(home_path());
  command->add_flag("--json", arguments->json, "print one JSON object");
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = lr_find(*arguments); });
}

}  // namespace weft::app
