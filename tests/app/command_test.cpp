// SPDX-License-Identifier: Apache-2.0
// Tests of the `weft` command: its output, its files and its exit codes.
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/device/device.h"
#include "weft/tests/app/run_command.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

using testing_app::Result;

class Command : public test_support::InScratchFolder {
 protected:
  Command() : InScratchFolder("command") {
    write("small.yaml",
          "data: {type: digits, train_size: 200, test_size: 40, validation_split: 0.1}\n"
          "model: {type: mlp, hidden: [16]}\n"
          "train: {epochs: 2, batch_size: 20}\n");
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  Result weft(const std::string& arguments) { return testing_app::run_command(folder_, arguments); }
};

TEST_F(Command, TrainsEvaluatesExports) {
  const Result trained = weft("train small.yaml run.dir=run");
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("epoch 2/2"), std::string::npos) << trained.output;
  EXPECT_NE(trained.output.find("Next: weft evaluate run"), std::string::npos) << trained.output;
  EXPECT_EQ(trained.output.find('\r'), std::string::npos) << "no bar without a terminal";

  const Result evaluated = weft("evaluate run --json --logits logits.safetensors");
  ASSERT_EQ(evaluated.code, 0) << evaluated.output;
  const auto object = nlohmann::json::parse(evaluated.output);
  EXPECT_TRUE(object.contains("loss") && object.contains("accuracy"));
  EXPECT_EQ(object["samples"], 40);
  EXPECT_TRUE(fs::exists(folder_ / "logits.safetensors"));

  EXPECT_EQ(weft("export run out.safetensors").code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "out.safetensors"));
  EXPECT_EQ(weft("export run out.onnx").code, 2);
  EXPECT_EQ(weft("evaluate run --checkpoint step-9").code, 2);
}

TEST_F(Command, WarnsOfAVectorSetThatIsUnknown) {
  const auto warnings_with = [&](const std::string& setting) {
    EXPECT_EQ(testing_app::run_line(folder_, setting + " exec \"$WEFT\" list metric >out 2>err"),
              0);
    std::ifstream file(folder_ / "err");
    return std::string((std::istreambuf_iterator<char>(file)), {});
  };
  EXPECT_NE(warnings_with("WEFT_SIMD=avx").find("WEFT_SIMD is 'avx'; baseline, avx2 or avx512 is"),
            std::string::npos);
  EXPECT_EQ(warnings_with("WEFT_SIMD=baseline"), "");
}

// The number behind a word of a text, at its last place.
double number_behind(const std::string& text, const std::string& word) {
  const std::size_t at = text.rfind(word);
  return at == text.npos ? std::nan("") : std::strtod(text.c_str() + at + word.size(), nullptr);
}

TEST_F(Command, SmallNumbersKeepTheirDigits) {
  const Result trained = weft(
      "train small.yaml run.dir=run train.overfit_batches=1 train.epochs=150 optimizer.lr=1e-2");
  ASSERT_EQ(trained.code, 0) << trained.output;
  std::ifstream metrics(folder_ / "run/metrics.jsonl");
  double loss = 0;
  for (std::string line; std::getline(metrics, line);)
    if (const auto event = nlohmann::json::parse(line); event["event"] == "epoch")
      loss = event["train/loss"].get<double>();
  EXPECT_LT(loss, 2e-3);
  EXPECT_NEAR(number_behind(trained.output, "epoch 150/150  loss "), loss, 1e-3 * loss);
  const Result evaluated = weft("evaluate run --split train");
  const auto exact = nlohmann::json::parse(weft("evaluate run --split train --json").output);
  loss = exact["loss"].get<double>();
  EXPECT_LT(loss, 2e-3);
  EXPECT_NEAR(number_behind(evaluated.output, "  loss "), loss, 1e-3 * loss) << evaluated.output;
}

TEST_F(Command, MakesAFolderByDateAndALinkToIt) {
  ASSERT_EQ(weft("train small.yaml train.epochs=1").code, 0);
  ASSERT_EQ(weft("train small.yaml train.epochs=1").code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "runs/latest/config.yaml"));
  EXPECT_EQ(weft("evaluate runs/latest").code, 0);
}

