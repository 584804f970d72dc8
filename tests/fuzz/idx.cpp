// SPDX-License-Identifier: Apache-2.0
// Input: an IDX file, plain (target idx). Target idx_gz: a gzip file; an input that begins with '#'
// is the content of one, because no mutation finds a checksum.
#include "weft/data/idx.h"

#include <algorithm>

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

constexpr const char* kHow = "tools/get_data fetches it";

// Of MNIST's files: two images and their labels.
std::string two_images() {
  using namespace std::string_literals;
  return "\0\0\x08\x03\0\0\0\x02\0\0\0\x1c\0\0\0\x1c"s + std::string(2 * 28 * 28, 'x');
}
std::string two_labels() {
  using namespace std::string_literals;
  return "\0\0\x08\x01\0\0\0\x02\x03\x09"s;
}

// Reads the input by each of these ranks, and as the file of MNIST that has one of them. Throws the
// last refusal if all refuse it.
void read_by(const std::vector<int>& ranks, std::string_view input, const std::string& suffix) {
  static const auto good = [] {
    write("images/t10k-labels-idx1-ubyte", two_labels());
    return write("labels/t10k-images-idx3-ubyte", two_images());
  }();
  const auto images = write("images/t10k-images-idx3-ubyte" + suffix, input);
  const auto labels = write("labels/t10k-labels-idx1-ubyte" + suffix, input);
  std::string refused;
  int taken = 0;
  const auto attempt = [&](auto&& read) {
    try {
      read();
      ++taken;
    } catch (const UserError& error) {
      refused = error.what();
    }
  };
  for (const int rank : ranks)
    attempt([&] {
      const Tensor numbers = data::read_idx(images, rank, kHow);
      WEFT_ASSERT(numbers.rank() == rank, "an IDX file of another rank was taken");
      WEFT_ASSERT(
          !suffix.empty() || numbers.elements() + 4 + 4 * rank == static_cast<i64>(input.size()),
          "an IDX file with too many or too few bytes was taken");
    });
  WEFT_ASSERT(taken <= 1, "a file has one rank, and {} were taken", taken);
  const auto has = [&](int rank) { return std::ranges::find(ranks, rank) != ranks.end(); };
  if (has(3)) attempt([&] { data::Mnist(images.parent_path(), "test"); });
  if (has(1)) attempt([&] { data::Mnist(labels.parent_path(), "test"); });
  WEFT_CHECK(taken > 0, "{}", refused);
}

// The rank that a plain file gives and another one. All others would take most of the time to make
// messages.
std::vector<int> ranks_of(std::string_view plain) {
  const int given = plain.size() > 3 ? std::clamp<int>(static_cast<u8>(plain[3]), 1, 6) : 1;
  return {given, given % 6 + 1};
}

void run_idx(std::string_view input) { read_by(ranks_of(input), input, ""); }
void run_idx_gz(std::string_view input) {
  const std::string_view content = input.substr(std::min<std::size_t>(1, input.size()));
  if (input.starts_with('#')) read_by(ranks_of(content), gzipped(content), ".gz");
  else read_by({1, 2, 3, 4, 5, 6}, input, ".gz");
}

const bool plain_registered = add("idx", run_idx);
const bool gz_registered = add("idx_gz", run_idx_gz);

}  // namespace
}  // namespace weft::fuzz
