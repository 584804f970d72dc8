// SPDX-License-Identifier: Apache-2.0
// The report of a study of `weft tune`, whole, damaged and forged.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/tests/support/count_of.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"
#include "weft/view/report.h"
#include "weft/view/study.h"

namespace weft::view {
namespace {

namespace fs = std::filesystem;
using test_support::count_of;
using test_support::message_of;
using train::testing_runs::write;

std::string study_trial(int number, const std::string& outcome, const std::string& loss,
                        const std::string& values, const std::string& message = "null") {
  return fmt::format(
      R"({{"number":{},"outcome":"{}","loss":{},"values":{{{}}},"folder":"/runs/a-tune/trial-{}",)"
      R"("message":{},"seconds":1.5,"validations":[[4,2.5],[8,{}]]}})",
      number, outcome, loss, values, number, message, loss == "null" ? "\"nan\"" : loss);
}
std::string study_of(const std::string& trials, const std::string& best = "2") {
  return fmt::format(
      R"({{"schema":1,"config":"a.yaml","overrides":["train.epochs=2"],"storage":"a.db",)"
      R"("space":[{{"key":"optimizer.type","kind":"choice","choices":["sgd","adamw"]}},)"
      R"({{"key":"optimizer.lr","kind":"float","low":0.0001,"high":0.1,"log":true}},)"
      R"({{"key":"optimizer.momentum","kind":"float","low":0.0,"high":0.9,)"
      R"("when":[["optimizer.type",["sgd"]]]}}],)"
      R"("folder":"/runs/a-tune","command":"weft train a.yaml 'x=<b>'","best":{},"trials":[{}]}})",
      best, trials);
}
std::string five_trials() {
  return study_trial(2, "complete", "0.25", R"("optimizer.type":"adamw","optimizer.lr":0.001)") +
         "," +
         study_trial(0, "complete", "0.5",
                     R"("optimizer.type":"sgd","optimizer.lr":0.05,"optimizer.momentum":0.3)") +
         "," +
         study_trial(3, "pruned", "0.75", R"("optimizer.type":"adamw","optimizer.lr":0.0002)") +
         "," +
         study_trial(1, "diverged", "\"inf\"", R"("optimizer.type":"adamw","optimizer.lr":0.1)",
                     R"("the loss is nan")") +
         "," +
         study_trial(4, "failed", "null", R"("optimizer.type":"adamw","optimizer.lr":0.01)",
                     R"("</td><script>alert(1)</script>")");
}

class Studies : public test_support::InScratchFolder {
 protected:
  Studies() : InScratchFolder("study") { fs::create_directory(folder_ / "a-tune"); }
  std::string page_of(const std::string& text) {
    write(folder_ / "a-tune/tune.json", text);
    return to_html(report_page({(folder_ / "a-tune").string()}));
  }
  std::string refusal_of(const std::string& text) {
    std::string message = message_of([&] { page_of(text); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_NE(message.find("a-tune/tune.json"), std::string::npos) << message;
    return message;
  }
};

TEST_F(Studies, ShowTheirTrials) {
  const std::string html = page_of(study_of(five_trials()));
  for (const char* const part :
       {"<h1>a-tune</h1>", "5 trials: 2 complete, 1 pruned, 1 diverged, 1 failed",
        "a.yaml train.epochs=2", "Best trial", "weft train a.yaml &#39;x=&lt;b&gt;&#39;",
        "The best one.", "Pruned at step 8.", "the loss is nan", "&lt;/td&gt;&lt;script&gt;",
        "1 trial with an infinite loss is not drawn.", "Validation loss over optimizer.lr",
        "best so far", ">adamw</text>", ">0.001</text>", "0.0001 to 0.1, logarithmic",
        "optimizer.type is sgd", "/runs/a-tune/trial-2"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_EQ(count_of(html, "<script"), 0);
  // Over trials, over three parameters, and within the trials.
  EXPECT_EQ(count_of(html, "<div class=\"canvas\"><svg"), 5);
  // Momentum is set in one trial.
  const std::string momentum = html.substr(html.find("loss over optimizer.momentum"));
  EXPECT_EQ(count_of(momentum.substr(0, momentum.find("</svg>")), "<circle"), 1);
}

// The figure whose caption this is, up to its end.
std::string figure_of(const std::string& html, const std::string& caption) {
  const std::size_t begin = html.find("<figcaption>" + caption + "</figcaption>");
  return begin == std::string::npos ? ""
                                    : html.substr(begin, html.find("</figure>", begin) - begin);
}

TEST_F(Studies, AnExplodedTrialDoesNotStretchTheAxes) {
  const std::string exploded =
      "," + study_trial(5, "complete", "1e27", R"("optimizer.type":"sgd","optimizer.lr":0.09)");
  const std::string html = page_of(study_of(five_trials() + exploded));
  for (const char* const caption :
       {"Validation loss of each trial", "Validation loss over optimizer.lr",
        "Validation loss within the trials"}) {
    const std::string figure = figure_of(html, caption);
    EXPECT_EQ(figure.find(">1e"), std::string::npos) << figure;
    EXPECT_NE(figure.find(" are triangles at the upper edge."), std::string::npos) << figure;
  }
  EXPECT_NE(figure_of(html, "Validation loss of each trial").find("Losses above 10 are"),
            std::string::npos);
  EXPECT_EQ(page_of(study_of(five_trials())).find("triangles"), std::string::npos);
  // All but one exploded: the axis ends by that one. One that is near 0 hides no other.
  const auto trials_of = [](const std::vector<std::string>& losses) {
    std::string trials;
    for (std::size_t i = 0; i < losses.size(); ++i)
      trials += (i > 0 ? "," : "") +
                study_trial(static_cast<int>(i), "complete", losses[i], R"("optimizer.lr":0.01)");
    return study_of(trials, "0");
  };
  EXPECT_NE(page_of(trials_of({"0.25", "1e9", "1e15", "1e27", "1e28"})).find("Losses above 5 are"),
            std::string::npos);
  EXPECT_EQ(figure_of(page_of(trials_of({"1e-7", "0.25", "0.5", "0.75"})),
                      "Validation loss of each trial")
                .find("triangles"),
            std::string::npos);
}

TEST_F(Studies, ChartsSayWhatTheyShow) {
  const std::string html = page_of(study_of(five_trials()));
  // The best trial has no momentum, and trials have whole numbers.
  EXPECT_EQ(figure_of(html, "Validation loss over optimizer.momentum").find("best"),
            std::string::npos);
  EXPECT_NE(figure_of(html, "Validation loss over optimizer.lr").find("best"), std::string::npos);
  const std::string trials = figure_of(html, "Validation loss of each trial");
  EXPECT_NE(trials.find(">1</text>"), std::string::npos) << trials;
  EXPECT_EQ(trials.find(">1.0</text>"), std::string::npos) << trials;
  EXPECT_EQ(trials.find("The y axis is logarithmic."), std::string::npos) << trials;
  EXPECT_NE(figure_of(html, "Validation loss within the trials").find("The y axis is logarithmic."),
            std::string::npos);
  EXPECT_NE(html.find("<th>outcome</th>"), std::string::npos);
}

TEST_F(Studies, AStoppedTrialHasNoTime) {
  std::string stopped = study_trial(5, "stopped", "0.9", R"("optimizer.type":"sgd")");
  stopped.replace(stopped.find("\"seconds\":1.5"), 13, "\"seconds\":0");
  const std::string html = page_of(study_of(five_trials() + "," + stopped));
  EXPECT_EQ(html.find(">0 s<"), std::string::npos);
}

TEST_F(Studies, LongChoicesStandUpright) {
  std::string text = study_of(five_trials());
  const std::string choices = R"("choices":["sgd","adamw"])";
  text.replace(text.find(choices), choices.size(),
               R"("choices":["sgd","adamw","[128, 64, 32]","[256, 128, 64]","[512, 256]"])");
  const std::string figure = figure_of(page_of(text), "Validation loss over optimizer.type");
  for (const char* const name : {"[128, 64, 32]", "[256, 128, 64]", "[512, 256]"})
    EXPECT_NE(figure.find(std::string(">") + name + "</text>"), std::string::npos) << figure;
  EXPECT_EQ(count_of(figure, "rotate(-90"), 5);
}

TEST_F(Studies, AreKnownByTheirFile) {
  EXPECT_FALSE(is_study((folder_ / "a-tune").string()));
  EXPECT_FALSE(is_study((folder_ / "none").string()));
  write(folder_ / "a-tune/tune.json", study_of(five_trials()));
  fs::copy(folder_ / "a-tune/tune.json", folder_ / "digits.tune.json");
  EXPECT_TRUE(is_study((folder_ / "a-tune").string()));
  EXPECT_TRUE(is_study((folder_ / "digits.tune.json").string()));
  EXPECT_EQ(read_study((folder_ / "digits.tune.json").string()).name, "digits");
  EXPECT_EQ(read_study((folder_ / "a-tune/").string()).name, "a-tune");
  const std::string both = message_of([&] {
    report_page({(folder_ / "a-tune").string(), (folder_ / "digits.tune.json").string()});
  });
  EXPECT_NE(both.find("is a study and 2 folders are given; a study alone, or runs, is required"),
            std::string::npos)
      << both;
  write(folder_ / "a-tune/metrics.jsonl", "");  // a run, whatever else lies there
  EXPECT_FALSE(is_study((folder_ / "a-tune").string()));
}

TEST_F(Studies, WithoutABestTrialSaySo) {
  const std::string html = page_of(
      study_of(study_trial(0, "failed", "null", R"("optimizer.type":"sgd")", "\"no\""), "null"));
  EXPECT_NE(html.find("No trial is complete"), std::string::npos);
  EXPECT_EQ(html.find("Validation loss over optimizer.lr"), std::string::npos);
  EXPECT_NE(page_of(study_of("", "null")).find("0 trials"), std::string::npos);
}

TEST_F(Studies, DamagedAreRefusedInOneSentence) {
  const std::string whole = study_of(five_trials());
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const auto& [text, part] :
       {std::pair<std::string, std::string>{"", "JSON"},
        {whole.substr(0, whole.size() / 2), "JSON"},
        {"[]", "an object is required"},
        {changed("\"schema\":1", "\"schema\":2"), "schema is 2; schema 1 is required"},
        {changed("\"best\":2", "\"best\":3"), "best is 3; the number of a trial that is complete"},
        {changed("\"loss\":0.25", "\"loss\":\"much\""), "trials[0].loss is 'much'; a number"},
        {changed("\"kind\":\"choice\"", "\"kind\":\"pick\""), "kind is 'pick'; float, int or"},
        {changed("\"complete\"", "\"done\""), "trials[0].outcome is 'done'; complete, pruned"},
        {changed("[4,2.5]", "[4]"), "validations[0] has 1 values; a step and a loss"},
        {changed("[4,2.5]", "[-4,2.5]"), "an integer from 0"},
        {changed("\"seconds\":1.5,", ""), "seconds is missing"}}) {
    const std::string message = refusal_of(text);
    EXPECT_NE(message.find(part), std::string::npos) << message << "\nwithout: " << part;
  }
  fs::remove(folder_ / "a-tune/tune.json");
  write(folder_ / "elsewhere.json", whole);
  fs::create_symlink(folder_ / "elsewhere.json", folder_ / "a-tune/tune.json");
  const std::string link = message_of([&] { report_page({(folder_ / "a-tune").string()}); });
  EXPECT_NE(link.find("a link, which is not followed"), std::string::npos) << link;
}

TEST_F(Studies, StaySmallWithManyTrials) {
  std::string trials;
  for (int i = 0; i < 5000; ++i)
    trials += (i > 0 ? "," : "") + study_trial(i, "complete", fmt::format("{}", 0.25 + i),
                                               R"("optimizer.type":"adamw","optimizer.lr":0.001)");
  const std::string html = page_of(study_of(trials, "0"));
  EXPECT_LT(html.size(), 1'000'000u);
  EXPECT_NE(html.find("The best 1000 of 5000 trials."), std::string::npos);
  EXPECT_NE(html.find("The best 60 of 5000 trials."), std::string::npos);
}

}  // namespace
}  // namespace weft::view
