// SPDX-License-Identifier: Apache-2.0
// JPEG files, by libjpeg-turbo.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <vector>

// These need FILE and size_t before them.
#include <jpeglib.h>
//
#include <jerror.h>

#include "weft/core/regular_file.h"
#include "weft/data/picture.h"
#include "weft/data/image_file.h"

namespace weft::data {
namespace {

constexpr i64 kMostJpegBytes = i64{1} << 28;
// Each scan of a progressive file is a pass over all pixels, and a file of a few bytes may have
// thousands. Encoders write about ten.
i64 most_scans(i64 pixels, i64 bytes) { return ((i64{1} << 27) + 64 * bytes) / pixels; }

// libjpeg reports an error by longjmp, so that the functions between setjmp and it have no objects
// with destructors.
struct JpegState {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf at_error{};
  char message[JMSG_LENGTH_MAX] = {};
  i64 scans_allowed = 0;
  JpegState() = default;
  ~JpegState() { jpeg_destroy_decompress(&jpeg); }
  JpegState(const JpegState&) = delete;
  JpegState& operator=(const JpegState&) = delete;
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto& state = *static_cast<JpegState*>(jpeg->client_data);
  if (state.message[0] == '\0') jpeg->err->format_message(jpeg, state.message);
  std::longjmp(state.at_error, 1);  // NOLINT(cert-err52-cpp)
}

// Level −1 is a warning about damaged data, for which libjpeg invents pixels. Bytes between two
// parts of the file are no damage.
void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) on_error(jpeg);
}

void on_progress(j_common_ptr jpeg) {
  auto& state = *static_cast<JpegState*>(jpeg->client_data);
  if (state.jpeg.input_scan_number <= state.scans_allowed) return;
  std::snprintf(state.message, sizeof state.message, "more than %lld scans",
                static_cast<long long>(state.scans_allowed));
  on_error(jpeg);
}

// Reads the header. Returns false after an error.
bool begin_jpeg(JpegState& state, const unsigned char* bytes, unsigned long count) {
  state.jpeg.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = on_error;
  state.errors.emit_message = on_message;
  state.jpeg.client_data = &state;
  if (setjmp(state.at_error) != 0) return false;
  jpeg_create_decompress(&state.jpeg);
  state.progress.progress_monitor = on_progress;
  state.jpeg.progress = &state.progress;
  jpeg_mem_src(&state.jpeg, bytes, count);
  jpeg_read_header(&state.jpeg, TRUE);
  state.jpeg.out_color_space = JCS_RGB;
  jpeg_calc_output_dimensions(&state.jpeg);
  return true;
}

bool read_rgb(JpegState& state, u8* rgb) {
  if (setjmp(state.at_error) != 0) return false;
  jpeg_start_decompress(&state.jpeg);
  while (state.jpeg.output_scanline < state.jpeg.output_height) {
    JSAMPROW row = rgb + std::size_t{state.jpeg.output_scanline} * state.jpeg.output_width * 3;
    jpeg_read_scanlines(&state.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&state.jpeg);
  return true;
}

}  // namespace

Tensor read_jpeg(const std::string& path, i64 channels, std::optional<PictureSize> required) {
  check_channels(path, channels);
  const RegularFile file(path);
  file.defect().check(path + ": it", "a JPEG file is required");
  WEFT_CHECK(file.bytes() <= kMostJpegBytes, "{}: it has {} bytes; at most {} are read", path,
             file.bytes(), kMostJpegBytes);
  std::vector<u8> bytes(static_cast<std::size_t>(file.bytes()));
  file.read(bytes.data(), file.bytes(), 0).check(path + ": it", "a JPEG file is required");
  JpegState state;
  const auto check = [&](bool done, const char* needed) {
    WEFT_CHECK(done, "{}: cannot be read ({}); {} is required", path, state.message, needed);
  };
  check(begin_jpeg(state, bytes.data(), bytes.size()), "a JPEG file");
  const J_COLOR_SPACE colours = state.jpeg.jpeg_color_space;
  WEFT_CHECK(colours != JCS_CMYK && colours != JCS_YCCK,
             "{}: its colours are CMYK, as for print; grey or RGB is required", path);
  const i64 height = state.jpeg.output_height, width = state.jpeg.output_width;
  check_picture_size(path, height, width, required);
  // A block of 8 × 8 pixels takes two bits at least, and four blocks of colour may share one.
  constexpr i64 kMostPixelsFromOneByte = 1024;
  WEFT_CHECK(height * width / kMostPixelsFromOneByte <= file.bytes(),
             "{}: has {} bytes for {} × {} pixels; a whole JPEG file is required", path,
             file.bytes(), width, height);
  state.scans_allowed = most_scans(height * width, file.bytes());
  Tensor rgb = Tensor::empty({height, width, 3}, DType::uint8);
  check(read_rgb(state, rgb.data<u8>()), "a whole JPEG file");
  if (channels == 3) return rgb;
  Tensor grey = Tensor::empty({height, width, 1}, DType::uint8);
  for (i64 i = 0; i < height * width; ++i) {
    const u8* pixel = rgb.data<u8>() + 3 * i;
    grey.data<u8>()[i] = grey_of(pixel[0], pixel[1], pixel[2]);
  }
  return grey;
}

}  // namespace weft::data
