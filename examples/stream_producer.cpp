// SPDX-License-Identifier: Apache-2.0
// Sends drawn digits to a run with data.type: stream, until the run takes no more:
//   example_stream_producer unix:/tmp/digits.sock 7
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <weft/weft.h>
#include <weft/data/stream/producer.h>

int main(int count, char** arguments) try {
  using namespace weft;
  WEFT_CHECK(count == 3, "example_stream_producer: ADDRESS and SEED are required");
  const auto seed = static_cast<u64>(std::atoll(arguments[2]));
  const data::Digits digits({.size = 1000, .seed = seed});
  std::vector<u8> pixels(28 * 28);
  i64 label = 0;
  data::Producer producer(arguments[1]);
  bool wanted = true;
  for (i64 i = 0; i < digits.size() && wanted; ++i) {
    digits.read(i, pixels.data(), &label);
    wanted = producer.send(Tensor::copy_of(pixels, {28, 28, 1}),
                           Tensor::full({}, static_cast<double>(label), DType::int64));
  }
  producer.end();  // no more records from here
  std::printf("%lld records are acknowledged\n", static_cast<long long>(producer.acknowledged()));
} catch (const weft::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
