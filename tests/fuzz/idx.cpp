// SPDX-License-Identifier: Apache-2.0
// Input: an IDX file, plain (target idx). Target idx_gz: a gzip file; an input that begins with '#'
// is the content of one, because no mutation finds a checksum.
#include "weft/data/idx.h"

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

// The input as each of the files that it may be. Throws the last refusal if all refuse it.
void read_as_all(std::string_view input, const std::string& suffix) {
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
  for (int rank = 1; rank <= 6; ++rank)
    attempt([&] {
      const Tensor numbers = data::read_idx(images, rank, kHow);
      WEFT_ASSERT(numbers.rank() == rank, "an IDX file of another rank was taken");
      WEFT_ASSERT(
          !suffix.empty() || numbers.elements() + 4 + 4 * rank == static_cast<i64>(input.size()),
          "an IDX file with too many or too few bytes was taken");
    });
  WEFT_ASSERT(taken <= 1, "a file has one rank, and {} were taken", taken);
  attempt([&] { data::Mnist(images.parent_path(), "test"); });
  attempt([&] { data::Mnist(labels.parent_path(), "test"); });
  WEFT_CHECK(taken > 0, "{}", refused);
}

void run_idx(std::string_view input) { read_as_all(input, ""); }
void run_idx_gz(std::string_view input) {
  read_as_all(input.starts_with('#') ? gzipped(input.substr(1)) : std::string(input), ".gz");
}

const bool plain_registered = add("idx", run_idx);
const bool gz_registered = add("idx_gz", run_idx_gz);

}  // namespace
}  // namespace weft::fuzz
