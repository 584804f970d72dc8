// SPDX-License-Identifier: Apache-2.0
// Asks cuDNN for plans of convolutions on GPUs that are not there (Note [Plans without a GPU]).
// Usage: gpu_plans FOLDER [--short] [--all FILE]. FOLDER is that of this file. --all writes a row
// for each question. Exit code 0 if cuDNN refuses only what weft expects it to.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/kernels/library/conv2d_graph.h"
#include "weft/tools/gpu_plans/fusions.h"
#include "weft/tools/gpu_plans/gpus.h"
#include "weft/tools/gpu_plans/questions.h"

namespace weft::gpu_plans {
namespace {

using kernels::Conv2dDirection, kernels::Conv2dShape, kernels::Conv2dType;

constexpr Conv2dType kTypes[] = {Conv2dType::f32, Conv2dType::f16, Conv2dType::bf16,
                                 Conv2dType::f64};
constexpr std::pair<Conv2dDirection, const char*> kDirections[] = {
    {Conv2dDirection::forward, "forward"},
    {Conv2dDirection::to_input, "to input"},
    {Conv2dDirection::to_weight, "to weight"}};
// The short form asks about one convolution in so many of the grid. The number has no factor in
// common with the sizes of the grid's axes.
constexpr std::size_t kShortStep = 25;

// What cuDNN answered to one question, and how a run then computes it.
struct Reply {
  bool is_planned = false, own_epilogue = false, is_restored = false;
  i64 engine = 0, workspace_bytes = 0;
  std::string notes, refusal;

  std::string short_text() const {
    if (!is_planned) return "refused";
    return plan_text(engine, workspace_bytes, notes);
  }
};

Reply ask(const Gpu& gpu, kernels::Conv2dProblem problem) {
  Reply reply;
  kernels::Conv2dAnswer answer = kernels::best_conv2d_plan(gpu.asked, problem);
  if (answer.plan == nullptr && has_epilogue(problem)) {
    reply.own_epilogue = true;
    problem.has_bias = problem.activation = 0;
    answer = kernels::best_conv2d_plan(gpu.asked, problem);
  }
  reply.refusal = answer.refusal;
  if (answer.plan == nullptr) return reply;
  reply.is_planned = true;
  const kernels::Conv2dChoice& choice = answer.plan->choice();
  reply.engine = choice.engine;
  reply.workspace_bytes = choice.workspace_bytes;
  reply.notes = answer.plan->notes();
  // A checkpoint holds the choice, and a resumed run must get the same plan.
  const kernels::Conv2dAnswer again = kernels::conv2d_plan_of(gpu.asked, problem, choice);
  reply.is_restored = again.plan != nullptr && again.plan->choice() == choice;
  return reply;
}

// Counts of the replies to the questions of one GPU, type and direction.
struct Count {
  i64 asked = 0, planned = 0, fused = 0, tensor_cores = 0, last_resort = 0, most_workspace = 0;
};

class Table {
 public:
  Table(std::vector<Gpu> gpus, const std::string& all_path) : gpus_(std::move(gpus)) {
    if (all_path.empty()) return;
    all_.open(all_path);
    WEFT_CHECK(all_.is_open(), "gpu-plans: {} cannot be written", all_path);
    all_ << "gpu\tof\ttype\tdirection\tshape\tengine\tworkspace\tepilogue\tnotes\trefusal\n";
  }

  // Asks each GPU about the convolution and prints a line, if `printed`.
  void add(const Convolution& convolution, Conv2dType type,
           const std::pair<Conv2dDirection, const char*>& direction, bool printed) {
    const auto problem =
        problem_of(convolution.shape, type, direction.first, convolution.config.empty());
    std::string line = fmt::format("{:40} {:5} {:10}", shape_text(convolution.shape), name_of(type),
                                   direction.second);
    for (const Gpu& gpu : gpus_) {
      const Reply reply = ask(gpu, problem);
      line += fmt::format("{:>13}", reply.short_text());
      count(gpu, type, direction.second, problem, reply);
      judge(gpu, convolution, type, direction.second, reply);
      if (all_.is_open())
        all_ << fmt::format(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", gpu.name,
            convolution.config.empty() ? "grid" : convolution.config, name_of(type),
            direction.second, shape_text(convolution.shape), reply.engine, reply.workspace_bytes,
            !has_epilogue(problem) ? "none" : (reply.own_epilogue ? "weft" : "cuDNN"), reply.notes,
            reply.refusal);
    }
    if (printed) fmt::print("{}\n", line);
  }

  void print_heading() const {
    std::string line = fmt::format("{:56}", "");
    for (const Gpu& gpu : gpus_) line += fmt::format("{:>13}", gpu.short_name);
    fmt::print("{}\n", line);
  }

  void print_counts() const {
    fmt::print("{:28}{:6}{:11}{:>7}{:>9}{:>16}{:>8}{:>7}{:>16}\n", "GPU", "type", "direction",
               "asked", "planned", "fused epilogue", "tensor", "last", "most workspace");
    for (const auto& [key, c] : counts_) {
      const auto& [capability, gpu, type, direction] = key;
      fmt::print("{:28}{:6}{:11}{:7}{:9}{:16}{:8}{:7}{:>16}\n", gpu, type, direction, c.asked,
                 c.planned, c.fused, c.tensor_cores, c.last_resort, bytes_text(c.most_workspace));
    }
  }
  // Returns whether cuDNN answered as expected.
  bool print_surprises() const {
    for (const std::string& surprise : surprises_) fmt::print("UNEXPECTED {}\n", surprise);
    return surprises_.empty();
  }
  const std::vector<Gpu>& gpus() const { return gpus_; }
  std::ofstream& all() { return all_; }
  i64 asked() const { return asked_; }
  i64 refused() const { return refused_; }