// A convolution of oneDNN waited forever for threads that OpenMP did not start.
TEST_F(Command, FewerThreadsThanAskedForDoNotHang) {
  const std::string line =
      "OMP_NUM_THREADS=3 OMP_THREAD_LIMIT=1 timeout -s KILL 60 \"$WEFT\" train small.yaml "
      "train.epochs=1 'model={type: cnn, channels: [32, 64], hidden: 16}' >out 2>&1";
  EXPECT_EQ(testing_app::run_line(folder_, line), 0) << testing_app::file_text(folder_ / "out");
}

TEST_F(Command, RunsThatStartTogetherGetFoldersOfTheirOwn) {
  testing_app::run_line(folder_,
                        "for i in 1 2 3 4; do \"$WEFT\" train small.yaml train.epochs=1 >out.$i "
                        "2>&1 & done; wait; cat out.? >out");
  const std::string output = testing_app::file_text(folder_ / "out");
  EXPECT_EQ(output.find("weft: "), std::string::npos) << output;
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "runs/small"))
    folders += fs::exists(entry.path() / "checkpoints/last/model.safetensors") ? 1 : 0;
  EXPECT_EQ(folders, 4) << output;
}

TEST_F(Command, TheNextCommandIsQuotedForTheShell) {
  const Result trained = weft("train small.yaml train.epochs=1 \"run.dir=it's a run\"");
  ASSERT_EQ(trained.code, 0) << trained.output;
  const std::string next = "Next: weft ";
  const std::size_t at = trained.output.find(next);
  ASSERT_NE(at, std::string::npos) << trained.output;
  EXPECT_NE(trained.output.find("evaluate 'it'\\''s a run'"), std::string::npos) << trained.output;
  std::string line = trained.output.substr(at + next.size());
  line.resize(line.find('\n'));
  EXPECT_EQ(weft(line).code, 0) << line;
}

TEST_F(Command, TheNextCommandTakesAnyNameForAPath) {
  const Result trained = weft("train small.yaml train.epochs=1 run.dir=-x");
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("Next: weft evaluate ./-x"), std::string::npos) << trained.output;
}

TEST_F(Command, ExportsReplaceNoCheckpoint) {
  ASSERT_EQ(weft("train small.yaml train.epochs=1 run.dir=run").code, 0);
  const std::string weights = "run/checkpoints/last/model.safetensors";
  for (const std::string& arguments :
       {"export run " + weights, "evaluate run --logits " + weights}) {
    const Result refused = weft(arguments);
    EXPECT_EQ(refused.code, 2) << refused.output;
    EXPECT_NE(refused.output.find("lies in the checkpoint"), std::string::npos) << refused.output;
  }
  EXPECT_EQ(weft("evaluate run").code, 0);
  const Result nowhere = weft("evaluate run --logits ''");
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_NE(nowhere.output.find("the path of a file or folder is required"), std::string::npos)
      << nowhere.output;
  const Result unnamed = weft("evaluate run --checkpoint ''");
  EXPECT_EQ(unnamed.code, 2);
  EXPECT_NE(unnamed.output.find("has no checkpoint ''"), std::string::npos) << unnamed.output;
  fs::remove(folder_ / weights);
  const Result missing = weft("evaluate run");
  EXPECT_NE(missing.output.find("model.safetensors is missing; a file is required"),
            std::string::npos)
      << missing.output;
}

TEST_F(Command, WarningsSendNothingToTheTerminal) {
  ASSERT_EQ(weft("train small.yaml run.dir=run checkpoint.keep_last=9").code, 0);
  fs::rename(folder_ / "run", folder_ / "\x1b[31mrun");
  fs::remove(folder_ / "\x1b[31mrun/checkpoints/step-9/manifest.json");
  const Result evaluated = weft("evaluate '\x1b[31mrun' --checkpoint best");
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  EXPECT_NE(evaluated.output.find("weft: warning: checkpoint: step-9 is passed over"),
            std::string::npos)
      << evaluated.output;
  EXPECT_EQ(evaluated.output.find('\x1b'), std::string::npos) << evaluated.output;
}

