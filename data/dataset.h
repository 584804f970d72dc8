// SPDX-License-Identifier: Apache-2.0
// Dataset: indexed samples, each with a target. Everything that can be trained on is a Dataset.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "weft/core/enum_names.h"
#include "weft/core/types.h"
#include "weft/tensor/dtype.h"
#include "weft/tensor/shape.h"
#include "weft/tensor/tree.h"

namespace weft::data {

// One of the further tensors of a sample.
struct TensorInfo {
  Shape shape;
  DType dtype = DType::f32;
  i64 bytes() const { return shape.elements() * bytes_of(dtype); }
  friend bool operator==(const TensorInfo&, const TensorInfo&) = default;
};

// What a dataset holds. A sample is an image, (height, width, channels) in uint8 as its file stores
// it; or values of any shape in f32; or tokens, (positions) in int64. Images and values are
// normalized later, on the device; tokens are not. (A ResidentDataset gives the index of a sample
// in its place.) A target is a class label in int64, in [0, classes), one () or one per position of
// a text (positions); or values of any shape in f32 (regression), with classes = 0.
struct DatasetInfo {
  std::string name;   // "mnist"
  std::string split;  // "train", "test", …
  Shape sample;
  DType sample_dtype = DType::uint8;
  Shape target;
  DType target_dtype = DType::int64;
  i64 classes = 0;
  std::vector<std::string> class_names;  // one per class
  // Labels are places in the sorted names, as of folders: other names give them another meaning.
  bool labels_by_name = false;
  // Of the numbers of a sample, where they have names: 'age', and 'city=Bern' for a category.
  std::vector<std::string> input_names = {};
  // Neighbouring samples share elements, as windows of one text do. Then the end of the set is held
  // out.
  bool overlaps = false;
  // How many of the samples behind it share a target with a sample. As many are left out between
  // training and validation.
  i64 shared_targets = 0;
  // The tensors that a sample has besides these two, by name, such as the mask of an image or the
  // attention of tokens. A batch has them under the same names (Batch::more), and they reach a
  // trainer as they are, without normalization.
  Tree<TensorInfo> more;

  i64 sample_bytes() const { return sample.elements() * bytes_of(sample_dtype); }
  i64 target_bytes() const { return target.elements() * bytes_of(target_dtype); }
  bool has_labels() const { return classes > 0; }
  bool has_tokens() const { return sample_dtype == DType::int64; }
  // The size of a sample's last axis, which is normalized channel by channel; 0 for tokens.
  i64 channels() const { return has_tokens() ? 0 : sample.rank() == 0 ? 1 : sample[-1]; }
};

// What is done about a sample that cannot be read: its error is thrown, or another sample takes its
// place, with a warning that names it.
enum class BadSamples { error, skip };
constexpr EnumNames<2> names_of(BadSamples) { return {"error", "skip"}; }

// read() of a stream throws this for a sample that will not come: the stream has ended, or the run
// was stopped while it waited and goes on with this sample when it is resumed.
struct NoMoreSamples {
  bool ended;
};

class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual i64 size() const = 0;
  virtual const DatasetInfo& info() const = 0;

  // Writes sample `index`, in [0, size()), to `sample` (info().sample_bytes() bytes) and its target
  // to `target` (info().target_bytes() bytes). The same index gives the same bytes every time.
  // Thread-safe. Throws UserError for a sample that cannot be read.
  virtual void read(i64 index, void* sample, void* target) const = 0;

  // Writes the leaves of info().more, in their order, of a sample that read() has written. A
  // dataset with such tensors overrides it. Thread-safe, with the errors of read().
  virtual void read_more(i64 index, std::span<std::byte* const> leaves) const;

  // Writes only the target. A dataset whose samples are slow to read does better than this.
  virtual void read_target(i64 index, void* target) const;
};

}  // namespace weft::data
