// SPDX-License-Identifier: Apache-2.0
// Outputs of the command that cannot be written, are closed, or are no regular files.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <png.h>

#include "weft/core/sha256.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/app/run_command.h"
#include "weft/tests/app/small_config.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::app {
namespace {

using namespace testing_app;
namespace fs = std::filesystem;

class Outputs : public test_support::InScratchFolder {
 protected:
  Outputs() : InScratchFolder("outputs") { write_small_config(folder_); }

  void write_picture(const std::string& name, unsigned size) const {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = image.height = size;
    image.format = PNG_FORMAT_GRAY;
    const std::vector<unsigned char> pixels(std::size_t{size} * size, 100);
    ASSERT_NE(
        png_image_write_to_file(&image, (folder_ / name).c_str(), 0, pixels.data(), 0, nullptr), 0);
  }
  void train(const std::string& redirection = ">out.txt 2>&1", int code = 0) const {
    EXPECT_EQ(run_line(folder_, "\"$WEFT\" train small.yaml run.dir=run " + redirection), code)
        << file_text(folder_ / "out.txt") << file_text(folder_ / "err.txt");
  }
  std::string text(const std::string& name) const { return file_text(folder_ / name); }
};

constexpr const char* kLost = "weft: standard output: not all text could be written (";

TEST_F(Outputs, ThatCannotBeWrittenAreOneWithASentence) {
  train();
  write_picture("a.png", 28);
  for (const char* command :
       {"list", "list optimizer adamw", "summary small.yaml", "config small.yaml",
        "config --schema", "trace small.yaml", "evaluate run", "evaluate run --json",
        "predict run a.png", "predict run a.png --json", "export run out.safetensors", "--help",
        "--help-all", "--version", "train --help"})
    for (const char* redirection : {">/dev/full", ">&-", "<&- >&-"}) {
      const std::string line = std::string("\"$WEFT\" ") + command + " 2>err.txt " + redirection;
      EXPECT_EQ(run_line(folder_, line), 1) << line << "\n" << text("err.txt");
      EXPECT_TRUE(text("err.txt").starts_with(kLost)) << line << "\n" << text("err.txt");
      const char* reason =
          redirection[0] == '>' && redirection[1] == '/' ? "(No space left" : "(Bad file desc";
      EXPECT_NE(text("err.txt").find(reason), std::string::npos) << line << "\n" << text("err.txt");
    }
}

TEST_F(Outputs, OfAMistakeAreStillAMistake) {
  EXPECT_EQ(run_line(folder_, "\"$WEFT\" evaluate nowhere >/dev/full 2>err.txt"), 2);
  EXPECT_EQ(run_line(folder_, "\"$WEFT\" evaluate nowhere >&- 2>&-"), 2);
}

TEST_F(Outputs, ARunGoesOnWithoutItsConsole) {
  for (const char* redirection : {">/dev/full", ">&-", "<&- >&-"}) {
    fs::remove_all(folder_ / "run");
    train(std::string("2>err.txt ") + redirection, 1);
    EXPECT_TRUE(fs::exists(folder_ / "run/checkpoints/last/model.safetensors"));
    const std::string log = text("run/log.txt");
    EXPECT_NE(log.find("epoch 2/2"), std::string::npos) << log;
    EXPECT_NE(log.find("done after 2 epochs"), std::string::npos) << log;
    EXPECT_EQ(log.find("checkpoint: requested"), std::string::npos) << log;
    const std::string errors = text("err.txt");
    EXPECT_TRUE(errors.starts_with("weft: done after 2 epochs")) << errors;
    EXPECT_NE(errors.find(kLost), std::string::npos) << errors;
  }
}

TEST_F(Outputs, AFailureOrAStopKeepsItsExitCode) {
  train("optimizer.type=sgd optimizer.lr=1e30 >/dev/full 2>err.txt", 3);
  const pid_t child = start_line(
      folder_, "exec \"$WEFT\" train small.yaml run.dir=long train.epochs=1000000 >&- 2>&-");
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "long/metrics.jsonl"); }));
  kill(child, SIGTERM);
  EXPECT_EQ(end_of(child), 143);
}

