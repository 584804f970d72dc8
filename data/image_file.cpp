// SPDX-License-Identifier: Apache-2.0
#include "weft/data/image_file.h"

#include <algorithm>
#include <csetjmp>
#include <limits>
#include <string_view>
#include <vector>

#include <png.h>

#include "weft/core/regular_file.h"
#include "weft/data/picture.h"

namespace weft::data {
namespace {

constexpr i64 kBufferBytes = 1 << 16;
constexpr i64 kRgba = 4;  // channels
constexpr i64 kMostReadAhead = 1 << 14;
constexpr i64 kAnyBytes = std::numeric_limits<i64>::max();

// A file that libpng reads, part by part. libpng reports an error by longjmp, so that the functions
// that it calls, and those between setjmp and it, have no objects with destructors.
struct PngInput {
  const RegularFile* file = nullptr;
  i64 position = 0;               // in the file, of the end of the buffer
  i64 used = 0, filled = 0;       // of the buffer
  i64 row_bytes = 0;              // of a row, before it was compressed
  i64 bytes_allowed = kAnyBytes;  // in chunks, that libpng may still read
  // A chunk is its length and type, data, and a checksum. libpng reads each of them by itself.
  bool in_signature = true, in_chunk = false;
  i64 chunk_left = 0;  // bytes of its data
  std::vector<u8> buffer = std::vector<u8>(kBufferBytes);
  FileDefect defect;       // of the file
  char message[128] = {};  // of libpng
};

// Fills the buffer. Returns whether there were bytes. Its own function, because it has objects with
// destructors.
bool refill(PngInput& input) {
  const i64 count = std::min(kBufferBytes, input.file->bytes() - input.position);
  if (count <= 0) return false;
  input.defect = input.file->read(input.buffer.data(), count, input.position);
  input.position += count;
  input.used = 0;
  input.filled = count;
  return input.defect.empty();
}

// Notes what part of a chunk these bytes are. Only its data become pixels and count: any number of
// chunks may be empty.
void note_part(png_structp png, PngInput& input, const u8* part, i64 bytes) {
  if (input.in_signature) {
    input.in_signature = false;
  } else if (!input.in_chunk) {
    input.in_chunk = true;
    input.chunk_left = bytes < 4 ? 0 : i64{png_get_uint_32(part)};
  } else if (input.chunk_left > 0) {
    input.chunk_left -= bytes;
    input.bytes_allowed -= bytes;
    if (input.bytes_allowed < 0) png_error(png, "its rows have more bytes than their pixels take");
  } else {
    input.in_chunk = false;
  }
}

void read_for_png(png_structp png, png_bytep out, png_size_t bytes) {
  auto& input = *static_cast<PngInput*>(png_get_io_ptr(png));
  const png_bytep part = out;
  const auto part_bytes = static_cast<i64>(bytes);
  while (bytes > 0) {
    if (input.used == input.filled && !refill(input)) png_error(png, "the file is cut off");
    const auto count = std::min(bytes, static_cast<png_size_t>(input.filled - input.used));
    std::copy_n(input.buffer.data() + input.used, count, out);
    input.used += static_cast<i64>(count);
    out += count;
    bytes -= count;
  }
  if (part_bytes > 0) note_part(png, input, part, part_bytes);
}

void keep_message(png_structp png, png_const_charp message) {
  auto& input = *static_cast<PngInput*>(png_get_error_ptr(png));
  std::size_t length = 0;
  for (; message[length] != '\0' && length + 1 < sizeof input.message; ++length)
    input.message[length] = message[length];
  input.message[length] = '\0';
  png_longjmp(png, 1);
}

// A warning is about a chunk that is not needed for the pixels.
void ignore_warning(png_structp, png_const_charp) {}

// libpng's state, which it allocates.
struct PngState {
  png_structp png = nullptr;
  png_infop info = nullptr;
  PngState() = default;
  ~PngState() { png_destroy_read_struct(&png, &info, nullptr); }
  PngState(const PngState&) = delete;
  PngState& operator=(const PngState&) = delete;
};

// Reads the header, up to the pixels. Returns false after an error.
bool begin_png(PngState& state, PngInput& input) {
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, keep_message, ignore_warning);
  if (state.png == nullptr) return false;
  png_structp png = state.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  state.info = png_create_info_struct(png);
  if (state.info == nullptr) return false;
  png_set_read_fn(png, &input, read_for_png);
  png_set_user_limits(png, kMaxPictureSide, kMaxPictureSide);
  // libpng allocates what a chunk's length says. No chunk is longer than the file, and chunks that
  // are not needed for the pixels are skipped. Of gamma and profiles nothing remains.
  const i64 most = std::max<i64>(input.file->bytes(), 1);
  png_set_chunk_malloc_max(png, static_cast<png_alloc_size_t>(most));
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  static const png_byte kExif[5] = {'e', 'X', 'I', 'f', 0};
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kExif, 1);
  png_read_info(png, state.info);
  input.row_bytes = static_cast<i64>(png_get_rowbytes(png, state.info));
  return true;
}

// Reads all rows and what follows them. Returns false after an error.
//
// libpng unpacks all that follows the last row too, and a byte may become 1032. So a row may take
// no more of the file than if it could not be compressed, beside what libpng reads ahead.
bool read_rows(PngState& state, PngInput& input, png_bytepp rows) {
  png_structp png = state.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  const int passes = png_set_interlace_handling(png);
  const png_uint_32 height = png_get_image_height(png, state.info);
  for (int pass = 0; pass < passes; ++pass)
    for (png_uint_32 y = 0; y < height; ++y) {
      input.bytes_allowed = input.row_bytes + input.row_bytes / 8 + kMostReadAhead;
      png_read_row(png, rows[y], nullptr);
    }
  input.bytes_allowed = kAnyBytes;
  png_read_end(png, nullptr);
  return true;
}