TEST_F(Command, AFileSystemThatRefusesIsASentence) {
  const std::string name(300, 'x');
  for (const std::string& arguments :
       {"train small.yaml run.dir=" + name, "evaluate " + name, "predict " + name + " a.png",
        "train small.yaml resume=" + name, "train small.yaml resume=auto run.dir=" + name}) {
    const Result result = weft(arguments);
    EXPECT_EQ(result.code, 2) << arguments << "\n" << result.output;
    EXPECT_NE(result.output.find("File name too long"), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("internal error"), std::string::npos) << result.output;
  }
}

TEST_F(Command, AFailureBeforeTheFirstSaveSaysThatNothingIsSaved) {
  const Result failed =
      weft("train small.yaml run.dir=run optimizer.type=sgd optimizer.lr=1e30 train.epochs=3");
  EXPECT_EQ(failed.code, 3) << failed.output;
  EXPECT_NE(failed.output.find("no checkpoint was saved"), std::string::npos) << failed.output;
  EXPECT_EQ(failed.output.find("what was saved"), std::string::npos) << failed.output;
}

TEST_F(Command, UserMistakesAreOneSentenceAndTwo) {
  const auto expect_mistake = [&](const std::string& arguments, const std::string& part) {
    const Result result = weft(arguments);
    EXPECT_EQ(result.code, 2) << arguments << "\n" << result.output;
    EXPECT_NE(result.output.find(part), std::string::npos) << arguments << "\n" << result.output;
    EXPECT_FALSE(fs::exists(folder_ / "runs")) << arguments;
  };
  expect_mistake("train missing.yaml", "missing.yaml");
  expect_mistake("train small.yaml train.epoch=3", "did you mean 'epochs'");
  expect_mistake("train small.yaml optimizer=adma", "adam");
  if (!kHasCuda)
    expect_mistake("train small.yaml run.device=cuda",
                   "device: 'cuda' given; this build of weft has no CUDA, use cpu or auto");
  expect_mistake("train small.yaml train.epochs=ten",
                 "command line: train.epochs: expected an integer");
  expect_mistake("train small.yaml train.batch_size=9000", "train.batch_size: 9000 given");
  write("mnist.yaml", "data: {type: mnist, root: no_such_folder}\nmodel: mlp\n");
  expect_mistake("train mnist.yaml", "no_such_folder");
  expect_mistake("evaluate nowhere", "nowhere");
  expect_mistake("predict nowhere x.png", "nowhere");
  expect_mistake("trian small.yaml", "did you mean 'train'");
  expect_mistake("", "");
  write("bad.yaml", "data: {type: digits}\nmodel: {type: mlp, hiden: [3]}\n");
  expect_mistake("train bad.yaml", "bad.yaml:2:20: model.hiden");
}

TEST_F(Command, FailedTrainingIsThree) {
  const Result failed =
      weft("train small.yaml run.dir=run optimizer.type=sgd optimizer.lr=1e30 train.epochs=3");
  EXPECT_EQ(failed.code, 3) << failed.output;
  EXPECT_NE(failed.output.find("weft: the loss is "), std::string::npos) << failed.output;
  EXPECT_NE(failed.output.find("failed after 0 epochs"), std::string::npos) << failed.output;
}

