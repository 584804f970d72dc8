// SPDX-License-Identifier: Apache-2.0
// Input: a batch of CIFAR-10 in its binary format.
#include "weft/data/cifar.h"

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_cifar(std::string_view input) {
  const auto root = write("cifar/test_batch.bin", input).parent_path();
  const data::Cifar10 set(root, "test");
  WEFT_ASSERT(set.size() * 3073 == static_cast<i64>(input.size()), "{} records in {} bytes",
              set.size(), input.size());
  std::vector<u8> image(32 * 32 * 3);
  i64 label = -1;
  set.read(set.size() - 1, image.data(), &label);
  WEFT_ASSERT(label == input[input.size() - 3073], "the last label is {}", label);
}

const bool registered = add("cifar", run_cifar);

}  // namespace
}  // namespace weft::fuzz
