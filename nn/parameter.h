// SPDX-License-Identifier: Apache-2.0
// Parameters, which are trained, and buffers, which are saved but not trained (such as running
// statistics).
#pragma once
#include <string>
#include <vector>

#include "weft/autograd/variable.h"

namespace weft::nn {

// The order of the elements of a parameter in a file. Files use the layout of PyTorch, which may
// differ from the layout in memory.
struct FileLayout {
  enum class Kind {
    same,             // as in memory
    open,             // as in memory, unless the first input of this Linear is a flattened image
    convolution,      // memory (out, h, w, in), file (out, in, h, w)
    flattened_image,  // a Linear after Flatten: memory (out, h·w·c), file (out, c·h·w)
    unknown  // a Linear after Flatten that has not seen an image yet: load and save refuse it
  };
  Kind kind = Kind::same;
  FlatImage image = {};  // flattened_image only
};
// Convert from memory to file and back. They copy unless the layouts are the same. Both throw
// UserError for `unknown`.
Tensor to_file_layout(const Tensor& value, const FileLayout& layout);
Tensor from_file_layout(const Tensor& value, const FileLayout& layout);
// The shape in a file of a parameter that has `shape` in memory.
Shape file_shape(const Shape& shape, const FileLayout& layout);

// A trained tensor, which is a leaf on the tape. A copy is a separate parameter with the same
// values.
class Parameter {
 public:
  Parameter() = default;  // undefined, as the bias of a layer without bias
  explicit Parameter(Tensor initial, FileLayout layout = {});
  Parameter(const Parameter& other);
  Parameter(Parameter&&) noexcept = default;
  Parameter& operator=(Parameter other) noexcept;
  ~Parameter() = default;

  bool defined() const { return variable_.defined(); }
  operator const Variable&() const { return variable_; }  // NOLINT(google-explicit-constructor)
  const Variable& variable() const { return variable_; }
  const Tensor& value() const { return variable_.value(); }
  const FileLayout& file_layout() const { return layout_; }
  void set_file_layout(const FileLayout& layout) { layout_ = layout; }
  // Fixes an open layout to the order in memory, because the weights were loaded or saved in it.
  void fix_file_layout() {
    if (layout_.kind == FileLayout::Kind::open) layout_.kind = FileLayout::Kind::same;
  }
  // Makes this parameter the same as `other`, with one value and one gradient (tied weights).
  // Throws UserError unless the shapes are equal.
  void tie(const Parameter& other);

 private:
  Variable variable_;
  FileLayout layout_;
};

// A tensor that is saved with the module but not trained.
struct Buffer {
  Tensor value;
  Buffer() = default;
  explicit Buffer(Tensor initial) : value(std::move(initial)) {}
  Buffer(const Buffer& other) : value(other.value.defined() ? other.value.clone() : Tensor()) {}
  Buffer(Buffer&&) noexcept = default;
  Buffer& operator=(Buffer other) noexcept {
    std::swap(value, other.value);
    return *this;
  }
  ~Buffer() = default;
};

struct NamedParameter {
  std::string name;  // "features.0.weight"
  Variable variable;
  FileLayout layout;
  Parameter* parameter = nullptr;  // the parameter in its module, for load and save
};
struct NamedBuffer {
  std::string name;
  Buffer* buffer;
};
using NamedParameters = std::vector<NamedParameter>;

}  // namespace weft::nn
