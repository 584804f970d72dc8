// SPDX-License-Identifier: Apache-2.0
// Run folders that were copied, forged or half lost: nothing outside them is touched, the newest
// checkpoint is found, and its bytes are verified before they are used.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/core/config/config.h"
#include "weft/core/files.h"
#include "weft/nn/serialize.h"
#include "weft/tests/train/received_run.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/checkpoint/own_files.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/checkpoint_place.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/saved_run.h"

namespace weft::train {
namespace {

using namespace testing_runs;

TEST_F(ReceivedRun, OnlyRemainsOfASaveAreRemoved) {
  train();
  fs::create_directories(checkpoints() / ".git");
  write(checkpoints() / ".git/HEAD", "precious");
  fs::create_directories(checkpoints() / ".step-9.tmp");
  fs::create_directories(checkpoints() / ".step-1-2.old");
  fs::create_directories(checkpoints() / ".step-01.tmp");  // not a name of weft
  fs::create_directory_symlink("step-8", checkpoints() / ".last.new");
  fs::create_directories(dir("elsewhere"));
  write(dir("elsewhere") / "precious", "x");
  fs::create_directory_symlink(dir("elsewhere"), checkpoints() / ".step-3.old");
  train({"resume=auto", "train.epochs=3"});
  EXPECT_TRUE(fs::exists(checkpoints() / ".git/HEAD"));
  EXPECT_TRUE(fs::exists(checkpoints() / ".step-01.tmp"));
  for (const char* gone : {".step-9.tmp", ".step-1-2.old", ".last.new", ".step-3.old"})
    EXPECT_FALSE(fs::exists(fs::symlink_status(checkpoints() / gone))) << gone;
  EXPECT_TRUE(fs::exists(dir("elsewhere") / "precious"));
}

TEST_F(ReceivedRun, NoLinkOutOfItIsFollowed) {
  train();
  write(dir("victim"), "precious");
  for (const char* name : {"metrics.jsonl", "metrics.csv", "log.txt", ".lock", "overrides.txt"}) {
    const std::string before = fs::exists(dir() / name) ? text_of(dir() / name) : "";
    fs::remove(dir() / name);
    fs::create_symlink(dir("victim"), dir() / name);
    EXPECT_SAYS(refusal_of_resume({"train.epochs=3"}), "is a link, which is not followed");
    fs::remove(dir() / name);
    if (!before.empty()) write(dir() / name, before);
  }
  fs::rename(checkpoints(), dir("moved"));
  fs::create_directory_symlink(dir("moved"), checkpoints());
  EXPECT_SAYS(refusal_of_resume({"train.epochs=3"}), "is a link, which is not followed");
  EXPECT_SAYS(refusal([&] { SavedRun(dir().string(), "last"); }), "is a link");
  EXPECT_EQ(text_of(dir("victim")), "precious");
}

TEST_F(ReceivedRun, ForgedLogsAreRefused) {
  train({"checkpoint.keep_last=9"});
  write(dir("victim"), "precious");
  const fs::path newest = find_checkpoint(dir(), "last");
  const std::string state = text_of(newest / kTrainerStateFile),
                    manifest = text_of(newest / kManifestFile);
  const auto refused = [&](const auto& change) {
    forge(newest, change);
    Log log;
    train({"checkpoint.keep_last=9", "resume=auto"});
    write(newest / kTrainerStateFile, state);
    write(newest / kManifestFile, manifest);
    for (const std::string& name : names_in(checkpoints()))
      if (name.ends_with("-2")) fs::remove_all(checkpoints() / name);
    return log.text();
  };
  EXPECT_SAYS(refused([](auto& j) { j["logs"]["../victim"] = 0; }), "'../victim'");
  EXPECT_SAYS(refused([&](auto& j) { j["logs"][dir("victim").string()] = 0; }), "is refused");
  EXPECT_SAYS(refused([](auto& j) { j["logs"]["config.yaml"] = 0; }), "'config.yaml'");
  EXPECT_SAYS(refused([](auto& j) { j["log_lines"]["../victim"] = 1; }), "'../victim'");
  EXPECT_SAYS(refused([](auto& j) { j["logs"]["metrics.csv"] = -1; }),
              "logs.metrics.csv is -1; an integer from 0");
  EXPECT_SAYS(refused([](auto& j) { j["step"] = -4; }), "step is -4; an integer from 0");
  // A size that no log has takes no memory, also into another folder.
  EXPECT_SAYS(refused([](auto& j) { j["logs"]["metrics.csv"] = i64{1} << 60; }), "was cut since");
  EXPECT_EQ(text_of(dir("victim")), "precious");
}

TEST_F(ReceivedRun, ForgedStateIsRefused) {
  train();
  const fs::path newest = find_checkpoint(dir(), "last");
  forge(newest, [](auto& j) { j["state"]["trainer"]["batch_parts"] = 0; });
  EXPECT_SAYS(refusal_of_resume({"train.epochs=3", "train.out_of_memory=split"}),
              "batch_parts is 0 and an integer from 1");
}

TEST_F(ReceivedRun, ACopyThatFollowedLinksGoesOn) {
  train();
  make_folder_of_link(checkpoints() / "last");
  make_folder_of_link(checkpoints() / "best");
  Log log;
  const RunReport report = train({"resume=auto", "train.epochs=4"});
  EXPECT_EQ(report.steps, 16);
  EXPECT_FALSE(log.has("failed")) << log.text();
  EXPECT_EQ(fs::read_symlink(checkpoints() / "last"), "step-16");
  EXPECT_EQ(find_checkpoint(dir(), "last").filename(), "step-16");
}

TEST_F(ReceivedRun, AFolderThatIsNoCopyStaysAndIsNoticedOnce) {
  train();
  fs::remove(checkpoints() / "last");
  fs::create_directories(checkpoints() / "last");
  write(checkpoints() / "last/model.safetensors", "other weights");
  Log log;
  train({"resume=auto", "train.epochs=4"});
  const std::string notice = "the link " + (checkpoints() / "last").string() + " cannot be made";
  EXPECT_TRUE(log.has(notice)) << log.text();
  EXPECT_EQ(log.text().find(notice), log.text().rfind(notice)) << log.text();
  EXPECT_EQ(text_of(checkpoints() / "last/model.safetensors"), "other weights");
  // The newest weights are read, not those in the folder `last`.
  EXPECT_EQ(find_checkpoint(dir(), "last").filename(), "step-16");
  EXPECT_NO_THROW(SavedRun(dir().string(), "last"));
}

TEST_F(ReceivedRun, ACopyWithOnlyTheFolderLastIsNotBegunAnew) {
  train();
  make_folder_of_link(checkpoints() / "last");
  for (const CheckpointName& name : checkpoints_in(checkpoints()))
    fs::remove_all(checkpoints() / name.text());
  const std::string metrics = text_of(dir() / "metrics.jsonl");
  EXPECT_SAYS(refusal_of_resume(), "has no step-N, but a folder");
  EXPECT_EQ(text_of(dir() / "metrics.jsonl"), metrics);
  EXPECT_NO_THROW(SavedRun(dir().string(), "last"));
}

TEST_F(ReceivedRun, WithoutLinksTheNewestAndTheBestAreFound) {
  train({"checkpoint.keep_last=9"});
  const fs::path best = fs::canonical(checkpoints() / "best");
  fs::remove(checkpoints() / "last");
  fs::remove(checkpoints() / "best");
  EXPECT_EQ(find_checkpoint(dir(), "last").filename(), "step-8");
  EXPECT_EQ(find_checkpoint(dir(), "best").filename(), best.filename());
  EXPECT_EQ(find_checkpoint(dir(), "step-4").filename(), "step-4");
  EXPECT_SAYS(refusal([&] { find_checkpoint(dir(), "../run"); }), "has no checkpoint '../run'");
  // An unfinished newest one is not passed over in favour of an older one.
  fs::remove(checkpoints() / "step-8/manifest.json");
  EXPECT_SAYS(refusal([&] { find_checkpoint(dir(), "last"); }), "it was not completed");
}

TEST_F(ReceivedRun, TheBestIsOneThatVerifies) {
  train({"checkpoint.keep_last=9", "train.epochs=3"});
  const fs::path best = find_checkpoint(dir(), "best");
  write(best / kModelFile, text_of(best / kModelFile) + "x");
  Log log;
  const fs::path next = find_checkpoint(dir(), "best");
  EXPECT_NE(next, best);
  EXPECT_TRUE(log.has(best.filename().string() + " is left as it is")) << log.text();
  EXPECT_NO_THROW(SavedRun(dir().string(), "best"));
}

TEST_F(ReceivedRun, DamagedWeightsAreNotUsed) {
  train();
  const std::string file = (find_checkpoint(dir(), "last") / kModelFile).string();
  std::string bytes = text_of(file);
  bytes.back() = static_cast<char>(bytes.back() ^ 0x40);
  write(file, bytes);
  const std::string through_link = (checkpoints() / "last" / kModelFile).string();
  EXPECT_SAYS(refusal([&] { SavedRun(dir().string(), "last"); }), "model.safetensors is damaged");
  EXPECT_SAYS(refusal([&] { Predictor::open(through_link); }), "model.safetensors is damaged");
  EXPECT_SAYS(refusal([&] { train({"model.pretrained.path=" + through_link}, "other"); }),
              "model.safetensors is damaged");
  EXPECT_SAYS(
      refusal([&] { train({"trainer={type: distillation, teacher: " + file + "}"}, "student"); }),
      "model.safetensors is damaged");
  // Alone, a file has nothing that it could be compared with; beside a manifest of another program
  // neither.
  fs::create_directories(dir("alone"));
  write(dir("alone") / kModelFile, bytes);
  EXPECT_NO_THROW(Predictor::open((dir("alone") / kModelFile).string()));
  write(dir("alone") / kManifestFile, "{\"name\": \"a web page\"}");
  EXPECT_NO_THROW(Predictor::open((dir("alone") / kModelFile).string()));
}

TEST_F(ReceivedRun, MetadataDoesNotDecideSizesOrDivisions) {
  train();
  const std::string file = (find_checkpoint(dir(), "last") / kModelFile).string(),
                    forged = (folder_ / "forged.safetensors").string();
  Metadata metadata;
  const TensorMap tensors = read_safetensors(file, &metadata);
  const auto refused = [&](const std::string& key, const std::string& from, const std::string& to) {
    Metadata changed = metadata;
    std::string& text = changed.at(key);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << text;
    text.replace(at, from.size(), to);
    write_safetensors(forged, tensors, changed);
    return refusal([&] { Predictor::open(forged); });
  };
  EXPECT_SAYS(refused("architecture", "[8]", "[1000000000]"), "takes much more than the");
  EXPECT_SAYS(refused("input", "\"outputs\":10", "\"outputs\":10.9"), "an integer is required");
  EXPECT_SAYS(refused("input", "\"outputs\":10", "\"outputs\":0"), "has 0 outputs");
  EXPECT_SAYS(refused("input", "[28,28,1]", "[28,-28,1]"), "sizes from 1");
  EXPECT_SAYS(refused("input", "[28,28,1]", "[4294967296,4294967296,1]"), "sizes from 1");
  EXPECT_SAYS(refused("input", "[28,28,1]", "[28,28,3]"), "3 of each are required");
  EXPECT_SAYS(refused("normalize", "\"std\":[", "\"std\":[0, "), "2 stds; 1 of each");
  EXPECT_SAYS(refused("normalize", metadata.at("normalize"), R"({"mean":[0.0],"std":[0.0]})"),
              "stds above 0 are required");
  EXPECT_EQ(refused("architecture", "[8]", "[8]"), "accepted");
  // Messages name file, entry and key, not the parser's.
  const std::string its = forged + ": its metadata ";
  EXPECT_SAYS(refused("input", "\"outputs\":10", "\"outputs\":\"x\""),
              its + "'input': outputs is 'x'; an integer is required");
  EXPECT_SAYS(refused("input", "\"outputs\"", "\"puts\""),
              its + "'input': outputs is missing; it is required");
  EXPECT_SAYS(refused("input", "uint8", "bool"), its + "'input': dtype: 'bool' given; known: ");
  EXPECT_SAYS(refused("input", "{", "["), its + "'input' is no JSON at byte ");
  EXPECT_SAYS(refused("normalize", "\"mean\":[", "\"mean\":[null,"),
              its + "'normalize': mean[0] is null; a number is required");
  EXPECT_SAYS(refused("classes", metadata.at("classes"), "[1]"),
              its + "'classes'[0] is 1; a text is required");
  EXPECT_SAYS(refused("classes", metadata.at("classes"), "3"),
              its + "'classes' is 3; a list is required");
}

TEST_F(ReceivedRun, ACheckpointThatCannotBeReadIsNotDamaged) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  train({"checkpoint.keep_last=9"});
  const fs::path file = find_checkpoint(dir(), "last") / kManifestFile;
  fs::permissions(file, fs::perms::none);
  const std::string message = refusal_of_resume();
  fs::permissions(file, fs::perms::owner_all);
  EXPECT_SAYS(message, "cannot be read, and may be good");
  EXPECT_SAYS(message, "Permission denied");
  EXPECT_EQ(message.find("damaged"), std::string::npos) << message;
  EXPECT_EQ(message.find("remove"), std::string::npos) << message;
}

// The same without permissions, which root does not have to mind: a path that the system refuses.
TEST_F(ReceivedRun, AFileThatTheSystemRefusesIsAnIoError) {
  Snapshot snapshot;
  snapshot.add("file", std::string("text"));
  snapshot.write(folder_ / "step-1");
  EXPECT_THROW(verify_checkpoint(folder_ / std::string(300, 'x')), IoError);
  fs::remove(folder_ / "step-1/file");
  fs::create_symlink("/etc/passwd", folder_ / "step-1/file");
  EXPECT_SAYS(refusal([&] { verify_checkpoint(folder_ / "step-1"); }), "is a link");
  for (const std::string& name : {std::string("../victim"), std::string("file\0", 5),
                                  std::string(300, 'x'), std::string("..")}) {
    write(folder_ / "step-1" / kManifestFile, manifest_text({{name, {4, sha256_of("text")}}}));
    EXPECT_SAYS(refusal([&] { verify_checkpoint(folder_ / "step-1"); }),
                "files of the checkpoint itself are required");
  }
}

// A file that the manifest does not list was not verified.
TEST_F(ReceivedRun, AManifestListsEachFileThatIsRead) {
  train({"checkpoint.every=4ba", "checkpoint.keep_last=3"});
  ASSERT_EQ(names_in(checkpoints()).back(), "step-8");
  const auto newest = [&] { return checkpoints() / "step-8"; };
  for (const char* name : {kModelFile, kOptimizerFile, kTrainerStateFile}) {
    Manifest without = read_manifest(newest());
    without.erase(name);
    write(newest() / kManifestFile, manifest_text(without));
    const std::string sentence =
        std::string("manifest.json does not list ") + name + "; it is required";
    EXPECT_SAYS(refusal([&] { verify_checkpoint(newest()); }), sentence);
    EXPECT_SAYS(refusal([&] { CheckpointReader{newest()}; }), sentence);
    if (std::string(name) == kModelFile) {
      EXPECT_SAYS(refusal([&] { verify_weights(newest() / name); }), sentence);
    }
    Log log;
    train({"resume=auto", "train.epochs=3", "checkpoint.every=4ba",
           "checkpoint.keep_last=3"});  // from step-4
    EXPECT_TRUE(log.has(sentence)) << log.text();
    EXPECT_TRUE(log.has("step-4")) << log.text();
    fs::remove_all(dir());
    train({"checkpoint.every=4ba", "checkpoint.keep_last=3"});
  }
  EXPECT_NO_THROW(verify_checkpoint(newest()));
  EXPECT_SAYS(refusal([&] { CheckpointReader(newest()).file("ema.safetensors"); }),
              "manifest.json does not list ema.safetensors");
}

// A manifest from elsewhere may list any name.
TEST_F(ReceivedRun, AUsersFileStaysThoughAManifestListsItsName) {
  Snapshot snapshot;
  snapshot.add("NOTES", std::string("theirs"));
  snapshot.write(folder_ / "step-1");
  EXPECT_TRUE(holds_only_own_files(folder_ / "step-1"));
  write(folder_ / "step-1/NOTES", "mine");
  EXPECT_FALSE(holds_only_own_files(folder_ / "step-1"));
  EXPECT_FALSE(remove_own_files(folder_ / "step-1"));
  EXPECT_EQ(text_of(folder_ / "step-1/NOTES"), "mine");
}

TEST_F(ReceivedRun, AFolderWithForeignFilesIsRefused) {
  fs::create_directories(dir());
  write(dir() / "metrics.csv", "mine");
  for (const Keys& keys : {Keys{}, Keys{"resume=auto"}})
    EXPECT_SAYS(refusal([&] { train(keys); }),
                "holds files of something else (metrics.csv); an empty or new folder is required");
  EXPECT_EQ(text_of(dir() / "metrics.csv"), "mine");
  EXPECT_EQ(names_in(dir()), Keys{"metrics.csv"});
  fs::remove(dir() / "metrics.csv");
  write(dir() / ".lock", "");
  EXPECT_EQ(train().epochs, 2);
}

TEST_F(ReceivedRun, CheckpointsMayBeElsewhere) {
  const Keys there{"checkpoint.dir=" + dir("large").string(), "checkpoint.keep_last=9"};
  const auto with = [&](Keys more) {
    more.insert(more.end(), there.begin(), there.end());
    return more;
  };
  train(there);
  EXPECT_FALSE(fs::exists(checkpoints()));
  EXPECT_EQ(find_checkpoint(dir(), "last"), dir("large") / "step-8");
  EXPECT_NO_THROW(SavedRun(dir().string(), "best"));
  EXPECT_EQ(train(with({"resume=auto", "train.epochs=3"})).steps, 12);
  // The key may be left out, because run.txt names the run.
  EXPECT_EQ(train({"resume=auto", "train.epochs=4", "checkpoint.keep_last=9"}).steps, 16);
  EXPECT_EQ(train({"resume=auto", "train.epochs=5", "checkpoint.keep_last=9"}).steps, 20);
  EXPECT_EQ(find_checkpoint(dir(), "last"), dir("large") / "step-20");
  // By the path of a checkpoint, and back into the run folder.
  EXPECT_EQ(train({"resume=" + (dir("large") / "step-20").string(), "train.epochs=6"}).steps, 24);
  EXPECT_EQ(
      train({"resume=auto", "train.epochs=7", "checkpoint.dir=" + checkpoints().string()}).steps,
      28);
  EXPECT_EQ(find_checkpoint(dir(), "last"), checkpoints() / "step-28");
  // Another run does not mix its checkpoints with these, nor does a copy of this one.
  EXPECT_SAYS(refusal([&] { train(there, "other"); }), "holds the checkpoints of the run");
  EXPECT_FALSE(fs::exists(dir("other")));
}

TEST_F(ReceivedRun, CheckpointsMayBeInTheHomeFolder) {
  const char* before = std::getenv("HOME");
  const std::string home = before == nullptr ? "" : before;
  setenv("HOME", folder_.c_str(), 1);
  train({"checkpoint.dir=~/large"});
  if (before == nullptr) unsetenv("HOME");
  else setenv("HOME", home.c_str(), 1);
  EXPECT_EQ(find_checkpoint(dir(), "last"), folder_ / "large/step-8");
}

TEST_F(ReceivedRun, OutputsReplaceNoFileOfARun) {
  train();
  fs::create_directory_symlink(checkpoints() / "last", folder_ / "link");
  for (const fs::path& file :
       {checkpoints() / "last/model.safetensors", checkpoints() / "step-8/new.safetensors",
        folder_ / "link/ema.safetensors"})
    EXPECT_SAYS(refusal([&] { check_output(file.string()); }), "lies in the checkpoint");
  EXPECT_SAYS(refusal([&] { check_output((dir() / "metrics.jsonl").string()); }),
              "is a file of the run");
  for (const fs::path& file : {dir() / "model.safetensors", folder_ / "config.yaml"})
    EXPECT_EQ(refusal([&] { check_output(file.string()); }), "accepted");
}

TEST_F(ReceivedRun, ACopyDoesNotSaveBesideTheOriginal) {
  train({"checkpoint.dir=" + dir("large").string()});
  fs::copy(dir(), dir("copy"), fs::copy_options::recursive);
  EXPECT_NO_THROW(SavedRun(dir("copy").string(), "last"));
  EXPECT_SAYS(refusal([&] {
                train({"resume=auto", "train.epochs=3"}, "copy");
              }),
              "which does not name this run");
}

TEST_F(ReceivedRun, ValidationMayChangeWhereNothingWatchesIt) {
  train({"validation.every=1ep"});
  EXPECT_EQ(refusal_of_resume({"validation.every=2ep", "train.epochs=3"}), "accepted");
  const Keys watched{"validation.every=3ep", "train.epochs=4",
                     "callbacks=[{type: early_stopping, patience: 9}]"};
  EXPECT_SAYS(refusal_of_resume(watched), "validation.every: 2ep -> 3ep");
}

TEST_F(ReceivedRun, TextThatIsNotUtf8IsRefusedBeforeTraining) {
  const std::string message = refusal([&] { train({}, "r\xff"); });
  EXPECT_SAYS(message, "run.dir: ");
  EXPECT_SAYS(message, "UTF-8");
  EXPECT_FALSE(fs::exists(dir("r\xff")));
}

}  // namespace
}  // namespace weft::train