TEST_F(Outputs, StandardErrorMayBeClosed) {
  train(">out.txt 2>&-");
  EXPECT_NE(text("out.txt").find("done after 2 epochs"), std::string::npos);
}

// A rename would replace a device, a pipe or a link by a file.
TEST_F(Outputs, ThatAreNoRegularFilesStayWhatTheyAre) {
  train();
  EXPECT_EQ(run_line(folder_,
                     "mkfifo pipe.safetensors && ln -s /dev/null null.safetensors && "
                     "mkdir sub && ln -s sub/file link.safetensors && "
                     "\"$WEFT\" export run plain.safetensors"),
            0);
  const auto expect_kept = [&](const std::string& arguments) {
    EXPECT_EQ(run_line(folder_, "cat pipe.safetensors >read & \"$WEFT\" " + arguments +
                                    "pipe.safetensors; code=$?; wait; exit $code"),
              0);
    EXPECT_EQ(run_line(folder_, "\"$WEFT\" " + arguments + "null.safetensors"), 0);
    EXPECT_EQ(run_line(folder_, "\"$WEFT\" " + arguments + "link.safetensors"), 0);
    EXPECT_TRUE(fs::is_fifo(folder_ / "pipe.safetensors"));
    EXPECT_TRUE(fs::is_symlink(folder_ / "null.safetensors"));
    EXPECT_TRUE(fs::is_symlink(folder_ / "link.safetensors"));
    EXPECT_TRUE(fs::is_regular_file(folder_ / "sub/file"));
    EXPECT_EQ(text("read"), text("sub/file"));
    EXPECT_GT(text("read").size(), 1000u);
  };
  expect_kept("evaluate run --logits ");
  expect_kept("export run ");
  EXPECT_EQ(text("read"), text("plain.safetensors"));
  EXPECT_EQ(run_line(folder_,
                     "ln -s /dev/full full.safetensors; "
                     "\"$WEFT\" export run full.safetensors 2>err.txt"),
            1);
  EXPECT_NE(text("err.txt").find("No space left on device"), std::string::npos) << text("err.txt");
}

TEST_F(Outputs, APipeThatNobodyReadsEndsTheCommand) {
  train();
  EXPECT_EQ(run_line(folder_, "mkfifo f; timeout 60 \"$WEFT\" evaluate run --logits f 2>err.txt"),
            2);
  EXPECT_NE(text("err.txt").find("f is a pipe that nobody reads"), std::string::npos)
      << text("err.txt");
  EXPECT_TRUE(fs::is_fifo(folder_ / "f"));
}

TEST_F(Outputs, PredictPrintsTheGoodPicturesBesideABadOne) {
  train();
  write_picture("good.png", 28);
  write_picture("large.png", 30);
  train::testing_runs::write(folder_ / "bad.png", "no picture");
  const std::string files = " missing.png good.png bad.png large.png good.png";
  for (const std::string option : {"", " --json"}) {
    EXPECT_EQ(run_line(folder_, "\"$WEFT\" predict run" + files + option + " >out.txt 2>err.txt"),
              2);
    const std::string output = text("out.txt"), errors = text("err.txt");
    EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 2) << output;
    EXPECT_NE(output.find("good.png"), std::string::npos) << output;
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 3) << errors;
    for (const char* name : {"weft: missing.png: ", "weft: bad.png: ", "weft: large.png: 30 × 30"})
      EXPECT_NE(errors.find(name), std::string::npos) << errors;
  }
  EXPECT_EQ(run_line(folder_, "\"$WEFT\" predict run bad.png >out.txt 2>err.txt"), 2);
  EXPECT_EQ(text("out.txt"), "");
}

