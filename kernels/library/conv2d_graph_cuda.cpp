// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/conv2d_graph.h"

#include <algorithm>

#include "weft/kernels/library/cudnn_convolution.h"

namespace weft::kernels {
namespace {

using cudnn::Descriptor, cudnn::Graph, cudnn::Refused, cudnn::describe_gpu;

// An engine with its settings, which is all of a plan but its workspace.
struct Engine {
  Descriptor config;
  std::vector<cudnnBackendNumericalNote_t> numerics = {};
  bool is_compiled_here = false;       // by cuDNN, at run time
  bool reorders_weights = false;       // needs weights in a layout of its own
  bool has_too_many_settings = false;  // for a Conv2dChoice
  Conv2dChoice choice = {};

  bool has(cudnnBackendNumericalNote_t note) const {
    return std::find(numerics.begin(), numerics.end(), note) != numerics.end();
  }
  // Only engine 0 promises to keep each NaN.
  bool is_for_any_shape() const { return has(CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP); }
  // Note [Which engines], without the workspace and without the same bits each time.
  bool computes_as_asked(const Conv2dProblem& problem) const {
    const bool is_exact =
        !has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
    return !reorders_weights && !has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) &&
           (problem.type != Conv2dType::f32 || problem.tf32 != 0 || is_exact);
  }
  // Note [Which engines], without the workspace.
  bool is_allowed(const Conv2dProblem& problem, bool is_fused) const {
    return computes_as_asked(problem) && !has_too_many_settings &&
           !(is_for_any_shape() && is_fused) && !has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
  }
};

// Reads what cuDNN says of the engine of a configuration.
Engine engine_of(Descriptor config) {
  Engine engine{.config = std::move(config)};
  const Descriptor& c = engine.config;
  const auto used = c.get_all(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  if (used.empty()) throw Refused{"a configuration without an engine"};
  engine.choice.engine = used[0].get(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  engine.numerics.resize(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  engine.numerics.resize(static_cast<std::size_t>(
      used[0].get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                  CUDNN_NUMERICAL_NOTE_TYPE_COUNT, engine.numerics.data())));
  std::array<cudnnBackendBehaviorNote_t, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT> behaviour{};
  const i64 notes = used[0].get(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                                CUDNN_BEHAVIOR_NOTE_TYPE_COUNT, behaviour.data());
  for (i64 i = 0; i < notes; ++i) {
    const auto note = behaviour[static_cast<std::size_t>(i)];
    engine.is_compiled_here |= note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
    engine.reorders_weights |= note == CUDNN_BEHAVIOR_NOTE_REQUIRES_FILTER_INT8x32_REORDER ||
                               note == CUDNN_BEHAVIOR_NOTE_REQUIRES_BIAS_INT8x32_REORDER;
  }
  const auto settings = c.get_all(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                  CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS);
  engine.has_too_many_settings = settings.size() > engine.choice.settings.size();
  if (engine.has_too_many_settings) return engine;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    cudnnBackendKnobType_t type{};
    settings[i].get(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
    engine.choice.settings[i] =
        settings[i].get(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE) * 256 + static_cast<i64>(type) + 1;
  }
  return engine;
}

// The engines that cuDNN suggests, the best first.
std::vector<Descriptor> suggestions(const Conv2dGpu& gpu, const Graph& graph,
                                    cudnnBackendHeurMode_t mode) {
  const Descriptor question(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  question.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.descriptor());
  question.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  describe_gpu(question, gpu, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
  question.finalize("the suggestions");
  const i64 count = question.get<cudnnBackendDescriptor_t>(
      CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  return question.get_all(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, count);
}

// The engine of a choice, which may be forged.
Engine chosen(const Conv2dGpu& gpu, const Graph& graph, const Conv2dChoice& choice) {
  const Descriptor used(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  used.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.descriptor());
  used.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, choice.engine);
  describe_gpu(used, gpu, CUDNN_ATTR_ENGINE_DEVICEPROP);
  used.finalize("the engine");
  std::vector<Descriptor> settings;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const i64 setting : choice.settings) {
    if (setting == 0) continue;
    const i64 type = (setting & 255) - 1;
    if (type < 0 || type >= CUDNN_KNOB_TYPE_COUNTS) throw Refused{"an unknown setting"};
    const Descriptor& made = settings.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    made.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE,
             static_cast<cudnnBackendKnobType_t>(type));
    made.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, setting >> 8);
    made.finalize("a setting");
    raw.push_back(made.raw());
  }
  Descriptor config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  config.set(CUDNN_ATTR_ENGINECFG_ENGINE, used);
  if (!raw.empty())
    config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR,
               static_cast<i64>(raw.size()), raw.data());
  config.finalize("the engine with its settings");
  return engine_of(std::move(config));
}

}  // namespace

