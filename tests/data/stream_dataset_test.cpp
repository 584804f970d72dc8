// SPDX-License-Identifier: Apache-2.0
// Streams with producers in threads of this process, and with connections that send anything.
#include "weft/data/stream/stream_dataset.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <ctime>
#include <list>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "weft/data/loader.h"
#include "weft/data/stream/producer.h"
#include "weft/data/stream/protocol.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

Tensor label_of(i64 value) {
  return Tensor::full(Shape{}, static_cast<double>(value), DType::int64);
}

Tensor pair_of(float value) { return Tensor::copy_of(std::vector<float>{value, -value}, {2}); }

class StreamedData : public ::testing::Test {
 protected:
  StreamedData() {
    options_.address = "unix:" + (temp_.path() / "s").string();
    options_.sample = {2};
    options_.classes = 10;
    options_.timeout = 20;
  }
  void open(i64 samples_per_epoch = 8, std::shared_ptr<const Dataset> stored = nullptr,
            const StreamState& from = {}) {
    if (stored) {
      options_.sample.clear();
      options_.classes = 0;
    }
    stream_ = std::make_shared<StreamDataset>(options_, std::move(stored), samples_per_epoch);
    stream_->listen();
    stream_->open(temp_.path() / "journal", from, stop_.get_token());
  }
  Loader loader(i64 batch_size = 4, i64 workers = 2) const {
    return {stream_,
            {.batch_size = batch_size, .sampler = SamplerRecipe::of("stream"), .workers = workers}};
  }
  void send(Producer& producer, i64 first, i64 count) const {
    for (i64 i = first; i < first + count; ++i)
      ASSERT_TRUE(producer.send(pair_of(static_cast<float>(i)), label_of(i % 10)));
  }
  static std::vector<float> firsts_of(const Batch& batch) {
    std::vector<float> values = batch.x.to_vector<float>(), firsts;
    for (std::size_t i = 0; i < values.size(); i += 2) firsts.push_back(values[i]);
    return firsts;
  }
  StreamState state(i64 consumed = 0) const { return stream_->buffer()->state(consumed); }

  TempFolder temp_;
  StreamSource options_;
  std::stop_source stop_;
  std::shared_ptr<StreamDataset> stream_;
};

using Values = std::vector<float>;

TEST_F(StreamedData, GivesEachRecordOnceInTheOrderOfArrival) {
  open();
  Producer producer(options_.address);
  std::thread sends([&] {
    send(producer, 0, 12);
    producer.end();
  });
  Loader batches = loader();
  EXPECT_EQ(batches.batches_per_epoch(), 2);
  std::vector<Values> seen;
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const Batch& batch : batches) seen.push_back(firsts_of(batch));
  sends.join();
  EXPECT_EQ(seen, (std::vector<Values>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}}));
  EXPECT_TRUE(batches.stream_ended());
  EXPECT_EQ(producer.acknowledged(), 12);
}

TEST_F(StreamedData, EndsWithASmallerBatch) {
  open();
  Producer producer(options_.address);
  send(producer, 0, 6);
  ASSERT_TRUE(producer.end());
  Loader batches = loader();
  batches.start_epoch();
  EXPECT_EQ(firsts_of(*batches.next()), (Values{0, 1, 2, 3}));
  EXPECT_EQ(firsts_of(*batches.next()), (Values{4, 5}));
  EXPECT_EQ(batches.next(), nullptr);
  EXPECT_TRUE(batches.stream_ended());
}

TEST_F(StreamedData, MixesStoredSamplesByTheirShare) {
  options_.stored_share = 0.25;
  open(16, std::make_shared<Numbers>(6));
  Producer producer(options_.address);
  const DatasetInfo& info = stream_->info();
  for (i64 i = 0; i < 24; ++i)
    producer.send(Tensor::full(info.sample, static_cast<float>(100 + i)), label_of(0));
  producer.flush();
  Loader batches = loader(16);
  std::multiset<float> stored;
  i64 streamed = 0;
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const Batch& batch : batches)
      for (const float value : firsts_of(batch)) {
        if (value < 100) stored.insert(value);
        else EXPECT_EQ(value, static_cast<float>(100 + streamed++));
      }
  EXPECT_EQ(streamed, 24);
  EXPECT_EQ(stored.size(), 8U);
  EXPECT_EQ(std::set<float>(stored.begin(), stored.end()).size(), 6U);  // a pass, and two more
  EXPECT_EQ(stream_->streamed_before(32), 24);
}

