// SPDX-License-Identifier: Apache-2.0
// The lines that a console shows of a run. These functions only make text.
#pragma once
#include <limits>
#include <map>
#include <optional>
#include <string>

#include "weft/core/types.h"

namespace weft::train {

struct EpochReport;

// The state of a run inside an epoch, as a bar or a heartbeat shows it.
struct LiveProgress {
  i64 epoch = 0, epochs = 0;   // from 1; 0 epochs: their number is not known
  i64 batch = 0, batches = 0;  // done, and of the epoch
  double loss = std::numeric_limits<double>::quiet_NaN();  // mean of the epoch; NaN: not known yet
  double lr = 0;
  std::optional<double> loss_scale = {};
  i64 skipped = 0;  // steps of this epoch
  double samples_per_second = 0;
  // Seconds to the end of the epoch and of the run; negative: not known.
  double epoch_left = -1, run_left = -1;
};

// The bar, on one line of at most columns - 1 characters: epoch, bar, share done, loss, lr, loss
// scale, skipped steps, samples/s, time left in the epoch and in the run. A narrow line has a
// shorter bar, or none, and fewer of these, down to epoch and loss. At least 2 columns.
// `colour`: with codes for colours, which take no column.
std::string bar_line(const LiveProgress& live, i64 columns, bool colour = false);
// The same without a bar, for where no line can be replaced.
std::string heartbeat_line(const LiveProgress& live);
// A finished epoch, with the metrics of training and validation.
std::string epoch_line(const EpochReport& report);

// " validation loss 0.1234  accuracy 0.9876": the metrics whose names begin with `split`, four
// digits of each, the loss first; `label` is the loss's. Each begins with two spaces.
std::string metrics_text(const std::map<std::string, double>& metrics, const std::string& split,
                         const char* label);
std::string rate_text(double samples_per_second);  // "812 samples/s", "12.3k samples/s"
std::string time_text(double seconds);             // "45s", "2m05s", "1h02m", "3d04h"
// The characters of a line on a terminal, without codes for colours.
i64 columns_of(const std::string& line);

}  // namespace weft::train
