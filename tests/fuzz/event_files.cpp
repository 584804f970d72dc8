// SPDX-License-Identifier: Apache-2.0
// Input: the state of the logger `tensorboard` in a checkpoint, then an event file of the run that
// is resumed. The file is restored in place, and then into a new folder. Nothing outside the run's
// folder may change, and a reader must find whole records alone.
#include "weft/train/loggers/event_files.h"

#include "weft/tests/fuzz/fuzz.h"
#include "weft/train/loggers/tfrecord.h"

namespace weft::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEventFile = "events.out.tfevents.0000000007.weft";

// Resumes at a checkpoint with this state, and writes one event.
void restore_events(const std::string& state, const train::RunFolder& run, const fs::path& before) {
  const train::CheckpointAbout about;
  train::EventFiles files;
  load_state(files, {.json = state}, "logger 'tensorboard'");
  files.begin({.folder = run, .resumed_at = &about, .before = before});
  files.append("more");
}

void run_event_files(std::string_view input) {
  const std::vector<std::string> parts = parts_of(input, 2);
  const std::string& file = parts[1];
  const std::size_t whole = train::whole_tfrecords(file);
  WEFT_ASSERT(whole <= file.size() && train::whole_tfrecords(file.substr(0, whole)) == whole,
              "{} of {} bytes are whole records", whole, file.size());
  const auto outside = write("outside.txt", "a file of someone else\n");
  for (const bool in_place : {true, false}) {
    fs::remove_all(folder() / "events");
    const fs::path old = write(std::string("events/run/tensorboard/") + kEventFile, file);
    const auto run =
        train::RunFolder::reuse((folder() / "events" / (in_place ? "run" : "other")).string());
    restore_events(parts[0], run, in_place ? fs::path() : folder() / "events/run");
    int files = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(run.path() / "tensorboard")) {
      const std::string text = text_of(entry.path());
      WEFT_ASSERT(train::whole_tfrecords(text) == text.size(), "{} has a damaged record",
                  entry.path().string());
      WEFT_ASSERT(text.size() <= file.size() || entry.path().filename() != kEventFile, "{} grew",
                  entry.path().string());
      ++files;
    }
    WEFT_ASSERT(files == 1 || files == 2, "{} event files", files);
    WEFT_ASSERT(in_place || text_of(old) == file, "the run before was changed");
    WEFT_ASSERT(text_of(outside) == "a file of someone else\n", "a file outside was changed");
  }
}

const bool registered = add("event_files", run_event_files);

}  // namespace
}  // namespace weft::fuzz
