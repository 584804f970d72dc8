// SPDX-License-Identifier: Apache-2.0
#include "weft/data/augmentation.h"

#include <cstring>
#include <exception>
#include <new>

#include "weft/core/error.h"

namespace weft::data {
namespace {

// Calls a function of an entry. What one of a plugin throws beside errors of weft names the entry.
template <class F>
auto called(std::size_t entry, i64 sample, const F& function) {
  const auto thrown = [&](const char* what) {
    return InternalError(
        fmt::format("augment: entry {} threw for sample {}: {}", entry, sample, what));
  };
  try {
    return function();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw thrown(error.what());
  } catch (...) {
    throw thrown("what is no std::exception");
  }
}

}  // namespace

AugmentationChain::AugmentationChain(std::vector<std::shared_ptr<const Augmentation>> all,
                                     const DatasetInfo& info)
    : all_(std::move(all)), shapes_{info.sample} {
  if (all_.empty()) return;
  WEFT_CHECK(info.sample_dtype == DType::uint8 && info.sample.rank() == 3,
             "data.augment: the samples of {} are {} in {}; pictures, (height, width, channels) in "
             "uint8, are required",
             info.name, info.sample, info.sample_dtype);
  for (const auto& each : all_) shapes_.push_back(each->output(shapes_.back()));
}

void AugmentationChain::apply(const u8* sample, u8* out, u64 seed, i64 epoch, i64 index,
                              Scratch& scratch) const {
  const u8* in = sample;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const Shape& from = shapes_[i];
    std::vector<u8>& buffer = i % 2 == 0 ? scratch.first : scratch.second;
    u8* to = out;
    if (i + 1 < all_.size()) {
      buffer.resize(static_cast<std::size_t>(shapes_[i + 1].elements()));
      to = buffer.data();
    }
    Random random = random_of(seed, epoch, index, i);
    called(i, index, [&] { all_[i]->apply({in, from[0], from[1], from[2]}, to, random); });
    in = to;
  }
  if (all_.empty()) std::memcpy(out, sample, static_cast<std::size_t>(shapes_[0].elements()));
}

Random AugmentationChain::random_of(u64 seed, i64 epoch, i64 index, std::size_t position) {
  return Random{key_of(seed, number_of("augment"), static_cast<u64>(epoch), static_cast<u64>(index),
                       static_cast<u64>(position))};
}

std::size_t AugmentationChain::first_without_move() const {
  std::size_t i = 0;
  for (Random random{0}; i < all_.size() && all_[i]->draw_move(shapes_[i], random);) ++i;
  return i;
}

void AugmentationChain::draw_moves(std::byte* moves, u64 seed, i64 epoch, i64 index) const {
  for (std::size_t i = 0; i < all_.size(); ++i, moves += sizeof(kernels::PictureMove)) {
    const Shape& picture = shapes_[i];
    Random random = random_of(seed, epoch, index, i);
    const std::optional<kernels::PictureMove> drawn =
        called(i, index, [&] { return all_[i]->draw_move(picture, random); });
    WEFT_CHECK(drawn,
               "augment: entry {} gave no move for sample {}; one for every picture is required", i,
               index);
    kernels::PictureMove move = *drawn;
    move.height = static_cast<i32>(picture[0]);
    move.width = static_cast<i32>(picture[1]);
    std::memcpy(moves, &move, sizeof move);
  }
}

}  // namespace weft::data
