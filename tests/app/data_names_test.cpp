// SPDX-License-Identifier: Apache-2.0
// A saved run whose data got other names: its outputs or inputs would mean something else.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "weft/tests/app/run_command.h"
#include "weft/tests/train/run_files.h"

namespace weft::app {
namespace {

using namespace train::testing_runs;
using namespace testing_app;

// A PNG file of four grey pixels.
const std::string kPicture(
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x04"
    "\x00\x00\x00\x01\x08\x00\x00\x00\x00\xdc\x57\x50\x11\x00\x00\x00\x0d\x49\x44\x41"
    "\x54\x78\xda\x63\x10\x68\x98\xf0\x1f\x00\x03\xe4\x02\x20\xc2\x35\xde\xf8\x00\x00"
    "\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82",
    70);

class DataNames : public InScratchFolder {
 protected:
  DataNames() : InScratchFolder("data_names") {
    write(folder_ / "run.yaml",
          "run: {dir: run, threads: 1}\n"
          "data: {type: csv, path: t.csv, target: y, categorical: [c], validation_split: 0.1}\n"
          "model: {type: mlp, hidden: [4]}\n"
          "train: {epochs: 1, batch_size: 20}\n");
  }

  // A row has the class `first` where its first number is the smaller one.
  void write_table_of(const std::string& head, const std::string& category,
                      const std::string& first) const {
    std::string text = head + "\n";
    for (int i = 0; i < 80; ++i)
      text += std::to_string(i % 7) + "," + std::to_string(i % 5) + "," +
              (i % 3 == 0 ? category : "q") + "," + (i % 7 < i % 5 ? first : "lo") + "\n";
    write(folder_ / "t.csv", text);
  }

  // Evaluating the run and continuing it are refused with this sentence.
  void expect_refused(const std::string& sentence) const {
    const Result evaluated = run_command(folder_, "evaluate run");
    EXPECT_EQ(evaluated.code, 2);
    EXPECT_NE(evaluated.output.find(sentence), std::string::npos) << evaluated.output;
    const Result resumed = run_command(folder_, "train run.yaml resume=auto train.epochs=2");
    EXPECT_EQ(resumed.code, 2);
    EXPECT_NE(resumed.output.find(sentence), std::string::npos) << resumed.output;
  }
  void expect_trained(const std::string& arguments) const {
    const Result result = run_command(folder_, "train run.yaml " + arguments);
    EXPECT_EQ(result.code, 0) << result.output;
  }
};

TEST_F(DataNames, OfATableStayThoseOfTheRun) {
  write_table_of("a,b,c,y", "p", "hi");
  expect_trained("");
  write_table_of("a,b,c,y", "p", "zz");
  expect_refused(
      "t.csv are not those of the saved run (only in the run: hi; only in the data: zz)");
  write_table_of("a,b,c,y", "z", "hi");
  expect_refused(
      "t.csv are not those of the saved run (only in the run: c=p; only in the data: c=z)");
  write_table_of("b,a,c,y", "p", "hi");
  expect_refused(
      "t.csv are in another order than those of the saved run ('b' in the place of 'a')");
  write_table_of("a,d,c,y", "p", "hi");
  expect_refused("(only in the run: b; only in the data: d); the same inputs are required");
  // A new run that begins with the weights may have other classes.
  write_table_of("a,b,c,y", "p", "zz");
  expect_trained("run.dir=fine model.pretrained.path=run/checkpoints/last/model.safetensors");
  write_table_of("a,b,c,y", "p", "hi");
  EXPECT_EQ(run_command(folder_, "evaluate run").code, 0);
  expect_trained("resume=auto train.epochs=2");
}

TEST_F(DataNames, NumbersOfATableMayBecomeClasses) {
  write(folder_ / "t.csv", "c,y\np,0\nq,1\np,0\nq,1\n");
  const Result result = run_command(
      folder_,
      "train run.yaml loss.type=classification data.validation_split=0 train.batch_size=2");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.output.find("data.task: classification makes classes of them"),
            std::string::npos)
      << result.output;
}

TEST_F(DataNames, OfFoldersStayThoseOfTheRun) {
  for (const char* name : {"cat", "dog"}) {
    fs::create_directories(folder_ / "pictures" / name);
    for (int i = 0; i < 12; ++i)
      write(folder_ / "pictures" / name / (std::to_string(i) + ".png"), kPicture);
  }
  write(folder_ / "run.yaml",
        "run: {dir: run, threads: 1}\n"
        "data: {type: image_folder, root: pictures, channels: 1, validation_split: 0.1}\n"
        "model: {type: mlp, hidden: [4]}\n"
        "train: {epochs: 1, batch_size: 4}\n");
  expect_trained("");
  fs::rename(folder_ / "pictures/cat", folder_ / "pictures/zebra");
  expect_refused(
      "pictures are not those of the saved run (only in the run: cat; only in the data: zebra); "
      "the same classes are required");
}

}  // namespace
}  // namespace weft::app
