// SPDX-License-Identifier: Apache-2.0
// Texts on the command line: training on characters, `evaluate` on a test file, and `predict`.
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/tests/app/run_command.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::app {
namespace {

class Texts : public test_support::InScratchFolder {
 protected:
  Texts() : InScratchFolder("texts") {
    std::string text;
    for (int i = 0; i < 150; ++i) text += i % 3 == 0 ? "ß" : i % 3 == 1 ? " " : "c";
    write("book.txt", text);
    write("test.txt", text.substr(0, 40));
    write("text.yaml",
          "data: {type: text, path: book.txt, test_path: test.txt, context: 2}\n"
          "model: {type: text_mlp, embedding: 4, hidden: [16]}\n"
          "optimizer: {lr: 0.03}\n"
          "train: {epochs: 8, batch_size: 20}\n");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  testing_app::Result weft(const std::string& arguments) {
    return testing_app::run_command(folder_, arguments);
  }
};

TEST_F(Texts, OfCharactersAreTrainedOnEvaluatedAndContinued) {
  const auto trained = weft("train text.yaml run.dir=run data.tokens=characters");
  ASSERT_EQ(trained.code, 0) << trained.output;
  const auto evaluated = weft("evaluate run --json");
  ASSERT_EQ(evaluated.code, 0) << evaluated.output;
  const auto result = nlohmann::json::parse(evaluated.output);
  EXPECT_EQ(result.at("samples"), 28);  // 30 characters
  EXPECT_LT(result.at("perplexity").get<double>(), 1.5);

  write("a.txt", "c c cß");
  write("b.txt", "ß ");
  const auto predicted = weft("predict run a.txt b.txt");
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  EXPECT_EQ(predicted.output.rfind("a.txt: ' ' (", 0), 0U) << predicted.output;
  EXPECT_NE(predicted.output.find("\nb.txt: 'c' ("), std::string::npos) << predicted.output;
  EXPECT_EQ(nlohmann::json::parse(weft("predict run a.txt --json").output).at("class"), " ");

  write("short.txt", "ß");
  write("other.txt", "ß\nx");
  const auto refused = weft("predict run short.txt other.txt");
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.output,
            "weft: short.txt: 1 tokens; at least as many as the model reads, 2, are required\n"
            "weft: text: other.txt line 1: the character '\\n' is not in the training text; one of "
            "its 3 characters is required\n");
}

TEST_F(Texts, OfBytesAreContinuedByAByte) {
  ASSERT_EQ(weft("train text.yaml run.dir=run").code, 0);
  write("a.txt", "\xc3\x9f ");
  write("b.txt", " c");
  const auto predicted = weft("predict run a.txt b.txt");
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  EXPECT_EQ(predicted.output.rfind("a.txt: 'c' (", 0), 0U) << predicted.output;
  EXPECT_NE(predicted.output.find("\nb.txt: '\\xc3' ("), std::string::npos) << predicted.output;
}

}  // namespace
}  // namespace weft::app