TEST_F(Command, ShowsWithoutTraining) {
  EXPECT_NE(weft("list").output.find("optimizer"), std::string::npos);
  EXPECT_NE(weft("list optimizer adamw").output.find("weight_decay"), std::string::npos);
  EXPECT_EQ(weft("list optimzer").code, 2);
  EXPECT_NE(weft("summary small.yaml").output.find("Linear(784, 16)"), std::string::npos);
  EXPECT_NE(weft("config small.yaml").output.find("batch_size: 20"), std::string::npos);
  EXPECT_NE(weft("config --schema").output.find("validation_split"), std::string::npos);
  EXPECT_NE(weft("trace small.yaml --text").output.find("cross_entropy"), std::string::npos);
  EXPECT_NE(weft("--version").output.find("vector width"), std::string::npos);
  EXPECT_NE(
      weft("--version")
          .output.find(kHasCuda ? "devices: cpu, cuda (" : "devices: cpu (built without CUDA)"),
      std::string::npos);
  EXPECT_EQ(weft("--help").code, 0);
  for (const char* name :
       {"train", "evaluate", "predict", "export", "list", "summary", "config", "trace"})
    EXPECT_EQ(weft(std::string(name) + " --help").code, 0) << name;
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(Command, TracesIntoFiles) {
  const Result both = weft("trace small.yaml --html page.html --perfetto events.json");
  EXPECT_EQ(both.code, 0) << both.output;
  EXPECT_EQ(both.output.find("cross_entropy"), std::string::npos) << "files, not the table";
  const std::string page = testing_app::file_text(folder_ / "page.html");
  EXPECT_EQ(page.rfind("<!doctype html>", 0), 0U);
  EXPECT_NE(page.find("cross_entropy"), std::string::npos);
  EXPECT_EQ(page.find("http-equiv=\"refresh\""), std::string::npos);
  EXPECT_NE(testing_app::file_text(folder_ / "events.json").find("\"traceEvents\""),
            std::string::npos);
  const Result text = weft("trace small.yaml --text --html page.html");
  EXPECT_NE(text.output.find("parameter "), std::string::npos) << text.output;

  const Result nowhere = weft("trace small.yaml --html none/page.html");
  EXPECT_EQ(nowhere.code, 2) << nowhere.output;
  EXPECT_NE(nowhere.output.find("there is no folder none"), std::string::npos) << nowhere.output;
  EXPECT_FALSE(fs::exists(folder_ / "a.html"));
}

TEST_F(Command, NumbersOfOptionsAreCheckedWithASentence) {
  for (const auto& [arguments, message] :
       {std::pair{"lr-find small.yaml --from 0,001",
                  "weft: command line: --from: '0,001' given; a rate above 0 that f32 holds is "
                  "required (write 0.001, with a decimal point)"},
        {"lr-find small.yaml --from 0",
         "command line: --from: '0' given; a rate above 0 that f32 holds"},
        {"lr-find small.yaml --to 1e308",
         "command line: --to: '1e308' given; a rate above from that f32 holds"},
        {"lr-find small.yaml --to high", "command line: --to: 'high' given; a rate above from"},
        {"lr-find small.yaml --steps 20.5",
         "command line: --steps: '20.5' given; an integer from 20 to 1000000 is required"},
        {"lr-find small.yaml --steps 1,000", "(write 1000)"},
        {"lr-find small.yaml --steps 19", "command line: --steps: '19' given; an integer from 20"},
        {"tune small.yaml --trials 2,5",
         "command line: --trials: '2,5' given; an integer of at least 1"},
        {"tune small.yaml --jobs 0", "command line: --jobs: '0' given; an integer of at least 1"},
        {"tune small.yaml --seed 1.5",
         "command line: --seed: '1.5' given; an integer from 0 to"}}) {
    const Result refused = weft(arguments);
    EXPECT_EQ(refused.code, 2) << arguments << ": " << refused.output;
    EXPECT_NE(refused.output.find(message), std::string::npos) << arguments << refused.output;
  }
  const Result taken = weft("lr-find small.yaml --from 1e-4 --to 1e0 --steps 2e1");
  EXPECT_EQ(taken.code, 0) << taken.output;
}

// A named pipe would keep the command waiting for one who writes. What a shell passes is open.
TEST_F(Command, AConfigIsAFileOrAPipeThatIsOpen) {
  ASSERT_EQ(testing_app::run_line(folder_, "mkfifo pipe.yaml"), 0);
  for (const char* verb : {"train", "config", "summary", "lr-find"}) {
    const Result refused = weft(std::string(verb) + " pipe.yaml");
    EXPECT_EQ(refused.code, 2);
    EXPECT_NE(refused.output.find("expected a file, got the pipe pipe.yaml"), std::string::npos)
        << refused.output;
  }
  ASSERT_EQ(testing_app::run_line(folder_, "mkdir run && mkfifo run/config.yaml"), 0);
  for (const char* arguments : {"evaluate run", "predict run a.png", "export run a.safetensors"})
    EXPECT_EQ(weft(arguments).code, 2) << arguments;
  EXPECT_EQ(testing_app::run_line(folder_, "cat small.yaml | \"$WEFT\" config /dev/stdin >out"), 0);
  EXPECT_EQ(testing_app::run_line(folder_, "\"$WEFT\" config /dev/fd/7 7<small.yaml >out"), 0);
}

// Data of the same kind lie where a new run would look, and their loss would be another one.
TEST_F(Command, EvaluatesOnNoOtherDataThanThoseOfTheRun) {
  const auto write_data = [&](const fs::path& folder, char pixel) {
    fs::create_directories(folder);
    for (const char* name : {"data_batch_1.bin", "test_batch.bin"}) {
      std::string records;
      for (char label = 0; label < 10; ++label)
        records += label + std::string(3072, static_cast<char>(pixel + label));
      std::ofstream(folder / name, std::ios::binary) << records;
    }
  };
  write_data(folder_ / "mine", 7);
  write("cifar.yaml",
        "data: {type: cifar10, root: mine, validation_split: 0}\n"
        "model: {type: mlp, hidden: [4]}\n"
        "train: {epochs: 1, batch_size: 10}\n");
  const Result trained = weft("train cifar.yaml run.dir=run");
  ASSERT_EQ(trained.code, 0) << trained.output;
  const Result first = weft("evaluate run");
  ASSERT_EQ(first.code, 0) << first.output;
  fs::create_directories(folder_ / "elsewhere");
  write_data(folder_ / "elsewhere/mine", 90);
  const auto elsewhere = [&] {
    return testing_app::run_command(folder_ / "elsewhere", "evaluate ../run");
  };
  EXPECT_EQ(elsewhere().output, first.output);
  fs::rename(folder_ / "mine", folder_ / "moved");
  const Result gone = elsewhere();
  EXPECT_EQ(gone.code, 2) << gone.output;
  EXPECT_NE(gone.output.find("the run read its data from " + (folder_ / "mine").string()),
            std::string::npos)
      << gone.output;
  EXPECT_NE(gone.output.find("data.root in ../run/config.yaml"), std::string::npos) << gone.output;
  std::string config = testing_app::file_text(folder_ / "run/config.yaml");
  const std::string root = "root: mine";
  ASSERT_NE(config.find(root), std::string::npos) << config;
  config.replace(config.find(root), root.size(), "root: " + (folder_ / "moved").string());
  write("run/config.yaml", config);
  EXPECT_EQ(elsewhere().output, "weft: warning: data: read from " + (folder_ / "moved").string() +
                                    "; the run read " + (folder_ / "mine").string() +
                                    " before, which is not there now\n" + first.output);
}

TEST_F(Command, OutputsReplaceNothingThatIsRead) {
  const std::string config = testing_app::file_text(folder_ / "small.yaml");
  fs::create_symlink("small.yaml", folder_ / "link.svg");
  for (const auto& [arguments, message] :
       {std::pair{"trace small.yaml --perfetto small.yaml", "which is the file small.yaml"},
        {"trace small.yaml --html link.svg", "which is the file small.yaml"},
        {"lr-find small.yaml --out link.svg", "which is the file small.yaml"},
        {"lr-find small.yaml --out a.png", "a file that ends in .svg is required"},
        {"lr-find small.yaml --to inf", "a rate above from that f32 holds"},
        {"trace small.yaml --html a.html --perfetto ./a.html", "two files are required"}}) {
    const Result refused = weft(arguments);
    EXPECT_EQ(refused.code, 2) << arguments << ": " << refused.output;
    EXPECT_NE(refused.output.find(message), std::string::npos) << refused.output;
  }
  EXPECT_EQ(testing_app::file_text(folder_ / "small.yaml"), config);
  EXPECT_FALSE(fs::exists(folder_ / "a.html"));
}

TEST_F(Command, CtrlCEndsWithACheckpointAnd130) {
  const fs::path run = folder_ / "long";
  const pid_t child = testing_app::start_line(
      folder_, "exec \"$WEFT\" train small.yaml run.dir=long train.epochs=1000000 >/dev/null");
  ASSERT_TRUE(testing_app::wait_for([&] { return fs::exists(run / "metrics.jsonl"); }));
  kill(child, SIGINT);
  EXPECT_EQ(testing_app::end_of(child), 130);
  EXPECT_TRUE(fs::exists(run / "checkpoints/last/model.safetensors"));
}

}  // namespace
}  // namespace weft::app
