// SPDX-License-Identifier: Apache-2.0
#include "weft/data/image_folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <system_error>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/nearest.h"
#include "weft/data/check.h"
#include "weft/data/sources.h"
#include "weft/data/subset.h"

namespace weft::data {
namespace fs = std::filesystem;

namespace {

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> folders;
  for (std::string& name : names_in(folder))
    if (name.front() != '.' && kind_behind(folder / name) == PathKind::folder)
      folders.push_back(std::move(name));
  return folders;
}

// The paths of all pictures below a folder, sorted. Folders behind links are not entered.
std::vector<std::string> pictures_below(const fs::path& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  std::error_code ignored;  // of a broken link, which is an error when it is read
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error))
    if (is_picture(entry->path()) && !entry->is_directory(ignored))
      paths.push_back(entry->path().string());
  if (error) throw IoError(folder.string(), "read", error.value());
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

ImageFolder::ImageFolder(const fs::path& folder, ImageFolderOptions options)
    : options_(std::move(options)) {
  WEFT_CHECK(kind_behind(folder) == PathKind::folder,
             "image_folder: {} is no folder; one with a folder of pictures for each class is "
             "required (data.root)",
             folder.string());
  const std::vector<std::string> found = folders_in(folder);
  if (options_.classes.empty()) options_.classes = found;
  const auto& classes = options_.classes;
  WEFT_CHECK(!classes.empty(),
             "image_folder: {} has no folders; one folder of pictures for each class is required",
             folder.string());
  for (const std::string& name : found)
    WEFT_CHECK(std::find(classes.begin(), classes.end(), name) != classes.end(),
               "image_folder: {} is no class of the training pictures; one of {} is required",
               (folder / name).string(), listed(classes));
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const auto paths = kind_behind(folder / classes[label]) == PathKind::folder
                           ? pictures_below(folder / classes[label])
                           : std::vector<std::string>();
    WEFT_CHECK(!paths.empty() || options_.split != "train",
               "image_folder: {} has no pictures; at least one PNG or JPEG file is required",
               (folder / classes[label]).string());
    for (const std::string& path : paths) pictures_.push_back({path, static_cast<i64>(label)});
  }
  WEFT_CHECK(!pictures_.empty(),
             "image_folder: {} has no pictures; at least one PNG or JPEG file is required",
             folder.string());
  WEFT_CHECK(classes.size() > 1,
             "image_folder: {} has one class, '{}'; at least two, a folder for each, are required",
             folder.string(), classes.front());
  if (options_.size.height == 0) {
    const Tensor first = read_picture(pictures_.front().path, options_.channels);
    options_.size = {first.size(0), first.size(1)};
  }
  info_.name = "image_folder";
  info_.split = options_.split;
  info_.sample = {options_.size.height, options_.size.width, options_.channels};
  info_.classes = static_cast<i64>(classes.size());
  info_.class_names = classes;
  info_.labels_by_name = true;
}

void ImageFolder::read(i64 index, void* sample, void* target) const {
  check_index(info_, index, size());
  const std::string& path = pictures_[static_cast<std::size_t>(index)].path;
  const PictureSize size = options_.size;
  Tensor pixels = options_.filter ? read_picture(path, options_.channels)
                                  : read_picture(path, options_.channels, size);
  if (options_.filter) pixels = resized(pixels, size.height, size.width, *options_.filter);
  std::memcpy(sample, pixels.raw(), static_cast<std::size_t>(info_.sample_bytes()));
  read_target(index, target);
}

void ImageFolder::read_target(i64 index, void* target) const {
  check_index(info_, index, size());
  const i64 label = pictures_[static_cast<std::size_t>(index)].label;
  std::memcpy(target, &label, sizeof label);
}

void describe(Fields& f, ImageFolderSource& o) {
  f("root", o.root,
    "folder with train/CLASS/ and test/CLASS/, or with a folder of pictures for each class",
    required(is_path));
  f("size", o.size, "[height, width] to resize to; empty: all pictures have the same size",
    in_range(1, kMaxPictureSide));
  f("filter", o.filter, "how size resizes; where a picture shrinks, it averages (antialiasing)");
  f("channels", o.channels, "3: red, green, blue; 1: grey", in_range(1, 3));
  f("test_split", o.test_split, "share held out for the test where there is no test/",
    from_to_below(0, 1));
  f.rule(o.size.empty() || o.size.size() == 2, "size", "[height, width]");
  f.rule(o.channels != 2, "channels", "1 or 3");
}

static const bool registered =
    Registry<Dataset>::add<ImageFolderSource>("image_folder", [](const ImageFolderSource& o) {
      const fs::path root(o.root);
      ImageFolderOptions options{.channels = o.channels};
      if (!o.size.empty()) {
        options.size = {o.size[0], o.size[1]};
        options.filter = o.filter;
      }
      const bool has_train = kind_behind(root / "train") == PathKind::folder;
      const bool has_test = kind_behind(root / "test") == PathKind::folder;
      WEFT_CHECK(has_train || !has_test,
                 "image_folder: {} has a folder test/ and no train/; train/ with the training "
                 "pictures, or another name for a class 'test', is required",
                 root.string());
      const auto all = std::make_shared<ImageFolder>(has_train ? root / "train" : root, options);
      TrainAndTest result{all, nullptr, place_of(root)};
      if (has_test) {
        options.split = "test";
        options.classes = all->info().class_names;
        options.size = {all->info().sample[0], all->info().sample[1]};
        result.test = std::make_shared<ImageFolder>(root / "test", options);
      } else {
        hold_out_test(result, o.test_split);
      }
      return result;
    });

DataRecipe image_folder(const ImageFolderSource& options) {
  return DataRecipe::of("image_folder", options);
}

}  // namespace weft::data
