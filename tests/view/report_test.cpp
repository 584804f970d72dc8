// SPDX-License-Identifier: Apache-2.0
// Reports and plots of small runs, whole, damaged and forged.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/tests/support/count_of.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/run_files.h"
#include "weft/view/plot.h"
#include "weft/view/report.h"
#include "weft/view/report_parts.h"
#include "weft/view/run_evaluation.h"

namespace weft::view {
namespace {

namespace fs = std::filesystem;
using test_support::count_of;
using test_support::message_of;
using train::testing_runs::text_of;
using train::testing_runs::train_small;
using train::testing_runs::write;

// Two runs that all tests read; a test that changes one changes a copy.
class Reports : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch = std::make_unique<test_support::ScratchFolder>("report");
    train_small(first(), {"callbacks=[{type: gradient_monitor, every: 1ba}]"});
    write(first() / "overrides.txt", "callbacks=[gradient_monitor]\n");
    train_small(second(), {"optimizer.lr=0.5"});
  }
  static void TearDownTestSuite() { scratch.reset(); }
  static fs::path first() { return scratch->path() / "first"; }
  static fs::path second() { return scratch->path() / "second"; }
  static fs::path copy_of_first() {
    static int copies = 0;
    fs::path copy = scratch->path() / ("copy" + std::to_string(++copies));
    fs::copy(first(), copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return copy;
  }
  static std::string report_of(const std::vector<fs::path>& runs, bool evaluate = false) {
    std::vector<std::string> dirs;
    for (const fs::path& run : runs) dirs.push_back(run.string());
    return to_html(report_page(dirs, {.evaluate = evaluate}));
  }
  static void expect_part(const std::string& html, const std::string& part) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }

 private:
  static std::unique_ptr<test_support::ScratchFolder> scratch;
};
std::unique_ptr<test_support::ScratchFolder> Reports::scratch;