 private:
  void count(const Gpu& gpu, Conv2dType type, const std::string& direction,
             const kernels::Conv2dProblem& problem, const Reply& reply) {
    Count& c = counts_[{gpu.capability, gpu.name, name_of(type), direction}];
    ++c.asked, ++asked_;
    if (!reply.is_planned) {
      ++refused_;
      return;
    }
    ++c.planned;
    if (has_epilogue(problem) && !reply.own_epilogue) ++c.fused;
    if (has_note(reply.notes, "tensor cores")) ++c.tensor_cores;
    if (has_note(reply.notes, "keeps NaN")) ++c.last_resort;
    c.most_workspace = std::max(c.most_workspace, reply.workspace_bytes);
  }

  void judge(const Gpu& gpu, const Convolution& convolution, Conv2dType type, const char* direction,
             const Reply& reply) {
    const auto surprise = [&](const std::string& what) {
      surprises_.push_back(fmt::format("{}, {} {}, {}: {}", gpu.name, name_of(type), direction,
                                       shape_text(convolution.shape), what));
    };
    const bool expected = is_refusal_expected(gpu.capability, type);
    if (!reply.is_planned && !expected) surprise(reply.refusal);
    if (reply.is_planned && expected) surprise("a plan, though a refusal is expected");
    if (reply.is_planned && !reply.is_restored) surprise("a saved plan is not restored");
  }

  std::vector<Gpu> gpus_;
  std::ofstream all_;
  std::map<std::tuple<i64, std::string, std::string, std::string>, Count> counts_;
  std::vector<std::string> surprises_;
  i64 asked_ = 0, refused_ = 0;
};

// What no run asks for by default, or at all. It is counted, and judged by nobody.
void print_information(const std::vector<Gpu>& gpus, const std::vector<Convolution>& convolutions) {
  fmt::print("\nFor information, plans for the {} convolutions above in all directions:\n",
             convolutions.size());
  for (const Gpu& gpu : gpus) {
    i64 asked = 0, tf32 = 0, wide = 0;
    for (const Convolution& convolution : convolutions)
      for (const auto& [direction, name] : kDirections) {
        ++asked;
        auto problem = problem_of(convolution.shape, Conv2dType::f32, direction, false);
        problem.tf32 = 1;
        const auto fast = kernels::best_conv2d_plan(gpu.asked, problem);
        if (fast.plan != nullptr && has_note(fast.plan->notes(), "tensor cores")) ++tf32;
        problem = problem_of(convolution.shape, Conv2dType::f16, direction, false);
        problem.result_type = Conv2dType::f32;
        if (kernels::best_conv2d_plan(gpu.asked, problem).plan != nullptr) ++wide;
      }
    fmt::print(
        "{:28} {} of {} of f32 on tensor cores with run.tf32, {} of f16 with a result of f32\n",
        gpu.name, tf32, asked, wide);
  }
}

int run(const std::filesystem::path& folder, bool is_short, const std::string& all_path) {
  const auto begin = std::chrono::steady_clock::now();
  Table table(read_gpus(folder / "gpus"), all_path);
  fmt::print(
      "The convolutions of the models in configs/, by {}: engine (t: on tensor cores), "
      "workspace\n\n",
      kernels::conv2d_library());
  table.print_heading();
  std::vector<Convolution> seen;
  for (const Convolution& c : model_convolutions((folder / "model_convolutions.txt").string())) {
    const auto same = [&](const Convolution& s) {
      return std::bit_cast<std::array<i64, 16>>(s.shape) ==
             std::bit_cast<std::array<i64, 16>>(c.shape);
    };
    if (std::any_of(seen.begin(), seen.end(), same)) continue;
    seen.push_back(c);
    for (const Conv2dType type : kTypes)
      for (const auto& direction : kDirections) table.add(c, type, direction, true);
  }
  const std::vector<Convolution> grid = grid_of_convolutions();
  for (std::size_t i = 0; i < grid.size(); i += is_short ? kShortStep : 1)
    for (const Conv2dType type : kTypes)
      for (const auto& direction : kDirections) table.add(grid[i], type, direction, false);
  fmt::print("\nAll questions, with the grid. last: engine 0, the last resort\n\n");
  table.print_counts();
  print_information(table.gpus(), seen);
  const i64 fusions = print_fusions(table.gpus(), seen, is_short, table.all());
  const bool as_expected = table.print_surprises();
  fmt::print("\n{} questions about {} GPUs and {} about batch norm in {:.0f} s; {} refused, {}\n",
             table.asked(), table.gpus().size(), fusions,
             std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
             table.refused(), as_expected ? "all as expected" : "NOT as expected");
  return as_expected ? 0 : 1;
}

}  // namespace
}  // namespace weft::gpu_plans

int main(int count, char** arguments) {
  std::string folder, all_path;
  bool is_short = false;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--short") is_short = true;
    else if (argument == "--all" && i + 1 < count) all_path = arguments[++i];
    else if (folder.empty() && argument.rfind("--", 0) != 0) folder = argument;
    else folder = "", i = count;
  }
  if (folder.empty()) {
    fmt::print(stderr, "usage: gpu_plans FOLDER [--short] [--all FILE]\n");
    return 2;
  }
  try {
    return weft::gpu_plans::run(folder, is_short, all_path);
  } catch (const std::exception& error) {
    fmt::print(stderr, "weft: {}\n", error.what());
    return 2;
  }
}