TEST_F(StreamedData, AFullBufferHoldsItsProducersBack) {
  options_.capacity = 5;
  open();
  std::atomic<i64> sent = 0;
  Producer producer(options_.address, {.window = 1});
  std::thread sends([&] {
    for (i64 i = 0; i < 8; ++i) {
      producer.send(pair_of(static_cast<float>(i)), label_of(0));
      ++sent;
    }
  });
  while (sent < 5) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(sent, 5);
  EXPECT_EQ(state().received, 5);
  Loader batches = loader(4, 0);
  batches.start_epoch();
  EXPECT_EQ(firsts_of(*batches.next()), (Values{0, 1, 2, 3}));
  sends.join();
  EXPECT_EQ(firsts_of(*batches.next()), (Values{4, 5, 6, 7}));
}

TEST_F(StreamedData, NewRecordsMayReplaceTheOldest) {
  options_.capacity = 3;
  options_.when_full = WhenFull::replace;
  open();
  Producer producer(options_.address);
  send(producer, 0, 8);
  ASSERT_TRUE(producer.flush());
  Loader batches = loader(3, 0);
  batches.start_epoch();
  EXPECT_EQ(firsts_of(*batches.next()), (Values{5, 6, 7}));
  const StreamState saved = state(3);
  EXPECT_EQ(saved.replaced.back().records, 5);
  stream_->close();
  open(8, nullptr, saved);
  std::vector<float> values(2);
  i64 label = 0;
  Producer again(options_.address, {.name = producer.name()});
  EXPECT_EQ(again.acknowledged(), 8);
  send(again, 8, 1);
  stream_->read(3, values.data(), &label);
  EXPECT_EQ(values[0], 8);
}

TEST_F(StreamedData, AStopEndsTheWait) {
  open();
  Producer producer(options_.address);
  send(producer, 0, 2);
  Loader batches = loader();
  batches.start_epoch();
  std::thread stops([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop_.request_stop();
  });
  EXPECT_EQ(batches.next(), nullptr);  // half a batch is left for later
  stops.join();
  EXPECT_FALSE(batches.stream_ended());
  EXPECT_EQ(batches.position(), (LoaderPosition{0, 0}));
}

TEST_F(StreamedData, ATimeoutIsAFailure) {
  options_.timeout = 0.1;
  open();
  Loader batches = loader(4, 0);
  batches.start_epoch();
  EXPECT_EQ(batches.next(), nullptr);
  EXPECT_EQ(stream_->buffer()->how_ended(), StreamEnd::failed);
  EXPECT_CONTAINS(stream_->buffer()->failure(), "no record has come for 0.1 s");
}

// What was sent and not acknowledged is sent again, and taken once.
TEST_F(StreamedData, AProducerOutlivesItsRun) {
  options_.capacity = 4;
  open();
  Producer producer(options_.address, {.window = 100});
  send(producer, 0, 20);  // four of them have room
  while (state().received < 4) std::this_thread::yield();
  const StreamState saved = state();
  stream_->close();
  options_.capacity = 100;
  open(8, nullptr, saved);
  ASSERT_TRUE(producer.flush());
  EXPECT_EQ(state().received, 20);
  std::vector<float> values(2);
  i64 label = 0;
  for (i64 i = 0; i < 20; ++i) {
    stream_->read(i, values.data(), &label);
    EXPECT_EQ(values[0], static_cast<float>(i));
  }
}

TEST_F(StreamedData, ProducersHearThatTheRunIsOver) {
  open();
  Producer producer(options_.address);
  send(producer, 0, 1);
  stream_->close("the run is over");
  while (producer.send(pair_of(0), label_of(0))) std::this_thread::yield();
  EXPECT_FALSE(producer.flush());
  EXPECT_FALSE(producer.end());
  EXPECT_CONTAINS(user_error_of([&] { Producer(options_.address, {.wait = 0}); }),
                  "no run takes records");
}

