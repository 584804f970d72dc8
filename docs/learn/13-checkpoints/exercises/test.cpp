// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>
#include <weft/weft.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>

#include "average.h"
#include "exercise.h"

void write_safely(const std::filesystem::path& path,
                  const std::function<void(std::ostream&)>& write);
std::string newest(const std::vector<std::string>& names,
                   const std::function<bool(const std::string&)>& is_whole);

namespace {

void test_1() {
  Average before;
  before.add(2);
  before.add(4);
  const weft::StateRecord record = weft::save_state(before);
  Average after;
  weft::load_state(after, record, "average");
  after.add(9);
  learn::expect("the mean of 2, 4 and, after a resume, 9", after.mean(), 5);
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder among the temporary files, which is removed at the end of the scope.
struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("weft_learn_13_" + std::to_string(getpid()));
  TemporaryFolder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directory(path);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

void test_2() {
  const TemporaryFolder temporary;
  const std::filesystem::path& folder = temporary.path;
  write_safely(folder / "state", [](std::ostream& out) { out << "old"; });
  learn::expect(text_of(folder / "state") == "old", "the first write must give the file 'state'");
  for (const bool by_exception : {true, false}) {
    bool thrown = false;
    try {
      write_safely(folder / "state", [by_exception](std::ostream& out) {
        out << "half of the n" << std::flush;
        if (by_exception) throw std::runtime_error("the disk is full");
        out.setstate(std::ios::badbit);
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    learn::expect(thrown, by_exception ? "the exception of a failed write must reach the caller"
                                       : "std::runtime_error is required if the stream has failed");
    learn::expect(text_of(folder / "state") == "old", "a failed write must leave the old file");
    const auto files = std::distance(std::filesystem::directory_iterator(folder), {});
    learn::expect("the number of files after a failed write", static_cast<double>(files), 1);
  }
  // A second name of the old file: what rename() replaces stays whole under it.
  std::filesystem::create_hard_link(folder / "state", folder / "link");
  write_safely(folder / "state", [](std::ostream& out) { out << "new"; });
  learn::expect(text_of(folder / "state") == "new", "the last write must give the new content");
  learn::expect(text_of(folder / "link") == "old",
                "the old file was written over; a kill in the middle would have destroyed it");
}

void test_3() {
  const std::vector<std::string> names{"step-9", "step-10", "step-100", "last", "step-20x", "best"};
  const auto all = [](const std::string&) { return true; };
  const auto most = [](const std::string& name) { return name != "step-100"; };
  const auto none = [](const std::string&) { return false; };
  learn::expect(newest(names, all) == "step-100",
                "newest() is '" + newest(names, all) + "'; step-100 is required");
  learn::expect(newest(names, most) == "step-10", "step-10 is the newest if step-100 is damaged");
  learn::expect(newest(names, none).empty(), "if none is whole, the result must be empty");
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
