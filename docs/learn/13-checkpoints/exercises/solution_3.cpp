// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <vector>

std::string newest(const std::vector<std::string>& names,
                   const std::function<bool(const std::string&)>& is_whole) {
  std::string best;
  int best_step = -1;
  for (const std::string& name : names) {
    const std::string digits = name.starts_with("step-") ? name.substr(5) : "";
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) continue;
    const int step = std::stoi(digits);
    if (step > best_step && is_whole(name)) {
      best = name;
      best_step = step;
    }
  }
  return best;
}