// Rows will have 8 bits of red, green, blue and alpha. Returns false after an error.
bool ask_for_rgba(PngState& state) {
  png_structp png = state.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_expand(png);    // palettes, few bits and tRNS
  png_set_scale_16(png);  // v / 257, rounded
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
  png_set_interlace_handling(png);
  png_read_update_info(png, state.info);
  return true;
}

u8 on_black(u8 value, u8 alpha) { return static_cast<u8>((2 * value * alpha + 255) / 510); }

void put_pixel(const u8* rgba, u8* out, i64 channels) {
  const u8 red = on_black(rgba[0], rgba[3]), green = on_black(rgba[1], rgba[3]),
           blue = on_black(rgba[2], rgba[3]);
  if (channels == 1) {
    out[0] = grey_of(red, green, blue);
  } else {
    out[0] = red;
    out[1] = green;
    out[2] = blue;
  }
}

// Throws unless the picture is of the required size and its pixels may be read.
void check_size(const std::string& path, const PngState& state, const PngInput& input,
                std::optional<PictureSize> required) {
  const i64 height = png_get_image_height(state.png, state.info);
  const i64 width = png_get_image_width(state.png, state.info);
  check_picture_size(path, height, width, required);
  // The limit of deflate, rounded up (zlib's technical notes, "Maximum Compression Factor").
  constexpr i64 kMostFromOneByte = 1032;
  WEFT_CHECK(height * input.row_bytes / kMostFromOneByte <= input.file->bytes(),
             "{}: has {} bytes for {} × {} pixels; a whole PNG file is required", path,
             input.file->bytes(), width, height);
}

}  // namespace

Tensor read_png(const std::string& path, i64 channels, std::optional<PictureSize> required) {
  check_channels(path, channels);
  const RegularFile file(path);
  file.defect().check(path + ": it", "a PNG file is required");
  PngInput input;
  input.file = &file;
  PngState state;
  const auto check = [&](bool done, const char* needed) {
    input.defect.check(path + ": it", "a PNG file is required");
    WEFT_CHECK(done, "{}: cannot be read ({}); {} is required", path, input.message, needed);
  };
  check(begin_png(state, input), "a PNG file");
  check_size(path, state, input, required);
  check(ask_for_rgba(state), "a PNG file");
  const i64 height = png_get_image_height(state.png, state.info);
  const i64 width = png_get_image_width(state.png, state.info);
  std::vector<u8> rgba(static_cast<std::size_t>(height * width * kRgba));
  std::vector<png_bytep> rows(static_cast<std::size_t>(height));
  for (i64 y = 0; y < height; ++y)
    rows[static_cast<std::size_t>(y)] = rgba.data() + y * width * kRgba;
  check(read_rows(state, input, rows.data()), "a whole PNG file");
  Tensor pixels = Tensor::empty({height, width, channels}, DType::uint8);
  for (i64 i = 0; i < height * width; ++i)
    put_pixel(rgba.data() + i * kRgba, pixels.data<u8>() + i * channels, channels);
  return pixels;
}

namespace {

// What a file that is no picture seems to be, by its first bytes; empty if it is not known.
std::string kind_of_file(std::string_view begin) {
  const auto starts = [&](std::string_view magic) { return begin.starts_with(magic); };
  if (begin.empty()) return "empty";
  if (starts("GIF8")) return "a GIF file";
  if (starts("BM")) return "a BMP file";
  if (starts("RIFF") && begin.substr(std::min<std::size_t>(8, begin.size())).starts_with("WEBP"))
    return "a WebP file";
  if (starts(std::string_view("II*\0", 4)) || starts(std::string_view("MM\0*", 4)))
    return "a TIFF file";
  if (begin.substr(std::min<std::size_t>(4, begin.size())).starts_with("ftyp"))
    return "a HEIF, AVIF or MP4 file";
  if (starts("%PDF")) return "a PDF file";
  if (starts("\x1f\x8b")) return "a gzip file";
  if (starts("PK\x03\x04")) return "a ZIP file";
  const bool is_text = std::all_of(begin.begin(), begin.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  return is_text ? "text" : "";
}

}  // namespace

Tensor read_picture(const std::string& path, i64 channels, std::optional<PictureSize> required) {
  constexpr std::string_view kPng = "\x89PNG\r\n\x1a\n", kJpeg = "\xff\xd8";
  const RegularFile file(path);
  std::string begin(static_cast<std::size_t>(std::min<i64>(file.bytes(), 64)), '\0');
  constexpr const char* kRequired = "a PNG or JPEG file is required";
  file.defect().check(path + ": it", kRequired);
  file.read(begin.data(), std::ssize(begin), 0).check(path + ": it", kRequired);
  if (begin.starts_with(kJpeg)) return read_jpeg(path, channels, required);
  if (begin.starts_with(kPng)) return read_png(path, channels, required);
  // A PNG file that is cut off there, or whose line ends were changed, is one that is damaged.
  if (!begin.empty() && kPng.substr(0, 4).starts_with(begin.substr(0, 4)))
    return read_png(path, channels, required);
  const std::string kind = kind_of_file(begin);
  fail("{}: it is neither PNG nor JPEG{}; a PNG or JPEG file is required", path,
       kind.empty() ? "" : ", but " + kind);
}

}  // namespace weft::data
