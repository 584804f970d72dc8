// SPDX-License-Identifier: Apache-2.0
// A text as tokens, which are its bytes or its characters, for models that predict the next one.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "weft/data/dataset.h"
#include "weft/data/sources.h"

namespace weft::data {

// Sample i is the window of tokens [i·stride, i·stride + context), int64 (context). Its target is
// the token behind the window, (1), or with `each` the token behind each position, (context). So n
// tokens have ⌊(n − context − 1) / stride⌋ + 1 samples, in the order of the text. Bytes may be of
// any encoding and have 256 classes. Characters have a class for each one of the training text;
// class_names are that vocabulary (data/vocabulary.h). A byte order mark is passed over.
class Text : public Dataset {
 public:
  // Reads source.path. Throws UserError for a file that cannot be read, is not longer than
  // `context` or, for characters, is not UTF-8 or has one that is not in source.vocabulary, and for
  // a `context` or `stride` below 1.
  explicit Text(const TextSource& source, const std::string& split = "train");

  i64 size() const override { return samples_; }
  const DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override;

 private:
  std::variant<std::vector<u8>, std::vector<i32>> tokens_;  // bytes, or characters
  DatasetInfo info_;
  i64 stride_, samples_ = 0;
};

// The tokens of a file of text as int64, in order: its characters by this vocabulary, or its bytes
// if that is empty. Throws UserError as Text does.
std::vector<i64> tokens_in_file(const std::string& path,
                                const std::vector<std::string>& vocabulary);

// Lets data of characters have these class names of a saved run as vocabulary. Other data stay as
// they are.
void keep_vocabulary(DataRecipe& recipe, const std::vector<std::string>& class_names);

}  // namespace weft::data