// The members are destroyed in reverse order: the plan first, then what it was made of.
struct Conv2dGraphPlan::Parts {
  std::shared_ptr<const Graph> graph;
  Engine engine;
  Descriptor plan;
  bool has_bias = false;
};

namespace {

// Throws Refused if cuDNN does not make the plan, or needs too much memory for it.
std::unique_ptr<Conv2dGraphPlan> plan_with(const Conv2dGpu& gpu, const Conv2dProblem& problem,
                                           const std::shared_ptr<const Graph>& graph,
                                           Engine engine) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine.config);
  if (gpu.handle() != nullptr)
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE,
             static_cast<cudnnHandle_t>(gpu.handle()));
  describe_gpu(plan, gpu, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  plan.finalize("the plan");
  const i64 bytes = plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  if (bytes > kConv2dWorkspaceBytes)
    throw Refused{fmt::format("engine {} needs {} bytes", engine.choice.engine, bytes)};
  engine.choice.workspace_bytes = bytes;
  return std::make_unique<Conv2dGraphPlan>(std::make_unique<Conv2dGraphPlan::Parts>(
      Conv2dGraphPlan::Parts{graph, std::move(engine), std::move(plan), problem.has_bias != 0}));
}

// Throws Refused also if the engine is not allowed.
std::unique_ptr<Conv2dGraphPlan> allowed_plan(const Conv2dGpu& gpu, const Conv2dProblem& problem,
                                              const std::shared_ptr<const Graph>& graph,
                                              Engine engine, const Conv2dFusion& fusion = {}) {
  if (!engine.is_allowed(problem, has_epilogue(problem) || fusion.exists()))
    throw Refused{fmt::format("engine {} is not allowed", engine.choice.engine)};
  return plan_with(gpu, problem, graph, std::move(engine));
}

}  // namespace

// "graphs" tells these plans from those of older checkpoints, which are of another interface.
std::string conv2d_library() { return fmt::format("cuDNN {} (graphs)", cudnnGetVersion()); }

Conv2dGpu Conv2dGpu::of_handle(void* handle) {
  Conv2dGpu gpu;
  gpu.handle_ = handle;
  return gpu;
}

Conv2dGpu Conv2dGpu::described(const std::string& json, const std::string& place) {
#if CUDNN_VERSION >= 90800
  try {
    auto description = std::make_shared<Descriptor>(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    description->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                     static_cast<i64>(json.size()) + 1, json.c_str());  // with its zero
    description->finalize("the description of a GPU");
    Conv2dGpu gpu;
    gpu.description_ = std::move(description);
    return gpu;
  } catch (const Refused& refused) {
    fail("{}: cuDNN does not accept this description of a GPU: {}", place, refused.why);
  }
#else
  static_cast<void>(json);
  fail("{}: cuDNN {} given; 9.8 or later is required to plan for a GPU that is not there", place,
       CUDNN_VERSION);
#endif
}

