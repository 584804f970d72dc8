// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process, over loopback.
#include "weft/dist/store.h"

#include <atomic>
#include <future>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "weft/core/clock.h"
#include "weft/dist/tcp.h"
#include "weft/tests/support/message_of.h"

namespace weft::dist {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{5000}, kSilence{1500};

// A job whose ranks connect one by one.
class Job {
 public:
  explicit Job(i64 size, milliseconds silence = kMostSilence) : size_(size) {
    Descriptor listening = listen_at("127.0.0.1", 0);
    port_ = dist::port_of(listening);
    server_ = std::make_unique<StoreServer>(std::move(listening),
                                            JobIdentity{size, "token", "build"}, silence);
  }
  Launch launch(i64 rank) const {
    return {.family = "test",
            .rank = rank,
            .size = size_,
            .local_rank = rank,
            .address = "127.0.0.1",
            .port = port_,
            .token = "token"};
  }
  std::unique_ptr<Store> rank(i64 rank, milliseconds silence = kMostSilence) const {
    return std::make_unique<Store>(launch(rank), "build", kPatience, silence);
  }
  std::vector<std::unique_ptr<Store>> all(milliseconds silence = kMostSilence) const {
    std::vector<std::unique_ptr<Store>> stores;
    for (i64 r = 0; r < size_; ++r) stores.push_back(rank(r, silence));
    return stores;
  }
  StoreServer& server() { return *server_; }
  void end() { server_.reset(); }
  int port() const { return port_; }