TEST_F(StreamedData, ARefusedRecordIsToldAndCounted) {
  open();
  Producer producer(options_.address, {.name = "one", .window = 1});
  const auto refusal = [&](const Tensor& x, const Tensor& y) {
    return user_error_of([&] { producer.send(x, y); });
  };
  EXPECT_CONTAINS(refusal(pair_of(1), label_of(10)), "label of sample 1 is 10");
  EXPECT_CONTAINS(refusal(pair_of(NAN), label_of(1)), "sample 2 holds nan");
  EXPECT_CONTAINS(refusal(label_of(1), label_of(1)),
                  "record 3 of the producer 'one': its x is I64 (); F32 (2) is required");
  send(producer, 0, 2);
  EXPECT_EQ(producer.acknowledged(), 5);
  EXPECT_EQ(state().refused, 3);
  EXPECT_EQ(state().received, 2);
}

TEST_F(StreamedData, AProducerThatHasEndedSendsNoMore) {
  options_.producers = 2;
  open();
  Producer producer(options_.address, {.name = "one"});
  send(producer, 0, 2);
  ASSERT_TRUE(producer.end());
  EXPECT_CONTAINS(user_error_of([&] { producer.send(pair_of(1), label_of(1)); }), "after end()");
  Producer again(options_.address, {.name = "one"});
  EXPECT_CONTAINS(user_error_of([&] { again.send(pair_of(1), label_of(1)); }), "after end()");
  EXPECT_EQ(stream_->buffer()->how_ended(), StreamEnd::none);
  Producer other(options_.address);
  ASSERT_TRUE(other.end());
  EXPECT_EQ(stream_->buffer()->how_ended(), StreamEnd::ended);
}

TEST_F(StreamedData, ANewerConnectionOfANameReplacesTheOlder) {
  open();
  Producer first(options_.address, {.name = "one"});
  send(first, 0, 2);
  ASSERT_TRUE(first.flush());
  Producer second(options_.address, {.name = "one"});
  EXPECT_EQ(second.acknowledged(), 2);
  EXPECT_CONTAINS(user_error_of([&] {
                    while (first.send(pair_of(1), label_of(1))) std::this_thread::yield();
                  }),
                  "another producer has connected under the same name, 'one'");
}

// Whatever one connection sends, the others go on.
TEST_F(StreamedData, ForgedConnectionsAreClosed) {
  open();
  const auto answer_to = [&](const std::string& bytes) {
    const Descriptor connection = connect_to(stream_address(options_.address));
    ::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string answer(4096, '\0');
    std::size_t got = 0;
    while (true) {
      const ssize_t part = recv(connection.get(), answer.data() + got, answer.size() - got, 0);
      if (part <= 0) break;
      got += static_cast<std::size_t>(part);
    }
    answer.resize(got);
    return answer;
  };
  const std::string hello = frame_of(FrameKind::hello, kStreamVersion, "x");
  EXPECT_CONTAINS(answer_to("GET / HTTP/1.1\r\n\r\n"), "of the kind 'GET '");
  EXPECT_CONTAINS(answer_to(frame_of(FrameKind::hello, 2, "x")), "version 1 is required");
  EXPECT_CONTAINS(answer_to(frame_of(FrameKind::hello, 1, "a\nb")), "letters, digits");
  EXPECT_CONTAINS(answer_to(frame_of(FrameKind::record, 1, "x")), "HELO, is required");
  EXPECT_CONTAINS(answer_to(hello + frame_of(FrameKind::over)),
                  "the producer 'x' has sent a frame of the kind 'OVER'");
  EXPECT_CONTAINS(answer_to(hello + frame_of(FrameKind::record, 0, "x")), "has sent record 0");
  EXPECT_CONTAINS(answer_to(hello + frame_header(FrameKind::record, 1, i64{1} << 31)), "at most ");
  EXPECT_CONTAINS(stream_->buffer()->complaints(),
                  "7 connections were closed, the first one because: stream: a frame of the kind");
  { const Descriptor half = connect_to(stream_address(options_.address)); }
  Producer producer(options_.address);
  send(producer, 0, 2);
  EXPECT_TRUE(producer.flush());
  EXPECT_EQ(state().received, 2);
}

TEST_F(StreamedData, SlowConnectionsWithoutAGreetingMakeRoom) {
  open();
  std::list<Descriptor> idle;
  for (int i = 0; i < 64; ++i) idle.push_back(connect_to(stream_address(options_.address)));
  Producer producer(options_.address, {.wait = 40});
  send(producer, 0, 2);
  EXPECT_TRUE(producer.flush());
  EXPECT_CONTAINS(stream_->buffer()->complaints(), "has sent no greeting for 10 s");
}

