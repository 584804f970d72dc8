// SPDX-License-Identifier: Apache-2.0
// Plugins in the command: what is loaded, recorded and required, and what is refused.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "weft/core/sha256.h"
#include "weft/tests/app/run_command.h"
#include "weft/tests/train/run_files.h"

namespace weft::app {
namespace {

using namespace train::testing_runs;
using namespace testing_app;

constexpr const char* kTrained =
    "run: {device: cpu}\n"
    "data: {type: xor, size: 40, validation_split: 0.2}\n"
    "model: skip_mlp\n"
    "loss: tempered\n"
    "optimizer: {type: sign_sgd, lr: 1e-2}\n"
    "callbacks: [counter]\n"
    "loggers: [losses]\n"
    "train: {epochs: 2, batch_size: 8}\n";

class Plugins : public InScratchFolder {
 protected:
  Plugins() : InScratchFolder("plugins") {
    fs::create_directories(real_lib_);
    fs::create_directory_symlink(real_lib_, dir("lib"));
    fs::copy_file(WEFT_EXAMPLE_PLUGIN, mine());
    fs::copy_file(WEFT_TEST_PLUGIN, bad());
    write(dir("own.yaml"), std::string("plugins: [lib/libmine.so]\n") + kTrained);
    write(dir("bare.yaml"), kTrained);
  }
  ~Plugins() override { fs::remove_all(real_lib_); }

  fs::path mine() const { return dir("lib/libmine.so"); }
  fs::path bad() const { return dir("lib/libtest_plugin.so"); }
  Result weft(const std::string& arguments) const { return run_command(folder_, arguments); }
  // With $WEFT_TEST_PLUGIN.
  Result misbehaving(const std::string& how, const std::string& more = "") const {
    const int code = run_line(folder_, "WEFT_TEST_PLUGIN=" + how + " exec \"$WEFT\" list metric " +
                                           more + " --plugin lib/libtest_plugin.so >out 2>&1");
    return {code, text_of(dir("out"))};
  }
  bool was_opened() const { return fs::exists(dir("opened")); }
  // A plugin of the same name and entries, and another hash.
  void rebuild_mine() const { write(mine(), text_of(mine()) + "x"); }

