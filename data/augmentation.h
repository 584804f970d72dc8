// SPDX-License-Identifier: Apache-2.0
// Augmentation: a random change of a training picture, so that an epoch never shows the same one.
//
//   data: {type: cifar10, augment: [{type: crop, padding: 4}, flip]}
//
// What becomes of a sample depends on (seed, epoch, index of the sample, position in the list) and
// on nothing else: not on workers, batch, or where a run was resumed.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weft/core/enum_names.h"
#include "weft/core/registry.h"
#include "weft/data/dataset.h"
#include "weft/data/random.h"
#include "weft/data/resize.h"
#include "weft/kernels/picture_move.h"

namespace weft::data {

// (height, width, channels) in uint8, row-major.
struct PictureView {
  const u8* pixels;
  i64 height, width, channels;

  i64 row_bytes() const { return width * channels; }
  const u8* at(i64 y, i64 x) const { return pixels + y * row_bytes() + x * channels; }
};

class Augmentation {
 public:
  static constexpr const char* kKind = "augmentation";
  virtual ~Augmentation() = default;

  // The shape (height, width, channels) that comes out of one that goes in. Throws UserError for a
  // picture that the options do not fit.
  virtual Shape output(const Shape& picture) const { return picture; }

  // Writes the changed picture, of shape output(), to `out`, which does not overlap `in`. Draws
  // everything from `random`. Thread-safe.
  virtual void apply(const PictureView& in, u8* out, Random& random) const = 0;

  // The same change of a picture of this shape as a move of its pixels, by which a device applies
  // it to samples that lie there. Draws what apply() draws. Height and width are set by the caller.
  // Without a move, for all pictures, only the host can apply it. Thread-safe.
  virtual std::optional<kernels::PictureMove> draw_move(const Shape& /*picture*/,
                                                        Random& /*random*/) const {
    return std::nullopt;
  }
};

using AugmentationRecipe = Recipe<Augmentation>;

// A list of augmentations for the samples of one dataset.
class AugmentationChain {
 public:
  // Throws UserError for a dataset without pictures, if there is an augmentation, and for one that
  // does not fit.
  AugmentationChain(std::vector<std::shared_ptr<const Augmentation>> all, const DatasetInfo& info);

  bool empty() const { return all_.empty(); }
  const Shape& output() const { return shapes_.back(); }

  // One per thread.
  struct Scratch {
    std::vector<u8> first, second;
  };
  // Writes what becomes of the sample with this key to `out`, of shape output().
  void apply(const u8* sample, u8* out, u64 seed, i64 epoch, i64 index, Scratch& scratch) const;

  // The position in the list of the first augmentation without a move; size() if all have one.
  std::size_t first_without_move() const;
  std::size_t size() const { return all_.size(); }
  // Writes the moves that make the same of the sample, one for each augmentation.
  void draw_moves(std::byte* moves, u64 seed, i64 epoch, i64 index) const;

 private:
  static Random random_of(u64 seed, i64 epoch, i64 index, std::size_t position);

  std::vector<std::shared_ptr<const Augmentation>> all_;
  std::vector<Shape> shapes_;  // before each, and after the last
};

// The pixels outside of a picture.
enum class Padding { zero, reflect };
constexpr EnumNames<2> names_of(Padding) { return {"zero", "reflect"}; }

enum class FlipDirection { horizontal, vertical };
constexpr EnumNames<2> names_of(FlipDirection) { return {"horizontal", "vertical"}; }

struct FlipOptions {
  double probability = 0.5;
  FlipDirection direction = FlipDirection::horizontal;
};
void describe(Fields& f, FlipOptions& o);
AugmentationRecipe flip(const FlipOptions& options = {});

// A part of the picture after `padding` pixels were added on each side.
struct CropOptions {
  i64 padding = 0;
  Padding mode = Padding::zero;
  std::vector<i64> size = {};  // (height, width); empty: that of the picture
};
void describe(Fields& f, CropOptions& o);
AugmentationRecipe crop(const CropOptions& options = {});

// A part whose share of the area is in `area` and whose width by height is in `ratio`, resized
// (Szegedy et al., arXiv:1409.4842, section 6). After ten attempts that do not fit, the whole.
struct ResizedCropOptions {
  std::vector<i64> size = {};  // (height, width); empty: that of the picture
  std::vector<double> area = {0.08, 1};
  std::vector<double> ratio = {0.75, 4.0 / 3};
  ResizeFilter filter = ResizeFilter::bilinear;
};
void describe(Fields& f, ResizedCropOptions& o);
AugmentationRecipe resized_crop(const ResizedCropOptions& options = {});

// Rotation, zoom, shear and shift around the centre, each drawn uniformly. Pixels between pixels
// are bilinear; those outside are black.
struct AffineOptions {
  double degrees = 0;                  // of rotation, at most, to either side
  double translate = 0;                // share of height and width, at most, to either side
  std::vector<double> scale = {1, 1};  // from, to
  double shear = 0;                    // degrees, at most, to either side
};
void describe(Fields& f, AffineOptions& o);
AugmentationRecipe affine(const AffineOptions& options = {});

// Each factor is uniform in [1 − value, 1 + value], and hue turns by at most that share of the
// circle: brightness, then contrast, saturation, hue. A grey picture has no saturation and hue.
struct ColorJitterOptions {
  double brightness = 0, contrast = 0, saturation = 0, hue = 0;
};
void describe(Fields& f, ColorJitterOptions& o);
AugmentationRecipe color_jitter(const ColorJitterOptions& options = {});

// A black square whose centre is anywhere in the picture (DeVries and Taylor, arXiv:1708.04552).
struct CutoutOptions {
  i64 size = 8;
};
void describe(Fields& f, CutoutOptions& o);
AugmentationRecipe cutout(const CutoutOptions& options = {});

}  // namespace weft::data
