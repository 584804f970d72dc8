// SPDX-License-Identifier: Apache-2.0
// A run finds its data again, also from another working directory.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/tests/data/temp_folder.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/saved_run.h"

namespace weft::train {
namespace {

using namespace testing_runs;

constexpr const char* kMnistRun = R"(
data: {type: mnist}
model: {type: mlp, hidden: [4]}
train: {epochs: 1, batch_size: 10}
)";

class DataPlace : public InScratchFolder {
 protected:
  DataPlace() : InScratchFolder("data-place"), before_(fs::current_path()) {
    for (const char* name : {"began", "later"}) fs::create_directories(folder_ / name);
    fs::current_path(folder_ / "began");
  }
  ~DataPlace() override { fs::current_path(before_); }

  // Images whose elements, and labels whose order, follow from `first`.
  static void write_mnist(const fs::path& folder, int images, int first = 0) {
    fs::create_directories(folder);
    const auto write = [&](const std::string& name, std::vector<int> sizes, int count, int most) {
      std::ofstream file(folder / name, std::ios::binary);
      file << '\0' << '\0' << '\x8' << static_cast<char>(sizes.size());
      for (const int size : sizes)
        for (int shift = 24; shift >= 0; shift -= 8) file << static_cast<char>(size >> shift);
      for (int i = 0; i < count; ++i) file << static_cast<char>((first + i * 7) % most);
    };
    for (const std::string split : {"train", "t10k"}) {
      write(split + "-images-idx3-ubyte", {images, 28, 28}, images * 784, 251);
      write(split + "-labels-idx1-ubyte", {images}, images, 10);
    }
  }
  RunConfig config(std::vector<std::string> keys) const {
    keys.push_back("run.dir=" + dir().string());
    return config::load_text<RunConfig>(kMnistRun, "test.yaml", keys).value;
  }
  void train(const std::vector<std::string>& keys) const {
    Orchestrator run(config(keys), "test");
    place_ = run.data().place;
    run.train();
  }
  i64 evaluated_samples() const {
    return SavedRun(dir().string(), "last").evaluate("test").samples;
  }
  void go_elsewhere() const { fs::current_path(folder_ / "later"); }
  std::string in_began(const std::string& path) const {
    return (folder_ / "began" / path).string();
  }

  mutable std::string place_;
  data::Environment no_data_dir_{"WEFT_DATA_DIR", nullptr};

 private:
  fs::path before_;
};

TEST_F(DataPlace, ARelativeRootIsFoundAgain) {
  write_mnist("my/mnist", 20);
  train({"data.root=my/mnist"});
  EXPECT_EQ(place_, in_began("my/mnist"));
  go_elsewhere();
  EXPECT_EQ(evaluated_samples(), 20);
  train({"data.root=my/mnist", "resume=auto", "train.epochs=2"});
  EXPECT_EQ(place_, in_began("my/mnist"));
  // Other data under the same relative path is not that of the run.
  write_mnist("my/mnist", 30, 1);
  EXPECT_EQ(evaluated_samples(), 20);
  EXPECT_EQ(
      SavedRun(dir().string(), "last").config().data.recipe.options_if<data::MnistSource>()->root,
      "my/mnist");
}

TEST_F(DataPlace, DataThatWasFoundWithoutARootIsFoundAgain) {
  write_mnist("data/mnist", 20);
  train({});
  EXPECT_EQ(place_, in_began("data/mnist"));
  go_elsewhere();
  EXPECT_EQ(evaluated_samples(), 20);
  train({"resume=auto", "train.epochs=2"});
  EXPECT_EQ(place_, in_began("data/mnist"));
  fs::rename(folder_ / "began/data", folder_ / "began/moved");
  EXPECT_NE(data::user_error_of([&] { evaluated_samples(); }).find(" or data/mnist;"),
            std::string::npos);
  data::Environment data_dir{"WEFT_DATA_DIR", in_began("moved").c_str()};
  const std::string warning = "data: read from " + in_began("moved/mnist") + "; the run read " +
                              in_began("data/mnist") + " before, which is not there now";
  Log log;
  EXPECT_EQ(evaluated_samples(), 20);
  EXPECT_TRUE(log.has(warning)) << log.text();
  log.clear();
  train({"resume=auto", "train.epochs=3"});
  EXPECT_TRUE(log.has(warning)) << log.text();
  log.clear();
  train({"resume=auto", "train.epochs=4"});  // its checkpoint names the new place
  EXPECT_FALSE(log.has("before")) << log.text();
}

TEST_F(DataPlace, ARootThatIsGivenAtAResumeIsTheOnlyPlace) {
  write_mnist("data/mnist", 20);
  train({});
  for (const char* root : {"other", "/nowhere"})
    EXPECT_NE(data::user_error_of([&] {
                train({std::string("data.root=") + root, "resume=auto", "train.epochs=2"});
              }).find(std::string(" in ") + root + ";"),
              std::string::npos);
  write_mnist("other", 20);
  Log log;
  train({"data.root=other", "resume=auto", "train.epochs=2"});
  EXPECT_EQ(place_, in_began("other"));
  EXPECT_TRUE(log.has("before, which is there too")) << log.text();
}

// Its config has the root that was the default then, and nothing is recorded.
TEST_F(DataPlace, ARunOfAnOlderWeftIsEvaluatedWithDataOfTheVariable) {
  write_mnist("all/mnist", 20);
  {
    data::Environment data_dir{"WEFT_DATA_DIR", in_began("all").c_str()};
    train({});
  }
  const auto edit = [&](const fs::path& path, const std::string& from, const std::string& to) {
    std::string text = text_of(path);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, from.size(), to);
    std::ofstream(path) << text;
  };
  edit(dir() / "config.yaml", "root: \"\"", "root: data/mnist");
  const fs::path checkpoint = dir() / "checkpoints/last";
  edit(checkpoint / kTrainerStateFile, "\"data_place\"", "\"another\"");
  Manifest manifest = read_manifest(checkpoint);
  const std::string state = text_of(checkpoint / kTrainerStateFile);
  manifest[kTrainerStateFile] = {static_cast<i64>(state.size()), sha256_of(state)};
  std::ofstream(checkpoint / kManifestFile) << manifest_text(manifest);
  EXPECT_NE(data::user_error_of([&] { evaluated_samples(); }).find(" or data/mnist;"),
            std::string::npos);
  data::Environment data_dir{"WEFT_DATA_DIR", in_began("all").c_str()};
  EXPECT_EQ(evaluated_samples(), 20);
}

TEST_F(DataPlace, DataThatLostAClassAreRefused) {
  const auto write_table = [&](int classes) {
    std::string text = "x,y\n";
    for (int i = 0; i < 40; ++i) text += fmt::format("{},c{}\n", i, i % classes);
    write("table.csv", text);
  };
  write_table(3);
  train({"data={type: csv, path: table.csv, target: y}"});
  EXPECT_EQ(evaluated_samples(), 8);
  write_table(2);
  try {
    evaluated_samples();
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("table.csv are not those of the saved run (only in the run: c2; only in "
                        "the data: none); the same classes are required"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace weft::train