// The manifest lists the hash of these weights, so they are not damaged.
TEST_F(Outputs, OfWeightsThatAreNotFiniteAreThreeWithASentence) {
  train();
  write_picture("a.png", 28);
  const fs::path checkpoint = folder_ / "run/checkpoints/last";
  const std::string weights = (checkpoint / train::kModelFile).string();
  const TensorMap tensors = read_safetensors(weights);
  for (const auto& [name, tensor] : tensors) tensor.fill(std::nan(""));
  write_safetensors(weights, tensors, read_safetensors_metadata(weights));
  train::Manifest manifest = train::read_manifest(checkpoint);
  manifest[train::kModelFile] = {static_cast<i64>(fs::file_size(weights)), sha256_of_file(weights)};
  train::testing_runs::write(checkpoint / train::kManifestFile, train::manifest_text(manifest));
  const std::vector<std::pair<std::string, std::string>> outcomes{
      {"predict run a.png",
       "weft: a.png: the outputs of the model are not finite; finite weights are required\n"},
      {"evaluate run --json",
       "weft: evaluate: the loss on the test split is nan; outputs and targets with a finite loss "
       "are required\n"}};
  for (const auto& [arguments, message] : outcomes) {
    EXPECT_EQ(run_line(folder_, "\"$WEFT\" " + arguments + " >out.txt 2>err.txt"), 3);
    EXPECT_EQ(text("err.txt"), message);
  }
  EXPECT_NE(text("out.txt").find("\"loss\":null"), std::string::npos) << text("out.txt");
}

// The squares of the test targets are infinite, and the outputs are not.
TEST_F(Outputs, OfATestLossThatIsNotFiniteAreThreeAfterAllIsSaved) {
  for (const char* name : {"train.csv", "test.csv"}) {
    std::string rows = "a,y\n";
    for (int i = 0; i < 40; ++i)
      rows += std::to_string(i) + (name[1] == 'e' ? ",1e30\n" : "," + std::to_string(i % 5) + "\n");
    train::testing_runs::write(folder_ / name, rows);
  }
  train::testing_runs::write(folder_ / "table.yaml",
                             "run: {threads: 1}\n"
                             "data: {type: csv, path: train.csv, test_path: test.csv, target: y, "
                             "validation_split: 0}\n"
                             "task: regression\n"
                             "model: {type: mlp, hidden: []}\n"
                             "train: {epochs: 1, batch_size: 10}\n");
  const std::string sentence =
      "the loss on the test split is inf; outputs and targets with a finite loss are required\n";
  for (const char* resume : {"never", "auto"}) {  // the second one makes the test alone
    const std::string line = "\"$WEFT\" train table.yaml run.dir=run resume=";
    EXPECT_EQ(run_line(folder_, line + resume + " >out.txt 2>err.txt"), 3) << text("out.txt");
    EXPECT_EQ(text("err.txt"), "weft: " + sentence);
    EXPECT_NE(text("out.txt").find("test: loss inf"), std::string::npos) << text("out.txt");
    EXPECT_NE(text("out.txt").find("failed after 1 epoch, 4 steps"), std::string::npos);
    EXPECT_NE(text("run/metrics.jsonl").find("\"event\":\"test\""), std::string::npos);
    EXPECT_TRUE(fs::exists(folder_ / "run/checkpoints/last/manifest.json"));
  }
  EXPECT_EQ(run_line(folder_, "\"$WEFT\" evaluate run >out.txt 2>err.txt"), 3);
  EXPECT_EQ(text("err.txt"), "weft: evaluate: " + sentence);
}

TEST_F(Outputs, TheLastLineNamesTheValidationLossAndAnEarlyEndItsEpoch) {
  train();
  const std::string output = text("out.txt");
  const std::size_t last = output.rfind("done after 2 epochs");
  ASSERT_NE(last, std::string::npos) << output;
  const std::size_t loss = output.rfind("  validation loss ", last);
  ASSERT_NE(loss, std::string::npos) << output;
  const std::size_t begin = loss + 18;
  const std::string value = output.substr(begin, output.find("  ", begin) - begin);
  EXPECT_NE(output.find(", validation loss " + value + ". Next: ", last), std::string::npos)
      << output;

  fs::remove_all(folder_ / "run");
  train(
      "'callbacks=[{type: early_stopping, patience: 2, min_delta: 1000}]' train.epochs=9 "
      ">out.txt");
  EXPECT_NE(text("out.txt").find("run ended early in epoch 3: early_stopping: "), std::string::npos)
      << text("out.txt");
}

}  // namespace
}  // namespace weft::app
