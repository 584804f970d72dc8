// SPDX-License-Identifier: Apache-2.0
#include "weft/view/page.h"

#include <fmt/format.h>

#include "weft/core/atomic_file.h"
#include "weft/core/error.h"
#include "weft/core/printable.h"
#include "weft/train/run/run_folder.h"
#include "weft/view/assets.h"

namespace weft::view {
namespace {

// A script element ends at "</script" also inside a string, and "<!--" begins a comment in it. In
// JSON, "<" stands only in strings, where \u003c means the same.
std::string json_in_script(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<') text += "\\u003c";
    else text += c;
  }
  return text;
}

// A script or style sheet of weft's own, which is not escaped.
std::string_view checked_asset(const std::string& name) {
  const std::string_view text = asset(name);
  WEFT_ASSERT(
      text.find("</") == std::string_view::npos && text.find("<!--") == std::string_view::npos,
      "the asset '{}' has text that ends its element", name);
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += c;
    }
  }
  return safe;
}

std::string to_html(const Page& page) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n";
  html +=
      fmt::format("<title>{}</title>\n<style>\n{}", escaped(page.title), checked_asset("page.css"));
  for (const std::string& name : page.styles) html += checked_asset(name);
  html += "</style>\n</head>\n<body>\n" + page.body + "\n";
  for (const PageData& each : page.data)
    html += fmt::format("<script type=\"application/json\" id=\"{}\">{}</script>\n",
                        escaped(each.id), json_in_script(each.json));
  for (const std::string& name : page.scripts)
    html += fmt::format("<script>\n{}</script>\n", checked_asset(name));
  return html + "</body>\n</html>\n";
}

void write_output(const std::string& file, std::string_view text) {
  train::check_output(file);
  AtomicFile out(file, nullptr, NamedBy::user);
  out.write(text);
  out.commit();
}

void write_page(const std::string& file, const Page& page) { write_output(file, to_html(page)); }

}  // namespace weft::view
