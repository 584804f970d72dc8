// SPDX-License-Identifier: Apache-2.0
// How `weft tune` finds a Python and what it asks of it. tests/tools/tune_test.py has the trials.
#include <algorithm>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "weft/tests/app/run_command.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/run_files.h"

namespace weft::app {
namespace {

using namespace testing_app;
namespace fs = std::filesystem;

class Tune : public test_support::InScratchFolder {
 protected:
  Tune() : InScratchFolder("tune") {}

  // A stand-in for Python, which has the packages if `code` is 9, and shows its arguments.
  void make_python(int code) const {
    train::testing_runs::write(folder_ / "python",
                               "#!/bin/sh\n"
                               "[ \"$1\" = -c ] && exit " +
                                   std::to_string(code) +
                                   "\nfor a; do echo \"$a\"; done\nexit 7\n");
    fs::permissions(folder_ / "python", fs::perms::owner_all);
  }
  Result tune(const std::string& more = "", const std::string& before = "") const {
    const int code = run_line(
        folder_, before +
                     " \"$WEFT\" tune a.yaml train.epochs=3 'model.hidden=[1, 2]' --space s.yaml "
                     "--trials 5 --storage t.db " +
                     more + " >out.txt 2>&1");
    return {code, file_text(folder_ / "out.txt")};
  }
  static void expect_refusal(const Result& result, const std::string& part) {
    EXPECT_EQ(result.code, 2) << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    EXPECT_NE(result.output.find(part), std::string::npos) << result.output;
  }
};

TEST_F(Tune, BecomesThePythonThatIsNamed) {
  make_python(9);
  const std::string common =
      "-m\nweft\ntune\na.yaml\ntrain.epochs=3\nmodel.hidden=[1, 2]\n--space=s.yaml\n--trials=5\n"
      "--storage=t.db\n";
  Result result = tune("--python ./python");
  EXPECT_EQ(result.code, 7) << result.output;  // its own exit code
  EXPECT_TRUE(result.output.starts_with(common)) << result.output;
  EXPECT_NE(result.output.find("\n--program=/"), std::string::npos) << result.output;
  result = tune("--jobs 2 --timeout 3h --sampler grid --pruner none --seed 4 --plugin p.so",
                "WEFT_PYTHON=./python");
  EXPECT_TRUE(result.output.starts_with(
      common +
      "--jobs=2\n--timeout=3h\n--sampler=grid\n--pruner=none\n--seed=4\n--plugin=p.so\n--program="))
      << result.output;
  result = tune("", "mkdir bin; ln -s ../python bin/python3; PATH=bin:$PATH");
  EXPECT_TRUE(result.output.starts_with(common)) << result.output;
}

TEST_F(Tune, NamesThePackageThatIsMissing) {
  expect_refusal(tune("--python /no/such"), "/no/such cannot be started");
  const std::string missing[] = {"weft; `./python -m pip install ./python` installs it",
                                 "optuna; `./python -m pip install optuna` installs it",
                                 "PyYAML; `./python -m pip install pyyaml` installs it",
                                 "numpy; `./python -m pip install numpy` installs it"};
  for (int i = 0; i < 4; ++i) {
    make_python(10 + i);
    expect_refusal(tune("--python ./python"), "has no package " + missing[i]);
  }
  for (const int code : {0, 1}) {
    make_python(code);
    expect_refusal(tune("--python ./python"), "a Python of 3.9 or later is required");
  }
  expect_refusal(tune("--python /bin/true"), "/bin/true cannot look for its packages");
}

TEST_F(Tune, ChecksItsOptions) {
  for (const char* arguments :
       {"tune", "tune a.yaml --trials 3 --storage t.db", "tune a.yaml --space s --storage t.db",
        "tune a.yaml --space s --trials 3", "tune a.yaml --space s --trials many --storage t.db"})
    expect_refusal(run_command(folder_, arguments), "weft: command line: ");
}

}  // namespace
}  // namespace weft::app
