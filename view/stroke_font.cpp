// SPDX-License-Identifier: Apache-2.0
#include "weft/view/stroke_font.h"

#include <algorithm>
#include <array>

namespace weft::view {
namespace {

// The glyphs from ' ' to '~'. A point is two characters: x from 0 to 9 in half units, and y as a
// letter, in half units too, with e on the baseline (so m is the height of small letters, q that of
// capitals, a the lowest). A space begins a new stroke.
constexpr std::array<std::string_view, 95> kGlyphs{
    "", "1q1h 1f1e", "1q1n 4q4n", "2q1e 6q5e 0m8m 0i8i", "4r4d 8o6q2q0o0m2k6k8i8g6e2e0g",
    "0e8q 1q3q3n1n1q 5h7h7e5e5h", "8e1n1p2q4q5p5n0i0g2e4e8i", "1q1n", "3r1o0k0g1d3b",
    "0r2o3k3g2d0b", "3q3i 0o6k 6o0k", "3n3f 0j6j", "1f0c", "0j4j", "0f0e1e1f0f", "0d5r",
    // 0 to 9
    "2q0n0h2e5e7h7n5q2q", "1o3q3e", "0o2q5q7o7m0e7e", "0q7q3l5l7j7g5e2e0g", "5e5q0i7i",
    "7q1q0k2l5l7j7g5e2e0g", "6q3q0m0g2e5e7g7j5l2l0j", "0q7q2e",
    "2q0o0m2l5l7m7o5q2q 2l0j0g2e5e7g7j5l", "7m5k2k0m0o2q5q7o7j4e1e",
    // : ; < = > ? @
    "1f1e 1m1l", "1f0c 1m1l", "7n0j7f", "0l7l 0h7h", "0n7j0f", "0o2q5q7o7m3j3h 3f3e",
    "6h6m4n2l2i3h5i6j 6h8h9k9m7q3q0n0h2e7e",
    // A to Z
    "0e4q8e 1i7i", "0e0q5q7o7m5k0k 5k7i7g5e0e", "8o6q2q0n0h2e6e8g", "0e0q4q8n8h4e0e",
    "7e0e0q7q 0k5k", "0e0q7q 0k5k", "8o6q2q0n0h2e6e8g8k5k", "0e0q 8e8q 0k8k", "0e0q", "5q5g4e1e0g",
    "0e0q 7q0i 2k7e", "0q0e6e", "0e0q5h9q9e 5h5h", "0e0q8e8q", "2q0n0h2e6e8h8n6q2q",
    "0e0q5q7o7l5j0j", "2q0n0h2e6e8h8n6q2q 5h8d", "0e0q5q7o7l5j0j 4j7e", "7o5q2q0o0m2k5k7i7g5e2e0g",
    "0q8q 4q4e", "0q0g2e6e8g8q", "0q4e8q", "0q2e4o6e8q", "0e8q 0q8e", "0q4k8q 4k4e", "0q8q0e8e",
    // [ \ ] ^ _ `
    "3r0r0b3b", "0r5d", "0r3r3b0b", "0m3q6m", "0c8c", "0q2o",
    // a to z
    "6m6e 6k5m2m0k0g2e5e6g", "0q0e 0k2m5m6k6g5e2e0g", "6l5m2m0k0g2e5e6f", "6q6e 6k5m2m0k0g2e5e6g",
    "0i6i6k5m2m0k0g2e5e6f", "4q3q2p2e 0m4m", "6m6c5a1a 6k5m2m0k0g2e5e6g", "0q0e 0k2m5m6k6e",
    "0m0e 0p0q", "2m2b1a0a 2p2q", "0q0e 6m0h 2j6e", "0q0f1e", "0m0e 0k2m4m5k5e 5k7m9m9k9e",
    "0m0e 0k2m5m6k6e", "2m0k0g2e5e6g6k5m2m", "0m0a 0k2m5m6k6g5e2e0g", "6m6a 6k5m2m0k0g2e5e6g",
    "0m0e 0k2m4m", "6l5m1m0l0k1j5i6h6f5e1e0f", "2p2f3e4e 0m4m", "0m0g2e5e6g 6m6e", "0m3e6m",
    "0m2e4l6e8m", "0m6e 6m0e", "0m3e 6m2b1a0a", "0m6m0e6e",
    // { | } ~
    "4r2q2l0j2h2c4b", "0r0b", "0r2q2l4j2h2c0b", "0i2k5i7k"};

Glyph glyph_from(std::string_view text) {
  Glyph glyph{{{}}};
  double widest = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      glyph.strokes.emplace_back();
      ++i;
      continue;
    }
    const XY at{(text[i] - '0') / 2.0, (text[i + 1] - 'e') / 2.0};
    glyph.strokes.back().push_back(at);
    widest = std::max(widest, at.x);
    i += 2;
  }
  glyph.advance = text.empty() ? 2.6 : widest + 1.5;
  return glyph;
}

}  // namespace

Glyph glyph_of(unsigned code) {
  if (code >= ' ' && code - ' ' < kGlyphs.size()) return glyph_from(kGlyphs[code - ' ']);
  if (code == 0xb7) return glyph_from("1j1k");  // the dot between the names of a run and a curve
  if (code == 0x2026) return glyph_from("0f0e 3f3e 6f6e");  // ellipsis
  return glyph_from("0e0q6q6e0e");
}

}  // namespace weft::view
