// SPDX-License-Identifier: Apache-2.0
// Pictures in one folder for each class, as torchvision's ImageFolder reads them.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/data/dataset.h"
#include "weft/data/image_file.h"
#include "weft/data/resize.h"

namespace weft::data {

struct ImageFolderOptions {
  PictureSize size = {0, 0};  // 0 × 0: that of the first picture
  // A picture of another size is resized, or refused if there is no filter.
  std::optional<ResizeFilter> filter = std::nullopt;
  i64 channels = 3;                       // 3, or 1 for grey
  std::vector<std::string> classes = {};  // the folders' names; empty: those that exist, sorted
  std::string split = "train";
};

// The pictures (.png, .jpg, .jpeg, in any case) of folder/CLASS and the folders below it, in the
// order of their paths; other files are passed over. Samples are (height, width, channels) in
// uint8. A picture is read when its sample is asked for, so workers of a loader decode in parallel.
class ImageFolder : public Dataset {
 public:
  // Lists the files. Throws UserError for a folder that cannot be read, a class without pictures,
  // no class, and a class folder that is not one of options.classes.
  ImageFolder(const std::filesystem::path& folder, ImageFolderOptions options);

  i64 size() const override { return static_cast<i64>(pictures_.size()); }
  const DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override;
  void read_target(i64 index, void* target) const override;

 private:
  struct Picture {
    std::string path;
    i64 label;
  };
  ImageFolderOptions options_;
  std::vector<Picture> pictures_;
  DatasetInfo info_;
};

}  // namespace weft::data
