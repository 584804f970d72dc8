// SPDX-License-Identifier: Apache-2.0
// A text as bytes, for models that predict the next byte.
#pragma once
#include <filesystem>
#include <vector>

#include "weft/data/dataset.h"

namespace weft::data {

// Sample i is bytes [i, i + context) of the file, int64 (context). Its target is the next byte,
// (1): one position. So a file of n bytes has n − context samples, in the order of the text, and
// 256 classes. The bytes may be of any encoding.
class Text : public Dataset {
 public:
  // Throws UserError for a file that cannot be read or is not longer than `context`, and for a
  // `context` below 1.
  Text(const std::filesystem::path& path, i64 context);

  i64 size() const override { return static_cast<i64>(bytes_.size()) - info_.sample[0]; }
  const DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override;

 private:
  std::vector<u8> bytes_;
  DatasetInfo info_;
};

}  // namespace weft::data
