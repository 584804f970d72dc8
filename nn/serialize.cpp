// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/serialize.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <set>
#include <unordered_set>

#include "weft/core/glob.h"
#include "weft/core/nearest.h"

namespace weft {
namespace {

// A parameter or a buffer. A tied parameter has one entry per name, all with the same tensor.
struct Entry {
  std::string name;
  Tensor value;
  nn::FileLayout layout;
};

// An open layout is fixed after the weights were loaded or saved in the order they have in memory.
void fix_file_layouts(nn::Module& module) {
  for (const nn::NamedParameter& p : module.named_parameters(true)) p.parameter->fix_file_layout();
}

std::vector<Entry> entries_of(nn::Module& module) {
  std::vector<Entry> entries;
  for (const nn::NamedParameter& p : module.named_parameters(true))
    entries.push_back({p.name, p.variable.value(), p.layout});
  for (const nn::NamedBuffer& b : module.named_buffers())
    entries.push_back({b.name, b.buffer->value, {}});
  return entries;
}

// Returns f(), and puts the name of the tensor before the message of a UserError.
template <class F>
auto named(const std::string& name, const F& f) {
  try {
    return f();
  } catch (const UserError& error) {
    fail("{}: {}", name, error.what());
  }
}

constexpr std::size_t kShown = 5;  // the most items shown of each kind of mismatch

// A list with its count, like "2 missing (a; b)". Only the first items are shown.
std::string counted(const char* what, const std::vector<std::string>& details) {
  std::string text = fmt::format("{} {} (", details.size(), what);
  for (std::size_t i = 0; i < std::min(kShown, details.size()); ++i)
    text += (i > 0 ? "; " : "") + details[i];
  if (details.size() > kShown) text += fmt::format("; and {} more", details.size() - kShown);
  return text + ")";
}

// The tensors that do not fit, for the message of a strict load.
struct Problems {
  std::vector<std::string> mismatched, missing, unexpected;

  bool none() const { return mismatched.empty() && missing.empty() && unexpected.empty(); }
  std::string text() const {
    std::vector<std::string> parts;
    if (!mismatched.empty()) parts.push_back(counted("mismatched", mismatched));
    if (!missing.empty()) parts.push_back(counted("missing", missing));
    if (!unexpected.empty()) parts.push_back(counted("unexpected", unexpected));
    return listed(parts);
  }
};

// A tensor that a module is loaded from.
struct GivenTensor {
  Tensor tensor;             // undefined: the module has none of that name, or weft cannot hold it
  std::string obstacle;      // the reason in the second case, after a description of the tensor
  std::string in_file = {};  // "BOOL (2, 3)", where it was converted from such a dtype
};
using GivenTensors = std::map<std::string, GivenTensor>;

std::vector<bool> excluded_of(const std::vector<std::string>& names, const LoadOptions& options,
                              const std::string& source) {
  std::vector<bool> excluded(names.size(), false);
  if (options.exclude.empty()) return excluded;
  for (const i64 i : glob_select(fmt::format("load: {}: exclude", source), options.exclude, names))
    excluded[static_cast<std::size_t>(i)] = true;
  return excluded;
}

// The metadata key for the weights whose inputs are a flattened image, listed like
// "1.weight=7x7x64;3.weight=…".
constexpr const char* kFlattenedImages = "flattened_images";

// The weights of a module whose file layout is unknown before a sample or the metadata of a file
// tells it.
class UnknownLayouts {
 public:
  explicit UnknownLayouts(nn::Module& module) {
    for (const nn::NamedParameter& p : module.named_parameters(true))
      if (p.layout.kind == nn::FileLayout::Kind::unknown) parameters_.push_back(p);
  }
  // Takes the layouts from the metadata. A file that another program wrote lists none.
  void take_from(const Metadata& metadata, const std::string& path) const {
    const auto listed = metadata.find(kFlattenedImages);
    if (listed == metadata.end()) return;
    for (const nn::NamedParameter& p : parameters_)
      p.parameter->set_file_layout(layout_of(p, listed->second, path));
  }
  // Restores the unknown layout of the weights that were not loaded.
  void restore(const std::vector<std::string>& loaded) const {
    for (const nn::NamedParameter& p : parameters_)
      if (std::find(loaded.begin(), loaded.end(), p.name) == loaded.end())
        p.parameter->set_file_layout(p.layout);
  }

 private:
  static nn::FileLayout layout_of(const nn::NamedParameter& p, const std::string& listed,
                                  const std::string& path) {
    const std::string text = ";" + listed, key = ";" + p.name + "=";
    const std::size_t found = text.find(key);
    if (found == std::string::npos) return {};  // as in memory
    FlatImage image;
    const int read =
        std::sscanf(text.c_str() + found + key.size(), "%" SCNd64 "x%" SCNd64 "x%" SCNd64,
                    &image.height, &image.width, &image.channels);
    const i64 inputs = p.variable.value().size(-1);
    WEFT_CHECK(
        read == 3 && image.height > 0 && image.height <= inputs && image.width > 0 &&
            image.width <= inputs && image.channels > 0 && image.channels <= inputs &&
            image.height * image.width <= inputs &&
            image.height * image.width * image.channels == inputs,
        "load: {}: the metadata gives {} a flattened image of {} × {} × {}; one of {} elements "
        "is required",
        path, p.name, image.height, image.width, image.channels, inputs);
    return {nn::FileLayout::Kind::flattened_image, image};
  }