Conv2dGraphPlan::Conv2dGraphPlan(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Conv2dGraphPlan::~Conv2dGraphPlan() = default;

const Conv2dChoice& Conv2dGraphPlan::choice() const { return parts_->engine.choice; }

std::string Conv2dGraphPlan::notes() const {
  constexpr std::pair<cudnnBackendNumericalNote_t, const char*> kNames[] = {
      {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, "tensor cores"},
      {CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, "rounded inputs"},
      {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, "other bits each time"},
      {CUDNN_NUMERICAL_NOTE_FFT, "FFT"},
      {CUDNN_NUMERICAL_NOTE_WINOGRAD, "Winograd"},
      {CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP, "keeps NaN"}};
  std::string all = parts_->engine.is_compiled_here ? "compiled at run time" : "";
  for (const auto& [note, name] : kNames)
    if (parts_->engine.has(note)) all += (all.empty() ? "" : ", ") + std::string(name);
  return all;
}

void Conv2dGraphPlan::run(void* handle, const Conv2dArrays& arrays, void* workspace) const {
  const std::array<i64, 4> uids{cudnn::kX, cudnn::kW, cudnn::kY, cudnn::kBias};
  const std::array<void*, 4> pointers{arrays.x, arrays.w, arrays.y, arrays.bias};
  const i64 count = parts_->has_bias ? 4 : 3;
  try {
    const Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids.data());
    pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers.data());
    pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
    pack.finalize("the arrays");
    cudnn::expect(
        cudnnBackendExecute(static_cast<cudnnHandle_t>(handle), parts_->plan.raw(), pack.raw()),
        "run a plan");
  } catch (const Refused& refused) {
    throw InternalError(fmt::format("conv2d: cuDNN failed at {}", refused.why));
  }
}

Conv2dAnswer best_conv2d_plan(const Conv2dGpu& gpu, const Conv2dProblem& problem,
                              const Conv2dFusion& fusion) {
  std::string refusal = "cuDNN suggests no engine";
  Conv2dAnswer answer;
  const auto try_engine = [&](const std::shared_ptr<const Graph>& graph, Engine engine) {
    try {
      answer.plan = allowed_plan(gpu, problem, graph, std::move(engine), fusion);
    } catch (const Refused& refused) {
      refusal = refused.why;
    }
    return answer.plan != nullptr;
  };
  try {
    const auto graph = std::make_shared<const Graph>(gpu, problem, fusion);
    std::vector<Engine> for_any_shape;
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
      for (Descriptor& config : suggestions(gpu, *graph, mode)) {
        Engine engine = engine_of(std::move(config));
        if (engine.is_for_any_shape()) for_any_shape.push_back(std::move(engine));
        else if (try_engine(graph, std::move(engine))) return answer;
      }
    }
    for (Engine& engine : for_any_shape)
      if (try_engine(graph, std::move(engine))) return answer;
  } catch (const Refused& refused) {
    refusal = refused.why;
  }
  answer.refusal = refusal;
  return answer;
}

std::vector<std::unique_ptr<Conv2dGraphPlan>> all_conv2d_plans(const Conv2dGpu& gpu,
                                                               const Conv2dProblem& problem) {
  std::vector<std::unique_ptr<Conv2dGraphPlan>> plans;
  const auto add = [&](const std::shared_ptr<const Graph>& graph, Descriptor config) {
    try {
      Engine engine = engine_of(std::move(config));
      if (engine.computes_as_asked(problem))
        plans.push_back(plan_with(gpu, problem, graph, std::move(engine)));
    } catch (const Refused&) {  // cuDNN does not make each plan that it suggests
    }
  };
  try {
    const auto graph = std::make_shared<const Graph>(gpu, problem, Conv2dFusion{});
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
      for (Descriptor& config : suggestions(gpu, *graph, mode)) add(graph, std::move(config));
  } catch (const Refused&) {  // there are no more suggestions
  }
  return plans;
}

Conv2dAnswer conv2d_plan_of(const Conv2dGpu& gpu, const Conv2dProblem& problem,
                            const Conv2dChoice& choice) {
  try {
    const auto graph = std::make_shared<const Graph>(gpu, problem, Conv2dFusion{});
    return {allowed_plan(gpu, problem, graph, chosen(gpu, *graph, choice)), ""};
  } catch (const Refused& refused) {
    return {nullptr, refused.why};
  }
}

}  // namespace weft::kernels
