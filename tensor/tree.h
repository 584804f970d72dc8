// SPDX-License-Identifier: Apache-2.0
// Tree: values in nested maps and lists, such as the tensors of a sample with several inputs.
//
//   TensorTree batch{{"image", image}, {"masks", TensorTree::list({first, second})}};
//   batch["masks.0"];                       // the leaf at a path
//   batch.to(device).cast(DType::bf16);     // the same tree of other tensors
//   batch.map([](const Tensor& t) { return t.shape(); });   // a Tree<Shape>
#pragma once
#include <concepts>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft {

namespace detail {
// Splits "masks.0" into "masks" and "0".
std::pair<std::string_view, std::string_view> split_path(std::string_view path);
// Throws UserError unless `name` may be a part of a path and is not among the names.
void check_tree_name(const std::string& name, const std::vector<std::string>& names);
// The child at the first part of the rest of a path: of a map by name, of a list by index. Throws
// UserError, which names the whole path.
std::size_t child_index(std::string_view path, std::string_view part,
                        const std::vector<std::string>& names, std::size_t children);
[[noreturn]] void fail_no_leaf(std::string_view path, std::size_t children);
}  // namespace detail

// A tree is a leaf, a list, or a map, whose names are in the order in which they were given. Names
// are not empty, have no '.' and occur once in their map. A path has the names and the indices of
// the way to an entry, such as "masks.0". An empty tree is a map without entries; it allocates
// nothing.
template <class T>
class Tree {
 public:
  Tree() = default;
  Tree(T leaf) : leaf_(std::move(leaf)) {}  // NOLINT(google-explicit-constructor)
  // A map. Throws UserError for a name that is refused.
  Tree(std::initializer_list<std::pair<std::string, Tree>> entries) {
    for (const auto& [name, entry] : entries) add(name, entry);
  }
  static Tree list(std::vector<Tree> entries) {
    Tree tree;
    tree.children_ = std::move(entries);
    return tree;
  }

  // Adds an entry to a map. Throws UserError for a name that is refused, and for a leaf or a list.
  void add(std::string name, Tree entry) {
    WEFT_CHECK(!leaf_ && names_.size() == children_.size(),
               "tree: '{}' was added to a {}; a map is required", name, leaf_ ? "leaf" : "list");
    detail::check_tree_name(name, names_);
    names_.push_back(std::move(name));
    children_.push_back(std::move(entry));
  }

  bool is_leaf() const { return leaf_.has_value(); }
  bool empty() const { return !leaf_ && children_.empty(); }
  friend bool operator==(const Tree&, const Tree&) = default;

  // The entry at a path; the tree itself at an empty one. Throws UserError, naming the path, where
  // there is none.
  const Tree& select(std::string_view path) const {
    const Tree* at = this;
    for (std::string_view rest = path; !rest.empty();) {
      const auto [part, behind] = detail::split_path(rest);
      at = &at->children_[detail::child_index(path, part, at->names_, at->children_.size())];
      rest = behind;
    }
    return *at;
  }
  // The leaf at a path. Throws UserError for a map or a list too.
  const T& operator[](std::string_view path) const {
    const Tree& entry = select(path);
    if (!entry.leaf_) detail::fail_no_leaf(path, entry.children_.size());
    return *entry.leaf_;
  }

  // All leaves with their paths, in order.
  std::vector<std::pair<std::string, T>> leaves() const {
    std::vector<std::pair<std::string, T>> all;
    collect(all, {});
    return all;
  }
  // The tree of f(leaf), called in the order of leaves().
  template <std::invocable<const T&> F>
  Tree<std::decay_t<std::invoke_result_t<F&, const T&>>> map(F&& f) const {
    Tree<std::decay_t<std::invoke_result_t<F&, const T&>>> result;
    if (leaf_) result.leaf_.emplace(f(*leaf_));
    result.names_ = names_;
    result.children_.reserve(children_.size());
    for (const Tree& child : children_) result.children_.push_back(child.map(f));
    return result;
  }

  // The tensors on a device, and with floating ones in another dtype; integers keep theirs. No
  // tensor is copied that is so already.
  Tree to(const Device& device) const requires std::same_as<T, Tensor> {
    return map([&](const Tensor& tensor) { return tensor.to(device); });
  }
  Tree cast(DType dtype) const requires std::same_as<T, Tensor> {
    return map([&](const Tensor& t) { return is_floating(t.dtype()) ? t.to(dtype) : t; });
  }

 private:
  template <class>
  friend class Tree;

  void collect(std::vector<std::pair<std::string, T>>& all, const std::string& path) const {
    if (leaf_) all.emplace_back(path, *leaf_);
    for (std::size_t i = 0; i < children_.size(); ++i)
      children_[i].collect(
          all, path + (path.empty() ? "" : ".") + (names_.empty() ? std::to_string(i) : names_[i]));
  }

  std::optional<T> leaf_;
  std::vector<std::string> names_;  // of the children of a map; empty for a list
  std::vector<Tree> children_;
};

using TensorTree = Tree<Tensor>;

}  // namespace weft