 private:
  i64 size_;
  int port_ = 0;
  std::unique_ptr<StoreServer> server_;
};

// A connection that says what it likes.
class Stranger {
 public:
  explicit Stranger(int port) : socket_(connect_to("127.0.0.1", port, kPatience)) {}
  void say(const std::string& bytes) const {
    EXPECT_EQ(send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

 private:
  Descriptor socket_;
};

// The error that ends the job at this rank, within `most`.
std::string end_of(Store& store, milliseconds most = kPatience) {
  return test_support::message_of<Error>([&] { store.get("never set", most); });
}

TEST(Store, ValuesReachAllRanksBeforeAndAfterTheyAsk) {
  Job job(3);
  const auto stores = job.all();
  auto early = std::async(std::launch::async, [&] { return stores[2]->get("key", kPatience); });
  stores[1]->set("key", std::string("a\0b", 3));
  EXPECT_EQ(early.get(), std::string("a\0b", 3));
  EXPECT_EQ(stores[0]->get("key", kPatience), std::string("a\0b", 3));
  EXPECT_EQ(stores[1]->get("key", kPatience), std::string("a\0b", 3));
  const std::string large(1 << 20, 'x');
  stores[0]->set("large", large);
  EXPECT_EQ(stores[2]->get("large", kPatience), large);
}

TEST(Store, AKeyThatNobodySetsIsAnError) {
  Job job(1);
  const auto store = job.rank(0);
  EXPECT_EQ(test_support::message_of<InternalError>([&] { store->get("k", milliseconds(50)); }),
            "dist: 'k' did not come within 0.05 s; a rank that sets it is required");
}

TEST(Store, ARankMayComeBeforeTheServerListens) {
  Descriptor chosen = listen_at("127.0.0.1", 0);
  const int port = port_of(chosen);
  chosen = Descriptor();
  auto early = std::async(std::launch::async, [&] {
    const Store store(
        {.family = "test", .size = 1, .address = "127.0.0.1", .port = port, .token = "t"}, "b",
        kPatience);
  });
  std::this_thread::sleep_for(milliseconds(200));
  StoreServer server(listen_at("127.0.0.1", port), {1, "t", "b"});
  EXPECT_NO_THROW(early.get());
}

TEST(Store, AClosedConnectionIsALostRankForAllOthers) {
  Job job(3, kSilence);
  auto stores = job.all(kSilence);
  stores[1]->doing("all-reduce of step 7");
  std::this_thread::sleep_for(milliseconds(600));  // the next pulses
  stores[1].reset();
  for (const i64 rank : {0, 2}) {
    const std::string what = end_of(*stores[static_cast<std::size_t>(rank)]);
    EXPECT_EQ(what.rfind("dist: rank 1 on ", 0), 0u) << what;
    EXPECT_NE(what.find("is lost in all-reduce of step 7: its connection has closed"),
              std::string::npos)
        << what;
    EXPECT_THROW(stores[static_cast<std::size_t>(rank)]->check(), LostRank);
  }
}

TEST(Store, ARankThatDoesNotNoticeTheEndIsStuck) {
  Job job(3);
  auto stores = job.all();
  std::promise<std::string> stuck;
  std::atomic<bool> noticed_is_stuck = false;
  stores[0]->when_stuck(milliseconds(100), [&](const std::string& what) { stuck.set_value(what); });
  stores[2]->when_stuck(milliseconds(500), [&](const std::string&) { noticed_is_stuck = true; });
  stores[1].reset();
  EXPECT_NE(end_of(*stores[2]), "no error");
  EXPECT_NE(stuck.get_future().get().find("is lost in the start: its connection has closed"),
            std::string::npos);
  std::this_thread::sleep_for(milliseconds(700));
  EXPECT_FALSE(noticed_is_stuck);
}

TEST(Store, ARankThatFailsTellsWhy) {
  Job job(2);
  const auto stores = job.all();
  stores[1]->fail_job("train: a disk is full");
  EXPECT_NE(end_of(*stores[0]).find("is lost in the start: train: a disk is full"),
            std::string::npos);
}

TEST(Store, SilenceIsALostRankSlow) {
  Job job(2, kSilence);
  const auto store = job.rank(0);
  Stranger silent(job.port());
  silent.say(encoded({MessageKind::hello, {WEFT_VERSION, "token", "1", "2", "build", "host9"}}));
  const auto begin = Clock::now();
  EXPECT_EQ(end_of(*store),
            "dist: rank 1 on host9 is lost in the start: it gave no sign of life for 1.5 s");
  EXPECT_GT(seconds_since(begin), 1.0);
}

TEST(Store, AServerThatGoesIsALostRankZero) {
  Job job(1);
  const auto store = job.rank(0);
  job.end();
  EXPECT_EQ(end_of(*store), "dist: rank 0 on 127.0.0.1 is lost: its connection has closed");
}

TEST(Store, AServerThatIsSilentIsALostRankZero) {
  const Descriptor listening = listen_at("127.0.0.1", 0);
  const Launch launch{
      .family = "test", .address = "127.0.0.1", .port = port_of(listening), .token = "t"};
  EXPECT_EQ(
      test_support::message_of<LostRank>([&] { Store(launch, "b", kPatience, milliseconds(200)); }),
      "dist: rank 0 on 127.0.0.1 is lost: it gave no sign of life for 0.2 s");
}

TEST(Store, RanksThatLeaveAreNotLost) {
  Job job(2);
  auto stores = job.all();
  stores[1]->leave();
  stores[1].reset();
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_NO_THROW(stores[0]->check());
  auto waits = std::async(std::launch::async, [&] {
    const auto begin = Clock::now();
    job.server().wait_for_leaving(kPatience);
    return seconds_since(begin);
  });
  stores[0]->leave();
  EXPECT_LT(waits.get(), 4.0);
  job.end();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_NO_THROW(stores[0]->check());
}

// What one wrong rank is told, and what the others are.
void expect_refused(Job& job, Launch wrong, const std::string& sentence, bool all,
                    const std::string& build = "build") {
  const auto store = job.rank(0);
  EXPECT_EQ(test_support::message_of<UserError>([&] { Store(wrong, build, kPatience); }), sentence);
  if (all)
    EXPECT_EQ(test_support::message_of<UserError>([&] { store->get("k", kPatience); }), sentence);
  else EXPECT_NO_THROW(store->check());
  store->leave();
}

TEST(Store, AJobThatDoesNotFitTogetherIsRefusedAtAllRanks) {
  const std::string host = [] {
    char name[256] = {};
    gethostname(name, sizeof name - 1);
    return std::string(name);
  }();
  {
    Job job(2);
    Launch wrong = job.launch(1);
    wrong.size = 4;
    expect_refused(job, wrong,
                   "dist: rank 1 was started as one of 4 ranks, and rank 0 as one of 2; "
                   "the same number is required",
                   true);
  }
  {
    Job job(2);
    expect_refused(job, job.launch(0),
                   "dist: two processes have rank 0; each rank is required once", true);
  }
  {
    Job job(2);
    expect_refused(
        job, job.launch(1),
        fmt::format("dist: rank 1 on {} has another config or build than rank 0; the same are "
                    "required",
                    host),
        true, "another");
  }
}

TEST(Store, ARankThatComesAfterTheEndIsToldToo) {
  Job job(2);
  const auto refused = [&](i64 rank, const std::string& build) {
    return test_support::message_of<UserError>([&] { Store(job.launch(rank), build, kPatience); });
  };
  const std::string sentence = refused(1, "another");
  EXPECT_NE(sentence, "no error");
  EXPECT_EQ(refused(0, "build"), sentence);
}

TEST(Store, AnotherJobIsRefusedAlone) {
  Job job(2);
  Launch wrong = job.launch(1);
  wrong.token = "other";
  expect_refused(
      job, wrong,
      "dist: rank 0 has another token, so it is of another job; the same WEFT_DIST_TOKEN "
      "and start of the launcher are required",
      false);
  EXPECT_EQ(job.server().wait_for_all(milliseconds(0)), "1");
}

TEST(Store, BytesOfAnotherProgramCloseItsConnectionAlone) {
  Job job(2);
  const auto stores = job.all();
  const std::string hello =
      encoded({MessageKind::hello, {WEFT_VERSION, "token", "1", "2", "b", "h"}});
  std::mt19937 random(1);
  for (int attempt = 0; attempt < 50; ++attempt) {
    std::string bytes = hello;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    Stranger(job.port())
        .say(attempt == 0 ? "GET / HTTP/1.1\r\n\r\n" : bytes.substr(0, random() % 40));
  }
  stores[1]->set("k", "v");
  EXPECT_EQ(stores[0]->get("k", kPatience), "v");
}

TEST(Tcp, WhatCannotBeReachedIsASentence) {
  EXPECT_EQ(test_support::message_of<UserError>([] {
              listen_at("no-such-host.invalid", 0);
            }).rfind("dist: the address 'no-such-host.invalid' does not resolve (", 0),
            0u);
  const Descriptor listening = listen_at("127.0.0.1", 0);
  EXPECT_EQ(test_support::message_of<UserError>([&] {
              listen_at("127.0.0.1", port_of(listening));
            }).rfind("dist: rank 0 cannot listen at port ", 0),
            0u);
  EXPECT_EQ(test_support::message_of<UserError>([] { listen_at("192.0.2.1", 4000); }),
            "dist: rank 0 cannot listen at '192.0.2.1', which is no address of its machine; one is "
            "required (MASTER_ADDR)");
  EXPECT_NE(test_support::message_of<InternalError>([] {
              connect_to("127.0.0.1", 1, milliseconds(200));
            }).find("after 0 s (Connection refused)"),
            std::string::npos);
}

TEST(Message, WhatIsWrittenReadsBackFromPieces) {
  const std::string bytes = encoded({MessageKind::set, {"key", std::string("\0\xff", 2)}}) +
                            encoded({MessageKind::leave});
  MessageReader reader;
  std::vector<Message> messages;
  for (const char byte : bytes) {
    reader.add({&byte, 1});
    while (const auto message = reader.next()) messages.push_back(*message);
  }
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].fields, (std::vector<std::string>{"key", std::string("\0\xff", 2)}));
  EXPECT_EQ(messages[1].kind, MessageKind::leave);
}

TEST(Message, WhatIsNoMessageIsRefused) {
  const auto refused = [](std::string bytes) {
    MessageReader reader;
    reader.add(bytes);
    return test_support::message_of<UserError>([&] { reader.next(); });
  };
  using std::string_literals::operator""s;
  EXPECT_EQ(refused("\0\0\0\0"s), "store: a message of 0 bytes came; 1 to 16777216 are required");
  EXPECT_EQ(refused("\xff\xff\xff\xff"s),
            "store: a message of 4294967295 bytes came; 1 to 16777216 are required");
  EXPECT_EQ(refused("\1\0\0\0\x0a"s), "store: a message of kind 10 came; 0 to 9 are required");
  EXPECT_EQ(refused("\1\0\0\0\1"s), "store: a message of kind 1 has 0 fields; 2 are required");
  EXPECT_EQ(refused("\6\0\0\0\2\2\0\0\0x"s),
            "store: the fields of a message of kind 2 do not fit its 6 bytes");
}

}  // namespace
}  // namespace weft::dist
