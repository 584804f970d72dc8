// SPDX-License-Identifier: Apache-2.0
// The entries that a config's `data` section can name. Each makes a training set and a test set.
// Each is registered in its own file.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/registry.h"
#include "weft/data/dataset.h"
#include "weft/data/digits.h"
#include "weft/data/resize.h"

namespace weft {

namespace data {
struct TrainAndTest {
  std::shared_ptr<const Dataset> train, test;
  // The absolute path of the folder or file that was read; empty for data without one.
  std::string place = {};
};

// Holds test samples out of the training samples (test_samples() in data/subset.h). Nothing is done
// for a fraction of 0.
void hold_out_test(TrainAndTest& data, double fraction);

// Samples that a function makes, in memory. make(i, x) writes the numbers of sample i to `x`, in
// the order of `sample`, and returns its label, from 0 to below `classes`. The first `train`
// samples are the training set, and the `test` samples after them the test set, which is null for
// 0. Throws UserError for a label or a number that is out of range (TensorDataset).
struct LabelledSamples {
  std::string name = {};
  Shape sample;
  i64 classes = 2;
  i64 train = 1000, test = 0;
};
TrainAndTest labelled_samples(const LabelledSamples& samples,
                              const std::function<i64(i64 i, std::span<float> x)>& make);

// A path in the form of TrainAndTest::place.
std::string place_of(const std::filesystem::path& path);
}  // namespace data

template <>
struct RegistryTraits<data::Dataset> : RegistryDefaults<data::Dataset> {
  static constexpr const char* kind = "data";
  using Product = data::TrainAndTest;
};

namespace data {

using DataRecipe = Recipe<Dataset>;

// The option of that key if it is a text, of the recipe itself; null if there is none.
std::string* text_option(DataRecipe& recipe, std::string_view key);

struct DigitsSource {
  DigitsStyle style = DigitsStyle::strokes;
  i64 train_size = 20000;
  i64 test_size = 4000;
  double difficulty = 1.0;
  i64 seed = 1;
};
void describe(Fields& f, DigitsSource& o);
DataRecipe digits(const DigitsSource& options = {});

// `root` is the only folder looked in. If it is empty, $WEFT_DATA_DIR/<folder> and data/<folder>
// are, where <folder> is mnist here, and below fashion-mnist, cifar-10-batches-bin and
// cifar-100-binary.
struct MnistSource {
  std::string root = {};
};
void describe(Fields& f, MnistSource& o);
DataRecipe mnist(const MnistSource& options = {});

struct FashionMnistSource {
  std::string root = {};
};
void describe(Fields& f, FashionMnistSource& o);
DataRecipe fashion_mnist(const FashionMnistSource& options = {});

struct Cifar10Source {
  std::string root = {};
};
void describe(Fields& f, Cifar10Source& o);
DataRecipe cifar10(const Cifar10Source& options = {});

// The 100 classes, or the 20 groups of them.
enum class Cifar100Labels { fine, coarse };
constexpr EnumNames<2> names_of(Cifar100Labels) { return {"fine", "coarse"}; }

struct Cifar100Source {
  std::string root = {};
  Cifar100Labels labels = Cifar100Labels::fine;
};
void describe(Fields& f, Cifar100Source& o);
DataRecipe cifar100(const Cifar100Source& options = {});

// Pictures in folders (data/image_folder.h).
struct ImageFolderSource {
  std::string root = {};
  std::vector<i64> size = {};  // (height, width); empty: as they are
  ResizeFilter filter = ResizeFilter::bilinear;
  i64 channels = 3;
  double test_split = 0.2;  // without a folder `test`
};
void describe(Fields& f, ImageFolderSource& o);
DataRecipe image_folder(const ImageFolderSource& options);

enum class TableTask { auto_, classification, regression };
constexpr EnumNames<3> names_of(TableTask) { return {"auto", "classification", "regression"}; }
// What is done about a missing value of an input.
enum class Missing { error, mean, skip };
constexpr EnumNames<3> names_of(Missing) { return {"error", "mean", "skip"}; }

// A table (data/table.h).
struct CsvSource {
  std::string path = {}, test_path = {};
  std::string target = {};                    // a column
  std::vector<std::string> columns = {};      // empty: all but the target
  std::vector<std::string> categorical = {};  // of these
  TableTask task = TableTask::auto_;
  Missing missing = Missing::error;
  std::vector<std::string> missing_values = {"", "NA", "NaN", "nan", "null", "?"};
  std::string separator = ",";
  double test_split = 0.2;  // without test_path
};
void describe(Fields& f, CsvSource& o);
DataRecipe csv(const CsvSource& options);

// The tensors x and y of a safetensors file, and for a test x_test and y_test. Integers in y are
// labels, whatever their type; floating numbers are targets.
struct TensorsSource {
  std::string path = {};
  i64 classes = 0;          // 0: by the largest label
  double test_split = 0.2;  // without x_test
};
void describe(Fields& f, TensorsSource& o);
DataRecipe tensors(const TensorsSource& options);

enum class TextTokens { bytes, characters };
constexpr EnumNames<2> names_of(TextTokens) { return {"bytes", "characters"}; }
// The token behind a sample, or the one behind each of its positions.
enum class TextTargets { next, each };
constexpr EnumNames<2> names_of(TextTargets) { return {"next", "each"}; }

// A text (data/text.h).
struct TextSource {
  std::string path = {}, test_path = {};
  TextTokens tokens = TextTokens::bytes;
  i64 context = 8, stride = 1;
  TextTargets targets = TextTargets::next;
  // The characters of a saved run, token by token; no key of a config. Empty: those of the file.
  std::vector<std::string> vocabulary = {};
};
void describe(Fields& f, TextSource& o);
DataRecipe text(const TextSource& options);

// What is done with a record that comes when `capacity` of them wait to be used: its producer
// waits; or the oldest of them is replaced, and its producer is not told.
enum class WhenFull { wait, replace };
constexpr EnumNames<2> names_of(WhenFull) { return {"wait", "replace"}; }
enum class StreamDType { uint8, f32, int64 };
constexpr EnumNames<3> names_of(StreamDType) { return {"uint8", "f32", "int64"}; }

// Records that other processes send while training goes on (data/stream/stream_dataset.h). The test
// set is that of `stored`.
struct StreamSource {
  std::string address = {};  // unix:PATH or tcp:127.0.0.1:PORT
  i64 producers = 1;         // the stream ends when so many have sent their end mark
  std::optional<DataRecipe> stored = {};
  double stored_share = 0.5;
  // Without `stored`: of a sample, and its target: a label of `classes`, or numbers of that shape.
  std::vector<i64> sample = {};
  StreamDType sample_dtype = StreamDType::f32;
  i64 classes = 0;
  std::vector<i64> target = {};
  i64 capacity = 4096;
  WhenFull when_full = WhenFull::wait;
  double timeout = 300;   // seconds; 0: none
  i64 epoch_steps = 100;  // optimizer steps that count as an epoch
};
void describe(Fields& f, StreamSource& o);
DataRecipe stream(const StreamSource& options);

}  // namespace data
}  // namespace weft
