// SPDX-License-Identifier: Apache-2.0
// Ranks as processes of their own: each runs one disabled test of this binary, its program, with the
// environment that a launcher would set.
#pragma once
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "weft/core/types.h"

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

}  // namespace weft::dist
