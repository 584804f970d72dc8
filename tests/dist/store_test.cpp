// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process, over loopback.
#include "weft/dist/store.h"

#include <atomic>
#include <ctime>
#include <future>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

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
  // Until a byte has come (true) or the connection has closed.
  bool hears() const {
    pollfd wait{socket_.get(), POLLIN, 0};
    EXPECT_EQ(poll(&wait, 1, static_cast<int>(kPatience.count())), 1);
    char byte = 0;
    return recv(socket_.get(), &byte, 1, 0) == 1;
  }
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
  store->doing("training");
  job.end();
  EXPECT_EQ(end_of(*store),
            "dist: rank 0 on 127.0.0.1 is lost in training: its connection has closed");
}

TEST(Store, AServerThatIsSilentIsALostRankZero) {
  const Descriptor listening = listen_at("127.0.0.1", 0);
  const Launch launch{
      .family = "test", .address = "127.0.0.1", .port = port_of(listening), .token = "t"};
  EXPECT_EQ(
      test_support::message_of<LostRank>([&] { Store(launch, "b", kPatience, milliseconds(200)); }),
      "dist: rank 0 on 127.0.0.1 is lost in the start: it gave no sign of life for 0.2 s");
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
        fmt::format("dist: rank 1 on {} has another config, build or kind of device than rank 0: "
                    "'another', and rank 0 has 'build'; the same are required",
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

TEST(Store, ASilentStrangerIsSentAway) {
  Job job(2, milliseconds(300));
  const Stranger stranger(job.port());
  EXPECT_FALSE(stranger.hears());
  EXPECT_EQ(job.server().wait_for_all(milliseconds(0)), "0, 1");
}

TEST(Store, WithoutDescriptorsTheServerPausesAndAcceptsLater) {
  Job job(1);
  const auto store = job.rank(0);
  const Descriptor late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int free = dup(late.get());  // the lowest one
  close(free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(job.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected =
      connect(late.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const auto busy = std::clock();
  std::this_thread::sleep_for(milliseconds(500));
  const double seconds = static_cast<double>(std::clock() - busy) / CLOCKS_PER_SEC;
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(connected, 0);
  EXPECT_LT(seconds, 0.05) << "of 0.5 s";
  const std::string hello =
      encoded({MessageKind::hello, {WEFT_VERSION, "other", "0", "1", "b", ""}});
  send(late.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
  pollfd wait{late.get(), POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, static_cast<int>(kPatience.count())), 1);
}

TEST(Store, AMeetingEndsWhenAllHaveCome) {
  Job job(3);
  const auto stores = job.all();
  for (int round = 0; round < 3; ++round) {
    std::vector<std::future<std::string>> come;
    for (int r = 0; r < 2; ++r)
      come.push_back(std::async(std::launch::async, [&, r] {
        return stores[static_cast<std::size_t>(r)]->meet("m", r == round ? "text" : "");
      }));
    EXPECT_EQ(come[0].wait_for(milliseconds(50)), std::future_status::timeout);
    const std::string text = round == 2 ? "text" : "";
    EXPECT_EQ(stores[2]->meet("m", text), "text");
    EXPECT_EQ(come[0].get(), "text");
    EXPECT_EQ(come[1].get(), "text");
  }
}

TEST(Store, DifferentMeetingsEndTheJob) {
  Job job(2);
  const auto stores = job.all();
  auto first = std::async(std::launch::async, [&] {
    return test_support::message_of<LostRank>([&] { stores[0]->meet("a"); });
  });
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_NE(test_support::message_of<LostRank>([&] { stores[1]->meet("b"); })
                .find("it came to the meeting 'b' and others to the meeting 'a'; the same order is "
                      "required"),
            std::string::npos);
  EXPECT_NE(first.get(), "no error");
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

}  // namespace
}  // namespace weft::dist
