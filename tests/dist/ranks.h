// SPDX-License-Identifier: Apache-2.0
// Ranks as processes of their own: each runs one disabled test of this binary, its program, with
// the environment that a launcher would set.
#pragma once
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weft/core/clock.h"
#include "weft/core/types.h"
#include "weft/dist/tcp.h"

namespace weft::dist {

class Ranks {
 public:
  struct End {
    int code = -1;       // exit code, or 128 + signal; −1: it has not ended
    double seconds = 0;  // since the last signal, or the start
    std::string output;
  };

  // `program` is SUITE.DISABLED_NAME. `more` changes the environment of all ranks.
  Ranks(i64 size, const std::string& program, const std::map<std::string, std::string>& more = {});
  ~Ranks();  // kills what still runs
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  void send(i64 rank, int signal);
  // Waits until the rank has printed the text.
  void wait_for(i64 rank, const std::string& text,
                std::chrono::seconds most = std::chrono::seconds(60));
  // Waits for the end of all ranks, but the one that was stopped.
  std::vector<End> ends(std::optional<i64> without = {},
                        std::chrono::seconds most = std::chrono::seconds(60));
  std::string output(i64 rank) const;

 private:
  std::filesystem::path folder_;
  std::vector<pid_t> processes_;
  std::chrono::steady_clock::time_point since_;
};

inline Ranks::Ranks(i64 size, const std::string& program,
                    const std::map<std::string, std::string>& more) {
  std::string pattern = (std::filesystem::temp_directory_path() / "weft-ranks-XXXXXX").string();
  folder_ = mkdtemp(pattern.data());
  const std::string port = std::to_string(port_of(listen_at("127.0.0.1", 0)));
  for (i64 rank = 0; rank < size; ++rank) {
    std::map<std::string, std::string> variables;
    for (char** at = environ; *at != nullptr; ++at) {
      const std::string line = *at;
      variables[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
    }
    for (const auto& [name, value] :
         std::map<std::string, std::string>{{"RANK", std::to_string(rank)},
                                            {"WORLD_SIZE", std::to_string(size)},
                                            {"LOCAL_RANK", std::to_string(rank)},
                                            {"MASTER_ADDR", "127.0.0.1"},
                                            {"MASTER_PORT", port},
                                            {"OMP_NUM_THREADS", "1"}})
      variables[name] = value;
    for (const auto& [name, value] : more) variables[name] = value;
    std::vector<std::string> texts;
    for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
    std::vector<char*> environment;
    for (std::string& text : texts) environment.push_back(text.data());
    environment.push_back(nullptr);
    std::string self = "/proc/self/exe", filter = "--gtest_filter=" + program,
                disabled = "--gtest_also_run_disabled_tests", brief = "--gtest_brief=1";
    char* const arguments[] = {self.data(), filter.data(), disabled.data(), brief.data(), nullptr};
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    const std::string output = (folder_ / std::to_string(rank)).string();
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t process = 0;
    EXPECT_EQ(
        posix_spawn(&process, "/proc/self/exe", &actions, nullptr, arguments, environment.data()),
        0);
    posix_spawn_file_actions_destroy(&actions);
    processes_.push_back(process);
  }
  since_ = Clock::now();
}

inline Ranks::~Ranks() {
  for (const pid_t process : processes_)
    if (process > 0) {
      kill(process, SIGKILL);
      waitpid(process, nullptr, 0);
    }
  std::filesystem::remove_all(folder_);
}

inline void Ranks::send(i64 rank, int signal) {
  since_ = Clock::now();
  kill(processes_[static_cast<std::size_t>(rank)], signal);
}

inline std::string Ranks::output(i64 rank) const {
  std::ifstream file(folder_ / std::to_string(rank));
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void Ranks::wait_for(i64 rank, const std::string& text, std::chrono::seconds most) {
  for (const auto begin = Clock::now(); Clock::now() - begin < most;) {
    if (output(rank).find(text) != std::string::npos) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ADD_FAILURE() << "rank " << rank << " did not print '" << text << "' but: " << output(rank);
}

inline std::vector<Ranks::End> Ranks::ends(std::optional<i64> without, std::chrono::seconds most) {
  std::vector<End> ends(processes_.size());
  std::size_t running = processes_.size() - (without ? 1 : 0);
  for (const auto begin = Clock::now(); running > 0 && Clock::now() - begin < most;) {
    for (std::size_t rank = 0; rank < processes_.size(); ++rank) {
      int status = 0;
      if ((without && *without == static_cast<i64>(rank)) || processes_[rank] == 0 ||
          waitpid(processes_[rank], &status, WNOHANG) <= 0)
        continue;
      processes_[rank] = 0;
      --running;
      ends[rank] = {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                    seconds_since(since_), output(static_cast<i64>(rank))};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (std::size_t rank = 0; rank < ends.size(); ++rank)
    if (ends[rank].code < 0) ends[rank].output = output(static_cast<i64>(rank));
  return ends;
}

}  // namespace weft::dist
