// SPDX-License-Identifier: Apache-2.0
// `weft report` and `weft plot` as a user runs them: files, exit codes and messages.
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "weft/tests/app/run_command.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::app {
namespace {

class ReportCommand : public test_support::InScratchFolder {
 protected:
  ReportCommand() : InScratchFolder("report-command") {
    std::ofstream(folder_ / "small.yaml")
        << "data: {type: digits, train_size: 100, test_size: 20, validation_split: 0.1}\n"
           "model: {type: mlp, hidden: [8]}\n"
           "train: {epochs: 2, batch_size: 20}\n";
    EXPECT_EQ(weft("train small.yaml run.dir=run").code, 0);
  }
  testing_app::Result weft(const std::string& arguments) {
    return testing_app::run_command(folder_, arguments);
  }
  std::string text(const std::string& name) { return testing_app::file_text(folder_ / name); }
};

TEST_F(ReportCommand, WritesOneFile) {
  const auto reported = weft("report run --out run.html");
  EXPECT_EQ(reported.code, 0) << reported.output;
  EXPECT_EQ(reported.output, "report: run.html\n");
  EXPECT_NE(text("run.html").find("class=\"confusion\""), std::string::npos);
  EXPECT_EQ(weft("report run --no-evaluate --out folders.html").code, 0);
  EXPECT_EQ(text("folders.html").find("class=\"confusion\""), std::string::npos);
  EXPECT_EQ(weft("plot run --out run.svg --metrics 'lr,train/*' --x epoch").code, 0);
  EXPECT_NE(text("run.svg").find(">epoch</text>"), std::string::npos);
  EXPECT_EQ(weft("plot run --out run.png").code, 0);
}

TEST_F(ReportCommand, RefusesInOneSentence) {
  std::ofstream(folder_ / "cut.tune.json") << R"({"schema":1,"sp)";
  for (const auto& [arguments, message] :
       {std::pair{"report none --out a.html", "weft: none: is not a folder"},
        {"report . --out a.html", "weft: .: is not the folder of a run"},
        {"report run --out run/log.txt", "is a file of the run"},
        {"report run", "--out is required"},
        {"report cut.tune.json --out a.html", "weft: cut.tune.json is no JSON"},
        {"report run cut.tune.json --out a.html",
         "cut.tune.json is a study and 2 folders are given"},
        {"plot run --out a.pdf", "'.pdf'; .svg or .png is required"},
        {"plot run --out a.svg --metrics validation/los", "did you mean 'validation/loss'"},
        {"plot run --out a.svg --x time", "--x"},
        {"report run --out none/a.html", "none/a.html"}}) {
    const auto refused = weft(arguments);
    EXPECT_EQ(refused.code, 2) << arguments << ": " << refused.output;
    EXPECT_NE(refused.output.find(message), std::string::npos) << refused.output;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.html"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.svg"));
}

}  // namespace
}  // namespace weft::app