 private:
  // `lib` leads here, because no code can be loaded from /dev/shm on some machines.
  const fs::path real_lib_ =
      fs::path(WEFT_TEST_PLUGIN).parent_path() / ("plugins-" + std::to_string(getpid()));
};

#define EXPECT_REFUSED(result, part)                                             \
  {                                                                              \
    const Result& refused = (result);                                            \
    EXPECT_EQ(refused.code, 2) << refused.output;                                \
    EXPECT_NE(refused.output.find(part), std::string::npos) << refused.output;   \
    EXPECT_EQ(std::count(refused.output.begin(), refused.output.end(), '\n'), 1) \
        << refused.output;                                                       \
  }

TEST_F(Plugins, AreListedWithWhereEachEntryComesFrom) {
  const Result all = weft("list --plugin lib/libmine.so --plugin lib/libtest_plugin.so");
  EXPECT_EQ(all.code, 0) << all.output;
  for (const char* part :
       {" xor (libmine.so)", " dark_corner (libmine.so)", " every_other (libmine.so)",
        " skip_mlp (libmine.so)", " tempered (libmine.so)", " caution (libmine.so)",
        " sign_sgd (libmine.so)", " triangle (libmine.so)", " biases (libmine.so)",
        " counter (libmine.so)", " twins (libmine.so)", " losses (libmine.so)",
        " halves (libmine.so)", " zero (libtest_plugin.so)", " mnist "})
    EXPECT_NE(all.output.find(part), std::string::npos) << part << all.output;
  EXPECT_EQ(all.output.find("mnist ("), std::string::npos);
  const Result keys = weft("list model skip_mlp --plugin lib/libmine.so");
  EXPECT_NE(keys.output.find("width"), std::string::npos) << keys.output;
  EXPECT_EQ(weft("list").output.find("xor"), std::string::npos);
}

TEST_F(Plugins, ATakenNameSaysByWhom) {
  EXPECT_REFUSED(misbehaving("take"),
                 "libtest_plugin.so: registry: metric 'mae' is taken by an entry that is built in");
  EXPECT_REFUSED(misbehaving("take_spelling"),
                 "libtest_plugin.so: registry: metric 'mae' is taken by an entry that is built in");
  EXPECT_REFUSED(misbehaving("take_other", "--plugin lib/libmine.so"),
                 "metric 'caution' is taken by the plugin libmine.so");
}

TEST_F(Plugins, ThatThrowOrExitWhileLoadingAreOneSentence) {
  EXPECT_REFUSED(misbehaving("throw"),
                 "lib/libtest_plugin.so: it threw while it was loaded (no licence)");
  EXPECT_REFUSED(misbehaving("throw_number"), "(an exception of a type of its own)");
  EXPECT_REFUSED(misbehaving("exit"), "it ended the process while it was loaded");
  EXPECT_REFUSED(misbehaving("quick_exit"), "it ended the process while it was loaded");
  EXPECT_REFUSED(misbehaving("abort"), "it called abort() while it was loaded");
  write(dir("bad.yaml"), std::string("plugins: [lib/libtest_plugin.so]\n") + kTrained);
  EXPECT_EQ(run_line(folder_, "WEFT_TEST_PLUGIN=throw exec \"$WEFT\" train bad.yaml >out 2>&1"), 2);
  EXPECT_NE(text_of(dir("out")).find("no licence"), std::string::npos) << text_of(dir("out"));
}

TEST_F(Plugins, ThatHideAKeyAreRefusedWhereTheyAreListed) {
  const std::string sentence =
      "metric 'shadow' of the plugin libtest_plugin.so names the key 'type' that chooses the entry; "
      "another name is required";
  EXPECT_REFUSED(misbehaving("shadow"), sentence);
  EXPECT_REFUSED(misbehaving("shadow", "shadow"), sentence);
  EXPECT_EQ(misbehaving("shadow", "zero").code, 0);
}

TEST_F(Plugins, AreNamedByWhatTheirHooksThrow) {
  write(dir("bad.yaml"), std::string(kTrained) +
                             "plugins: [lib/libmine.so, lib/libtest_plugin.so]\n"
                             "validation: {metrics: [throws]}\n");
  const int code =
      run_line(folder_, "WEFT_TEST_PLUGIN=throw_later exec \"$WEFT\" train bad.yaml >out 2>&1");
  const std::string output = text_of(dir("out"));
  EXPECT_EQ(code, 1) << output;
  EXPECT_NE(
      output.find("an entry of a plugin (libmine.so, libtest_plugin.so), or weft itself, threw "
                  "'no ruler'"),
      std::string::npos)
      << output;
}

TEST_F(Plugins, OfAnotherBuildAreRefusedBeforeTheyRun) {
  std::string bytes = text_of(bad());
  const std::string ours = "\ncompiler=";
  const std::size_t at = bytes.find(ours);
  ASSERT_NE(at, std::string::npos);
  bytes[at + ours.size()] = 'X';
  write(bad(), bytes);
  EXPECT_REFUSED(weft("list --plugin lib/libtest_plugin.so"), "it was built with X");
  EXPECT_FALSE(was_opened());
  write(bad(), "no library");
  EXPECT_REFUSED(weft("list --plugin lib/libtest_plugin.so"), "a shared library is required");
  EXPECT_REFUSED(weft("list --plugin lib"), "is a folder, not a regular file");
  EXPECT_REFUSED(weft("list --plugin lib/libmissing.so"), "does not exist");
}

TEST_F(Plugins, TwoOfOneNameAreRefused) {
  fs::create_directories(dir("other"));
  fs::copy_file(bad(), dir("other/libmine.so"));
  EXPECT_REFUSED(weft("list --plugin lib/libmine.so --plugin other/libmine.so"),
                 "another plugin of this name is loaded already");
  const Result twice = weft("list --plugin lib/libmine.so --plugin lib/libmine.so");
  EXPECT_EQ(twice.code, 0) << twice.output;
}

TEST_F(Plugins, AreLoadedBeforeTheConfigIsRead) {
  EXPECT_REFUSED(
      weft("summary bare.yaml loss=classification optimizer=sgd callbacks=[] loggers=[] model=mlp"),
      "bare.yaml:2");
  for (const char* given :
       {"own.yaml", "bare.yaml --plugin lib/libmine.so", "bare.yaml +plugins=[lib/libmine.so]"}) {
    const Result summary = weft(std::string("summary ") + given);
    EXPECT_EQ(summary.code, 0) << summary.output;
    EXPECT_NE(summary.output.find("skip"), std::string::npos) << summary.output;
  }
  fs::create_directories(dir("below"));
  write(dir("below/more.yaml"), "defaults: [../own]\n");
  EXPECT_EQ(weft("summary below/more.yaml").code, 0);  // relative to the file that gives the path
  write(dir("missing.yaml"), "plugins: [libnone.so]\ndata: digits\nmodel: mlp\n");
  EXPECT_REFUSED(weft("summary missing.yaml"), "plugin libnone.so: it does not exist");
  write(dir("wrong.yaml"), "plugins: {a: b}\ndata: digits\nmodel: mlp\n");
  EXPECT_REFUSED(weft("summary wrong.yaml"), "wrong.yaml:1");
}

// A run, what it records, and what continues it.
TEST_F(Plugins, SlowAreRecordedAndRequiredByARun) {
  const Result trained = weft("train own.yaml run.dir=run");
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("weft evaluate run --plugin " + mine().string()), std::string::npos)
      << trained.output;
  const std::string record = "libmine.so@sha256:" + sha256_of_file(mine().string());
  EXPECT_NE(text_of(dir("run/config.yaml")).find(record), std::string::npos);
  EXPECT_NE(text_of(dir("run/checkpoints/last/trainer_state.json")).find(record),
            std::string::npos);
  EXPECT_EQ(text_of(dir("run/config.yaml")).find("lib/libmine.so"), std::string::npos);
  EXPECT_NE(text_of(dir("run/metrics.jsonl")).find("\"counted\""), std::string::npos);
  const std::string losses = text_of(dir("run/losses.txt"));
  EXPECT_EQ(std::count(losses.begin(), losses.end(), '\n'), 2) << losses;
  EXPECT_TRUE(fs::exists(dir("run/checkpoints/last/loss.safetensors")));