TEST_F(Reports, ShowARun) {
  const std::string html = report_of({first()});
  for (const char* const part :
       {"<h1>first</h1>", "2 epochs", "Learning rate", "Gradient norms of layers", "step-8", "best",
        "environment", "vector_set", "train.batch_size", "command line", "--no-evaluate"})
    expect_part(html, part);
  EXPECT_LT(html.size(), 200'000u);
  // Every chart is a picture without scripts.
  EXPECT_EQ(count_of(html, "<div class=\"canvas\"><svg"),
            count_of(html, "<figure class=\"card chart\""));
}

TEST_F(Reports, EvaluateARun) {
  const std::string html = report_of({first()}, true);
  expect_part(html, "test split, 20 samples, checkpoint step-");
  expect_part(html, "class=\"confusion\"");
  expect_part(html, "precision");
  EXPECT_EQ(count_of(html, "<figure class=\"card sample\"><img"), 20);
  expect_part(html, "data:image/png;base64,iVBORw0KGgo");
}

TEST_F(Reports, CompareRuns) {
  const std::string html = report_of({first(), second()});
  expect_part(html, "<h1>2 runs</h1>");
  expect_part(html, "first · validation");
  expect_part(html, "second · training");
  expect_part(html, "Differences");
  expect_part(html,
              "<td class=\"mono\">optimizer.lr</td><td class=\"mono value\">0.001</td>"
              "<td class=\"mono value\">0.5</td>");
  // The folders differ too, which is no difference of the configs.
  const std::string table =
      html.substr(html.find("Differences"), html.find("<details>") - html.find("Differences"));
  EXPECT_EQ(table.find("run.dir"), std::string::npos);
}

TEST_F(Reports, SayWhatIsMissing) {
  const fs::path run = copy_of_first();
  fs::remove_all(run / "checkpoints");
  fs::remove(run / "environment.json");
  write(run / "log.txt", "mlp\nwarning: the sky is <b>green</b>\n");
  const std::string html = report_of({run}, true);
  expect_part(html, "The run could not be evaluated:");
  expect_part(html, "environment.json");
  expect_part(html, "the sky is &lt;b&gt;green&lt;/b&gt;");
}

TEST_F(Reports, MarkADamagedCheckpoint) {
  const fs::path run = copy_of_first();
  for (const auto& each : fs::directory_iterator(run / "checkpoints"))
    if (!each.is_symlink() && each.is_directory())
      write(each.path() / "model.safetensors", "not what was saved");
  const std::string html = report_of({run}, true);
  expect_part(html, "has no checkpoint &#39;best&#39;");
  expect_part(html, "step-8 is damaged: ");
  expect_part(html, "<td>last, <span class=\"bad\">damaged</span></td>");
}

TEST_F(Reports, ShowTheLearningRateOfEachRun) {
  const fs::path run = copy_of_first();
  std::ofstream(run / "metrics.jsonl", std::ios::app)
      << R"({"schema":1,"event":"step","step":9,"loss":1,"lr":0.25})"
      << "\n";
  ReportedRuns runs;
  for (const fs::path& each : {run, second()}) runs.push_back({read_run(each.string())});
  for (const ReportChart& each : charts_of(runs))
    if (each.chart.title == "Learning rate") {
      ASSERT_EQ(each.chart.curves.size(), 2u);
      EXPECT_EQ(each.chart.curves[0].y, (std::vector<double>{0.25}));
      EXPECT_EQ(each.chart.curves[1].y, (std::vector<double>{0.5, 0.5}));
      return;
    }
  FAIL() << "there is no such chart";
}

TEST_F(Reports, KnowDefaultsBesideRequiredKeys) {
  const fs::path run = copy_of_first();
  write(run / "config.yaml",
        "data: {type: text, path: a.txt, context: 12}\nmodel: {type: text_mlp, hidden: [9]}\n"
        "task: language_modelling\n");
  write(run / "overrides.txt", "");
  const auto config = read_run(run.string()).config;
  EXPECT_EQ(config.at("data.path").origin, "config file");
  EXPECT_EQ(config.at("model.hidden").origin, "config file");
  EXPECT_EQ(config.at("optimizer.lr").origin, "default");
  EXPECT_EQ(config.at("train.batch_size").origin, "default");
}

TEST_F(Reports, SayHowManyCurvesAreLeftOut) {
  const fs::path run = copy_of_first();
  std::string line = R"({"schema":1,"event":"many","step":9)";
  for (int i = 0; i < 300; ++i) line += fmt::format(R"(,"m{}":1)", i);
  std::ofstream(run / "metrics.jsonl", std::ios::app) << line << "}\n{\"schema\n";
  const std::string html = report_of({run});
  expect_part(html, "The first 120 of 300 curves.");
  expect_part(html, "metrics.jsonl has 1 damaged line, which is left out");
}

TEST_F(Reports, EscapeWhatARunSays) {
  const fs::path run = copy_of_first();
  const std::string attack = "</script><script>alert(1)</script>";
  std::ofstream(run / "metrics.jsonl", std::ios::app)
      << R"({"schema":1,"event":"gradients","step":9,"norm/)" << attack << R"(":1})"
      << "\n"
      << R"({"schema":1,"event":")" << attack << R"(","step":9,"a":1})"
      << "\n"
      << R"({"schema":1,"event":"failed","epoch":2,"step":9,"reason":")" << attack << R"("})"
      << "\n";
  write(run / "log.txt", attack + "\nwarning: " + attack + "\n");
  write(run / "overrides.txt", attack + "\n");
  write(run / "environment.json", R"({")" + attack + R"(":")" + attack + R"("})");
  const std::string html = report_of({run});
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_EQ(count_of(html, "<script"), 4);  // the data and three scripts of weft
  expect_part(html, "failed: &lt;/script&gt;");
}

TEST_F(Reports, ShowAConfigThatCannotBeRead) {
  const fs::path run = copy_of_first();
  write(run / "config.yaml", "model: {type: unheard_of}\n");
  const std::string html = report_of({run});
  expect_part(html, "unheard_of");
  expect_part(html, "<pre>model: {type: unheard_of}");
}

TEST_F(Reports, StaySmallForALongRun) {
  const fs::path run = copy_of_first();
  std::ofstream file(run / "metrics.jsonl", std::ios::binary);
  i64 step = 0;
  for (int epoch = 1; epoch <= 100; ++epoch) {
    for (int i = 0; i < 100; ++i) {
      file << R"({"schema":1,"event":"gradients","step":)" << ++step;
      for (int layer = 0; layer < 60; ++layer)
        file << R"(,"norm/layer)" << layer << R"(":)"
             << 0.123456789 * ((step * 7919 + layer) % 1000 + 1);
      file << "}\n"
           << R"({"schema":1,"event":"step","step":)" << step << R"(,"loss":)"
           << 1.0 / static_cast<double>(step) << R"(,"lr":0.01,"scale":65536})"
           << "\n";
    }
    file << R"({"schema":1,"event":"epoch","epoch":)" << epoch << R"(,"step":)" << step
         << R"(,"samples":)" << step * 64 << R"(,"lr":0.01,"train/loss":1.5,"validation/loss":2.5,)"
         << R"("skipped_steps":1,"samples_per_second":1000,"seconds":)" << epoch << "}\n";
  }
  file.close();
  const std::string html = report_of({run});
  EXPECT_LT(html.size(), 1'000'000u);
  expect_part(html, "Loss scale");
  expect_part(html, "Skipped steps of each epoch");
}

TEST_F(Reports, RefuseWhatIsNoRun) {
  EXPECT_NE(message_of([&] {
              report_of({first(), first() / "checkpoints"});
            }).find("not the folder of a run"),
            std::string::npos);
  EXPECT_NE(message_of([&] { report_of({}); }).find("0 runs given"), std::string::npos);
}

TEST_F(Reports, NameRunsApart) {
  fs::create_directories(second().parent_path() / "nested");
  const fs::path other = second().parent_path() / "nested" / "first";
  fs::copy(first(), other, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  std::vector<RunRecord> runs;
  for (const fs::path& run : {first(), other, second(), second()}) runs.push_back({History(run)});
  name_runs(runs);
  EXPECT_EQ(runs[1].name, "nested/first");
  EXPECT_NE(runs[0].name, "first");
  EXPECT_EQ(runs[2].name, "second");
  EXPECT_EQ(runs[3].name, "second (4)");
}

TEST_F(Reports, PlotsAreFiles) {
  const fs::path folder = second().parent_path();
  const std::vector<std::string> runs{first().string(), second().string()};
  write_plot((folder / "plot.svg").string(), plot_of(runs));
  const std::string svg = text_of(folder / "plot.svg");
  for (const char* const part :
       {"<svg xmlns", ">loss</text>", ">accuracy</text>", "first · validation"})
    expect_part(svg, part);
  EXPECT_EQ(svg.find("var("), std::string::npos);
  write_plot((folder / "plot.png").string(), plot_of(runs, {.x = PlotAxis::epoch}));
  EXPECT_TRUE(text_of(folder / "plot.png").starts_with("\x89PNG"));
  EXPECT_NE(
      message_of([&] { write_plot((folder / "plot.pdf").string(), {}); }).find(".svg or .png"),
      std::string::npos);
}

TEST_F(Reports, PlotsHaveTheChosenMetrics) {
  const Drawing drawing = plot_of({first().string()}, {.metrics = {"lr", "gradients/norm/*"}});
  std::vector<std::string> texts;
  for (const Text& text : drawing.texts) texts.push_back(text.text);
  EXPECT_NE(std::find(texts.begin(), texts.end(), "lr"), texts.end());
  EXPECT_NE(std::find(texts.begin(), texts.end(), "gradients/norm"), texts.end());
  EXPECT_EQ(std::find(texts.begin(), texts.end(), "loss"), texts.end());
  const std::string refusal =
      message_of([&] { plot_of({first().string()}, {.metrics = {"validation/los"}}); });
  EXPECT_NE(refusal.find("did you mean 'validation/loss'"), std::string::npos) << refusal;
}

TEST_F(Reports, EvaluationAgreesWithTheEvaluator) {
  const RunEvaluation evaluation = evaluate_run(first().string(), 5);
  i64 hits = 0, samples = 0;
  for (std::size_t r = 0; r < evaluation.confusion.size(); ++r)
    for (std::size_t c = 0; c < evaluation.confusion.size(); ++c) {
      samples += evaluation.confusion[r][c];
      if (r == c) hits += evaluation.confusion[r][c];
    }
  EXPECT_EQ(samples, 20);
  EXPECT_NEAR(evaluation.metrics.at("accuracy"), static_cast<double>(hits) / 20, 1e-12);
  ASSERT_EQ(evaluation.worst.size(), 5u);
  for (std::size_t i = 1; i < 5; ++i)
    EXPECT_GE(evaluation.worst[i - 1].loss, evaluation.worst[i].loss);
  double sum = 0;
  for (const WorstSample& each : evaluate_run(first().string(), 20).worst) sum += each.loss;
  EXPECT_NEAR(sum / 20, evaluation.metrics.at("loss"), 1e-5);
}

TEST(ClassFigures, FollowTheirDefinitions) {
  const std::vector<ClassFigures> figures = figures_of({{8, 2, 0}, {1, 9, 0}, {0, 0, 0}});
  EXPECT_DOUBLE_EQ(figures[0].precision(), 8.0 / 9);
  EXPECT_DOUBLE_EQ(figures[0].recall(), 0.8);
  EXPECT_DOUBLE_EQ(figures[1].f1(), 18.0 / 21);
  EXPECT_TRUE(std::isnan(figures[2].precision()) && std::isnan(figures[2].recall()));
}

}  // namespace
}  // namespace weft::view
