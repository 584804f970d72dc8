// SPDX-License-Identifier: Apache-2.0
// A self-contained HTML page: it loads nothing, from the network or from a folder, and its content
// security policy says so. page.css gives it its looks, light and dark by the reader's setting,
// printable, and readable from 400 pixels.
//
// Texts of a run come from a folder that may have been received, and in any encoding. Each goes
// through escaped() on its way into the page.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace weft::view {

// The text for an element or an attribute in double quotes, of HTML or SVG. Control characters and
// bytes that are not UTF-8 become visible (core/printable.h).
std::string escaped(std::string_view text);

struct PageData {
  std::string id;
  std::string json;
};

struct Page {
  std::string title;      // as plain text
  std::string body = {};  // HTML; its texts are escaped
  std::vector<PageData> data =
      {};  // for scripts: JSON.parse(document.getElementById(id).textContent)
  // Names of assets (assets.h), behind page.css.
  std::vector<std::string> styles = {};
  std::vector<std::string> scripts = {};  // run in this order, at the end of the page
};

std::string to_html(const Page& page);
// Writes the page as one file, whole or not at all. Follows links, because a user names the file.
// Throws UserError for a file of a run (train::check_output), and IoError or InternalError.
void write_page(const std::string& file, const Page& page);
// Does the same with any text.
void write_output(const std::string& file, std::string_view text);

}  // namespace weft::view