  const char* missing = "names libmine.so (sha256 ";
  EXPECT_REFUSED(weft("evaluate run"), missing);
  EXPECT_REFUSED(weft("predict run none.png"), missing);
  EXPECT_REFUSED(weft("export run a.safetensors"), missing);
  EXPECT_REFUSED(weft("train run/config.yaml run.dir=run resume=auto train.epochs=3"), missing);
  write(dir("digits.yaml"), "data: digits\nmodel: mlp\n");
  EXPECT_EQ(weft("train digits.yaml run.dir=run resume=auto").code, 2);

  EXPECT_EQ(weft("evaluate run --plugin lib/libmine.so").code, 0);
  EXPECT_EQ(weft("export run a.safetensors --plugin lib/libmine.so").code, 0);
  EXPECT_EQ(weft("train own.yaml run.dir=run resume=auto train.epochs=3").code, 0);
  const Result again =
      weft("train run/config.yaml run.dir=run resume=auto train.epochs=4 --plugin lib/libmine.so");
  EXPECT_EQ(again.code, 0) << again.output;

  rebuild_mine();
  const Result evaluated = weft("evaluate run --plugin lib/libmine.so");
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  EXPECT_NE(evaluated.output.find("is another build than that of"), std::string::npos)
      << evaluated.output;
  const std::string resume = "train own.yaml run.dir=run resume=auto train.epochs=5";
  const Result refused = weft(resume);
  EXPECT_EQ(refused.code, 2) << refused.output;
  EXPECT_NE(refused.output.find("resume_override: [plugins"), std::string::npos) << refused.output;
  const Result overridden = weft(resume + " resume_override=[plugins]");
  EXPECT_EQ(overridden.code, 0) << overridden.output;
}

// Note [A run folder runs no code]
TEST_F(Plugins, SlowOfARunFolderAreNeverOpened) {
  ASSERT_EQ(weft("train own.yaml run.dir=run").code, 0);
  fs::copy_file(bad(), dir("run/libtest_plugin.so"));
  fs::copy_file(bad(), dir("libtest_plugin.so"));
  std::string config = text_of(dir("run/config.yaml"));
  const std::size_t line = config.find("plugins:");
  config.erase(line, config.find('\n', line) - line);
  const char* sentence = "libtest_plugin.so, and no path in a run folder (";
  const auto refuse_all = [&](const std::string& forged) {
    write(dir("run/config.yaml"), forged);
    for (const char* command :
         {"evaluate run", "predict run none.png", "export run a.safetensors",
          "train run/config.yaml run.dir=run resume=auto", "train run/config.yaml run.dir=more",
          "summary run/config.yaml", "config run/config.yaml", "trace run/config.yaml"})
      EXPECT_REFUSED(weft(std::string(command)), sentence);
    EXPECT_FALSE(was_opened());
  };
  refuse_all("plugins: [libtest_plugin.so]\n" + config);
  refuse_all("plugins: [" + dir("libtest_plugin.so").string() + "]\n" + config);
  // Through files that it includes, in the folder and beside it.
  write(dir("run/more.yaml"), "plugins: [libtest_plugin.so]\n");
  refuse_all("defaults: [more]\n" + config);
  fs::create_directories(dir("run/below"));
  write(dir("run/below/more.yaml"), "plugins: [../libtest_plugin.so]\n");
  refuse_all("defaults: [below/more]\n" + config);
  write(dir("beside.yaml"), "plugins: [libtest_plugin.so]\n");
  refuse_all("defaults: [../beside]\n" + config);
  // By the user's own config, which includes a file of the run, and by a link to one.
  write(dir("own2.yaml"), "defaults: [run/config]\n");
  EXPECT_REFUSED(weft("summary own2.yaml"), sentence);
  fs::create_symlink("run/more.yaml", dir("linked.yaml"));
  EXPECT_REFUSED(weft("summary linked.yaml data=digits model=mlp"), sentence);
  // A folder that is named as a run is one, whatever it holds.
  fs::create_directories(dir("plain"));
  write(dir("plain/config.yaml"), "plugins: [../libtest_plugin.so]\ndata: digits\nmodel: mlp\n");
  EXPECT_REFUSED(weft("train plain/config.yaml run.dir=plain resume=auto"), sentence);
  EXPECT_FALSE(was_opened());
  // What the command line names is the user's own.
  EXPECT_EQ(weft("evaluate run --plugin lib/libmine.so --plugin lib/libtest_plugin.so").code, 0);
  EXPECT_TRUE(was_opened());
}

}  // namespace
}  // namespace weft::app
