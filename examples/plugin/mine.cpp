// SPDX-License-Identifier: Apache-2.0
// A plugin with an entry of each kind. mine.yaml trains with all of them; docs/plugins.md says how.
#include <weft/weft.h>

#include <cmath>
#include <fstream>

using namespace weft;

// data: two numbers in [0, 1), and whether just one of them is above a half.
struct XorOptions {
  i64 size = 400;
};
void describe(Fields& f, XorOptions& o) { f("size", o.size, "samples", at_least(10)); }
data::TrainAndTest make_xor(const XorOptions& o) {
  return data::labelled_samples(
      {.name = "xor", .sample = {2}, .classes = 2, .train = o.size, .test = o.size},
      [](i64 i, std::span<float> x) -> i64 {
        x[0] = static_cast<float>(std::fmod(i * 0.618034, 1));
        x[1] = static_cast<float>(std::fmod(i * 0.414214, 1));
        return (x[0] > 0.5F) != (x[1] > 0.5F);
      });
}
const bool has_data = Registry<data::Dataset>::add<XorOptions>("xor", make_xor);

// augmentation: a dark corner.
struct DarkCorner : data::Augmentation {
  void apply(const data::PictureView& in, u8* out, data::Random& random) const override {
    std::copy_n(in.pixels, in.height * in.row_bytes(), out);
    const i64 rows = in.height / 4, bytes = in.row_bytes() / 4;
    const u8 grey = static_cast<u8>(random.below(64));
    for (i64 y = 0; y < rows; ++y) std::fill_n(out + y * in.row_bytes(), bytes, grey);
  }
};
const bool has_augmentation = Registry<data::Augmentation>::add<DarkCorner>("dark_corner");

// sampler: every other sample, of the even ones and of the odd ones in turn.
struct EveryOther : data::Sampler {
  i64 samples() const override { return dataset_size() / 2; }
  void fill(std::vector<i64>& order, u64, i64 epoch) const override {
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = 2 * static_cast<i64>(i) + epoch % 2;
  }
};
const bool has_sampler = Registry<data::Sampler>::add<EveryOther>("every_other");

// mix: the first half of one sample and the second half of another.
struct Halves : data::Mix {
  double apply(const data::BatchView& in, std::span<const i64> partners, std::byte* out,
               data::Random&) const override {
    const i64 bytes = in.info.sample_bytes(), half = bytes / 8 * 4;  // whole numbers
    for (i64 i = 0; i < in.count; ++i, out += bytes) {
      std::copy_n(in.sample(i), half, out);
      const i64 partner = partners[static_cast<std::size_t>(i)];
      std::copy_n(in.sample(partner) + half, bytes - half, out + half);
    }
    return static_cast<double>(half) / static_cast<double>(bytes);
  }
};
const bool has_mix = Registry<data::Mix>::add<Halves>("halves");

// model: the outputs of a small network plus those of a single layer.
struct SkipMlpOptions {
  i64 width = 16;
};
void describe(Fields& f, SkipMlpOptions& o) { f("width", o.width, "hidden", at_least(1)); }
struct SkipMlp : nn::Module {
  SkipMlp(const SkipMlpOptions& o, const nn::ModelInput& in)
      : first{in.sample.elements(), o.width},
        second{o.width, in.outputs},
        skip{in.sample.elements(), in.outputs} {}
  void parts(nn::Parts& p) override { p("first", first)("second", second)("skip", skip); }
  Variable forward(const Variable& x) override { return second(relu(first(x))) + skip(x); }
  nn::Linear first, second, skip;
};
const bool has_model = nn::add_model<SkipMlp, SkipMlpOptions>("skip_mlp");

// layer, for model.type: layers: a factor for each feature.
struct Scale : nn::Module {
  explicit Scale(i64 features) : weight{Tensor::full({features}, 1)} {}
  void parts(nn::Parts& p) override { p("weight", weight); }
  Variable forward(const Variable& x) override { return x * weight; }
  nn::Parameter weight;
};
const bool has_layer = Registry<nn::Layer>::add<NoOptions>(
    "scale", [](const NoOptions&, const nn::LayerInput& in) -> nn::AnyModule {
      return Scale{in.features("scale")};
    });

// loss: cross-entropy of the outputs times a factor that is learned.
struct Tempered : train::Loss {
  void parts(nn::Parts& p) override { p("factor", factor); }
  Variable forward(const Variable& output, const Tensor& target) const override {
    return cross_entropy(output * factor, target);
  }
  i64 outputs(const data::DatasetInfo& info) const override { return info.classes; }
  std::vector<std::string> default_metrics() const override { return {"accuracy", "caution"}; }
  nn::Parameter factor{Tensor::full({1}, 1)};
};
const bool has_loss = Registry<train::Loss>::add<Tempered>("tempered");