  nn::NamedParameters parameters_;
};

// What is wrong with a tensor that is given for `entry`; empty if it may be loaded.
std::string mismatch_of(const GivenTensor& given, const Entry& entry) {
  const Shape required = nn::file_shape(entry.value.shape(), entry.layout);
  const DType dtype = entry.value.dtype();
  std::string is = given.obstacle;
  if (is.empty()) {
    if (given.tensor.shape() == required && is_floating(given.tensor.dtype()) == is_floating(dtype))
      return {};
    is = !given.in_file.empty() ? given.in_file
                                : fmt::format("{} {}", given.tensor.dtype(), given.tensor.shape());
  }
  return fmt::format("{} is {} in the file and {} {} in the module", entry.name, is, dtype,
                     required);
}

LoadReport load_given(nn::Module& module, const GivenTensors& state, const std::string& source,
                      const LoadOptions& options) {
  const std::vector<Entry> entries = entries_of(module);
  std::vector<std::string> module_names, file_names;
  for (const Entry& entry : entries) module_names.push_back(entry.name);
  for (const auto& [name, given] : state) file_names.push_back(name);

  const std::set<std::string> known(module_names.begin(), module_names.end());
  std::vector<std::string> all_names = module_names;
  for (const std::string& name : file_names)
    if (!known.contains(name)) all_names.push_back(name);
  const std::vector<bool> excluded = excluded_of(all_names, options, source);

  LoadReport report;
  Problems problems;
  std::vector<std::pair<Tensor, Tensor>> writes;  // (to, from), copied after all checks have passed
  // The tensors in the file; a tied parameter is found if the file has one of its names.
  std::unordered_set<const void*> found;
  for (const Entry& entry : entries)
    if (state.contains(entry.name)) found.insert(entry.value.raw());
  for (std::size_t i = 0; i < all_names.size(); ++i) {
    const std::string& name = all_names[i];
    if (excluded[i]) {
      report.excluded.push_back(name);
      continue;
    }
    if (i >= entries.size()) {
      report.unexpected.push_back(name);
      const bool shown = problems.unexpected.size() < kShown;
      problems.unexpected.push_back(name + (shown ? did_you_mean(name, module_names) : ""));
      continue;
    }
    const Entry& entry = entries[i];
    const auto in_file = state.find(name);
    if (in_file == state.end()) {
      if (found.contains(entry.value.raw())) continue;
      report.missing.push_back(name);
      const bool shown = problems.missing.size() < kShown;
      const std::string near = shown ? nearest(name, file_names) : "";
      problems.missing.push_back(
          near.empty() ? name : fmt::format("{}, nearest in the file: {}", name, near));
      continue;
    }
    if (std::string mismatch = mismatch_of(in_file->second, entry); !mismatch.empty()) {
      report.mismatched.push_back(name);
      problems.mismatched.push_back(std::move(mismatch));
      continue;
    }
    named(name, [&] {
      const Tensor& given = in_file->second.tensor;
      writes.emplace_back(entry.value,
                          nn::from_file_layout(given, entry.layout).to(entry.value.dtype()));
      return true;
    });
    report.loaded.push_back(name);
  }
  WEFT_CHECK(!options.strict || problems.none(),
             "load: {}: {}; every tensor of the module and no other is required{}", source,
             problems.text(), options.or_else.empty() ? "" : ", or " + options.or_else);
  for (const auto& [to, from] : writes) to.copy_from(from.to(to.device()));
  fix_file_layouts(module);
  return report;
}

// Only the tensors that the module has a place for are read; of the others, the names.
GivenTensors given_by(const SafetensorsFile& file, nn::Module& module) {
  std::set<std::string> wanted;
  for (const Entry& entry : entries_of(module)) wanted.insert(entry.name);
  GivenTensors given;
  for (const StoredTensor& stored : file.tensors()) {
    GivenTensor& one = given[stored.name];
    if (!wanted.contains(stored.name)) continue;
    std::string obstacle;
    one.tensor = file.read(stored, obstacle);
    if (!stored_dtype(stored.dtype)->same_bytes) one.in_file = stored.to_string();
    if (!obstacle.empty()) one.obstacle = fmt::format("{} ({})", stored.to_string(), obstacle);
  }
  return given;
}

}  // namespace

TensorMap state_of(nn::Module& module) {
  TensorMap state;
  for (const Entry& entry : entries_of(module))
    named(entry.name,
          [&] { return state[entry.name] = nn::to_file_layout(entry.value, entry.layout); });
  fix_file_layouts(module);
  return state;
}

LoadReport load_state(nn::Module& module, const TensorMap& state, const std::string& source,
                      const LoadOptions& options) {
  GivenTensors given;
  for (const auto& [name, tensor] : state) given[name].tensor = tensor;
  return load_given(module, given, source, options);
}

Metadata layout_metadata(nn::Module& module) {
  std::string text;
  for (const nn::NamedParameter& p : module.named_parameters(true))
    if (p.layout.kind == nn::FileLayout::Kind::flattened_image)
      text += fmt::format("{}{}={}x{}x{}", text.empty() ? "" : ";", p.name, p.layout.image.height,
                          p.layout.image.width, p.layout.image.channels);
  return {{kFlattenedImages, text}};
}

void save(nn::Module& module, const std::string& path, const Metadata& metadata) {
  const TensorMap state = state_of(module);
  Metadata all = metadata;
  all.merge(layout_metadata(module));
  write_safetensors(path, state, all);
}

LoadReport load(nn::Module& module, const std::string& path, const LoadOptions& options) {
  const SafetensorsFile file(path);
  const UnknownLayouts unknown(module);
  unknown.take_from(file.metadata(), path);
  try {
    LoadReport report = load_given(module, given_by(file, module), path, options);
    unknown.restore(report.loaded);
    return report;
  } catch (...) {
    unknown.restore({});
    throw;
  }
}

}  // namespace weft