// The thread that receives waits, although the connection stays ready.
TEST_F(StreamedData, WithoutFreeDescriptorsConnectionsWait) {
  open();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(0);
  ASSERT_GE(next, 0);
  ::close(next);
  const rlimit one_more{static_cast<rlim_t>(next) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &one_more), 0);
  const Descriptor connection = connect_to(stream_address(options_.address));
  const std::clock_t begin = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  const std::clock_t used = std::clock() - begin;
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(static_cast<bool>(connection));
  EXPECT_LT(used, CLOCKS_PER_SEC / 10);
  EXPECT_CONTAINS(stream_->buffer()->complaints(), "a connection cannot be accepted");
  Producer producer(options_.address);
  send(producer, 0, 2);
  EXPECT_TRUE(producer.flush());
}

// A producer whose connection was lost may not know which records were kept.
TEST_F(StreamedData, ARecordThatIsSentTwiceIsTakenOnce) {
  open();
  const std::string record =
      safetensors_bytes("the record", {{"x", pair_of(1)}, {"y", label_of(1)}});
  const std::string first = frame_of(FrameKind::record, 1, record);
  const std::string bytes = frame_of(FrameKind::hello, kStreamVersion, "x") + first + first +
                            frame_of(FrameKind::record, 2, record) + first +
                            frame_of(FrameKind::end);
  const Descriptor connection = connect_to(stream_address(options_.address));
  ASSERT_EQ(::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  std::string answer;
  for (char byte = 0; answer.find("ENDS") == std::string::npos; answer += byte)
    ASSERT_EQ(recv(connection.get(), &byte, 1, 0), 1);
  EXPECT_EQ(state().received, 2);
  EXPECT_EQ(state().producers.at("x").last, 2U);
}

TEST_F(StreamedData, AddressesAreChecked) {
  for (const char* text : {"", "unix:", "tcp:0.0.0.0:80", "tcp:127.0.0.1:0", "tcp:127.0.0.1:65536",
                           "tcp:127.0.0.1:80x", "http://a"})
    EXPECT_CONTAINS(user_error_of([&] { stream_address(text); }), "required") << text;
  EXPECT_CONTAINS(user_error_of([] { stream_address("unix:" + std::string(108, 'a')); }),
                  "has 108 bytes");
  EXPECT_EQ(stream_address("tcp:127.0.0.1:80").text(), "tcp:127.0.0.1:80");
  open();
  EXPECT_CONTAINS(user_error_of([&] { ListeningSocket{stream_address(options_.address)}; }),
                  "another process listens at");
}

// A process that is suspended accepts nothing, and its queue may be full.
TEST_F(StreamedData, AnAddressWithAFullQueueIsTaken) {
  const StreamAddress address = stream_address(options_.address);
  const ListeningSocket suspended{address};
  sockaddr_un system{};
  system.sun_family = AF_UNIX;
  std::memcpy(system.sun_path, address.path.c_str(), address.path.size() + 1);
  std::list<Descriptor> queue;
  do {
    queue.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ASSERT_LT(queue.size(), 200U);
  } while (connect(queue.back().get(), reinterpret_cast<const sockaddr*>(&system), sizeof system) ==
           0);
  ASSERT_EQ(errno, EAGAIN);
  EXPECT_CONTAINS(user_error_of([&] { ListeningSocket{address}; }), "another process listens at");
}

TEST_F(StreamedData, TheSocketOfAnotherRunStays) {
  const StreamAddress address = stream_address(options_.address);
  auto first = std::make_unique<ListeningSocket>(address);
  std::filesystem::remove(address.path);
  {
    const ListeningSocket second{address};
    first.reset();
    EXPECT_TRUE(std::filesystem::exists(address.path));
  }
  EXPECT_FALSE(std::filesystem::exists(address.path));
}

TEST_F(StreamedData, RecordsComeOnlyWhileItIsOpen) {
  const StreamDataset stream(options_, nullptr);
  std::vector<float> values(2);
  i64 label = 0;
  EXPECT_CONTAINS(user_error_of([&] { stream.read(0, values.data(), &label); }),
                  "only while weft train runs");
  stream.example()->read(0, values.data(), &label);
  EXPECT_EQ(values, (Values{0, 0}));
}

}  // namespace
}  // namespace weft::data