// metric: the share of outputs between −1 and 1.
struct Caution : train::Metric {
  void update(const Tensor& output, const Tensor&) override {
    for (const double value : output.to(DType::f64).to_vector<double>())
      small_ += std::abs(value) < 1;
    all_ += output.elements();
  }
  double value() const override { return static_cast<double>(small_) / static_cast<double>(all_); }
  void reset() override { small_ = all_ = 0; }
  void merge(const train::SumOverRanks& sum) override {
    train::sum_numbers<i64>(sum, {&small_, &all_});
  }
  void state(State& s) override {  // for train.metrics
    s.within("small", small_, 0, kMostSaved).within("all", all_, 0, kMostSaved);
  }
  i64 small_ = 0, all_ = 0;
};
const bool has_metric = Registry<train::Metric>::add<Caution>("caution");

// optimizer: by the sign of each gradient alone; for the CPU.
struct SignSgd {
  double lr = 1e-3;
  static constexpr int kSlots = 0;  // state tensors
  template <class T>
  void operator()(T& p, T g, T*, const kernels::UpdateRates<T>& r) const {
    p -= r.lr * static_cast<T>((g > 0) - (g < 0));
  }
};
void describe(Fields& f, SignSgd& o) { f("lr", o.lr, "learning rate", positive); }
const bool has_optimizer = optim::add_formula<SignSgd>("sign_sgd");

// scheduler: up and down again. It is its own options.
struct Triangle : optim::Schedule {
  i64 period = 100;
  double lr_factor(i64 step) const override {
    const double at = static_cast<double>(step % period) / static_cast<double>(period);
    return 0.1 + 0.9 * (1 - std::abs(2 * at - 1));
  }
};
void describe(Fields& f, Triangle& o) { f("period", o.period, "in steps", at_least(2)); }
const bool has_schedule = Registry<optim::Schedule>::add<Triangle, Triangle>("triangle");

// strategy: trains the biases in every other epoch only.
struct Biases : train::Strategy {
  void on_train_begin(train::Trainer& t) override { set(t, t.progress().epochs_done); }
  void on_epoch_end(train::Trainer& t, const train::EpochResult& r) override { set(t, r.epoch); }
  static void set(train::Trainer& t, i64 epoch) {
    t.set_requires_grad("*.bias", epoch % 2 == 0);
    t.rebuild_optimizer_and_scheduler();
  }
};
const bool has_strategy = Registry<train::Strategy>::add<Biases>("biases");

// callback: writes an event into metrics.jsonl, and keeps a count in the checkpoints.
struct Counter : train::Callback {
  void on_train_begin(train::Orchestrator& run) override { run_ = &run; }
  void on_epoch_end(const train::EpochReport& report) override {
    ++epochs_;
    run_->metrics_log()->add_event("counted", report.step, {{"epochs", epochs_}});
  }
  void state(State& s) override { s("epochs", epochs_); }
  train::Orchestrator* run_ = nullptr;
  i64 epochs_ = 0;
};
const bool has_callback = Registry<train::Callback>::add<Counter>("counter");

// logger: the loss of each epoch, one number a line.
struct Losses : train::Logger {
  void begin(const train::LoggedRun& run) override { file = run.folder.file("losses.txt"); }
  void log(const train::LogEvent& event) override {
    if (const auto loss = event.number("train/loss"))
      std::ofstream(file, std::ios::app) << *loss << '\n';
  }
  std::filesystem::path file;
};
const bool has_logger = Registry<train::Logger>::add<Losses>("losses");

// trainer: the model and a second one, `models: {twin: {…}}`, learn from the labels and each other.
struct Twins : train::Trainer {
  explicit Twins(const train::TrainerContext& c) : Trainer(c), twin(add_model("twin", c)) {}
  Variable compute_loss(const Variable& x, const Tensor& y) override {
    const Variable a = model()(x), b = twin(x);
    return loss().forward(a, y) + loss().forward(b, y) + 0.1 * mean(square(a - b));
  }
  nn::Module& twin;
};
const bool has_trainer = Registry<train::Trainer>::add<Twins>("twins");

// precision: bf16 under a name of one's own.
const bool has_precision =
    Registry<train::Precision>::add<NoOptions>("halves", [](const NoOptions&) {
      return std::make_unique<train::Precision>(train::Precision{.compute_dtype = DType::bf16});
    });
