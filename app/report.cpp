// SPDX-License-Identifier: Apache-2.0
// report and plot show what runs left behind.
#include <memory>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/core/printable.h"
#include "weft/train/run/run_folder.h"
#include "weft/view/plot.h"
#include "weft/view/report.h"

namespace weft::app {
namespace {

struct ReportArguments {
  std::vector<std::string> runs, plugins, metrics;
  std::string out, x = "step";
  bool no_evaluate = false;
};

void add_runs(CLI::App& command, ReportArguments& arguments, const char* runs_help,
              const char* out_help) {
  command.add_option("RUN", arguments.runs, runs_help)->transform(home_path())->required();
  command.add_option("--out", arguments.out, out_help)->transform(home_path())->required();
}

int report(const ReportArguments& arguments) {
  train::check_output(arguments.out);
  load_plugins(arguments.plugins);
  view::write_page(arguments.out,
                   view::report_page(arguments.runs, {.evaluate = !arguments.no_evaluate}));
  print_formatted("report: %s\n", printable_line(arguments.out).c_str());
  return kDone;
}

int plot(const ReportArguments& arguments) {
  const view::PlotOptions options{
      .metrics = arguments.metrics,
      .x = arguments.x == "epoch" ? view::PlotAxis::epoch : view::PlotAxis::step};
  view::write_plot(arguments.out, view::plot_of(arguments.runs, options));
  print_formatted("plot: %s\n", printable_line(arguments.out).c_str());
  return kDone;
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  const auto reported = std::make_shared<ReportArguments>();
  CLI::App* command =
      app.add_subcommand("report", "write one page about one or several runs, or about a study");
  add_runs(*command, *reported,
           "folders of runs, such as runs/latest; or one study of `weft tune`: its folder, which "
           "has tune.json, or the file NAME.tune.json beside its storage",
           "the page, an HTML file");
  command->add_flag("--no-evaluate", reported->no_evaluate,
                    "read the run folders alone; neither data nor weights are needed");
  add_plugin_option(*command, reported->plugins);
  command->callback([reported, &exit_code] { exit_code = report(*reported); });

  const auto plotted = std::make_shared<ReportArguments>();
  command = app.add_subcommand("plot", "draw metrics of runs for a paper");
  add_runs(*command, *plotted, "folders of runs, such as runs/latest",
           "the picture, an .svg or a .png file");
  command
      ->add_option("--metrics", plotted->metrics,
                   "which, as metrics.jsonl names them: validation/loss,train/*")
      ->delimiter(',');
  command->add_option("--x", plotted->x, "step or epoch")
      ->check(CLI::IsMember({"step", "epoch"}))
      ->capture_default_str();
  command->callback([plotted, &exit_code] { exit_code = plot(*plotted); });
}

}  // namespace weft::app
