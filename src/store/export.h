// Rows of activity as text: one JSON object (as the API shows it and as a line of an export), a
// line of CSV (RFC 4180), a line of a Markdown table. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/activity.h"

namespace llama_swap::store {

enum class Format { csv, json_lines, markdown };

// By name: "csv", "jsonl", "markdown"; in any case.
std::optional<Format> format(std::string_view name);
// The value of Content-Type.
std::string_view content_type(Format format);
// What a file of it ends with, behind the dot.
std::string_view suffix(Format format);

// The fields of http-api 19.2, then ours; `has_capture` only if it is known. No line end.
void append_json(std::string& out, const Activity& row, std::optional<bool> has_capture);

// What stands above the rows, with its line end; may be empty.
std::string export_header(Format format);
// One row and its line end. In CSV, text that a spreadsheet would take for a formula (it comes from
// clients) gets an apostrophe in front.
void append_row(std::string& out, Format format, const Activity& row);

}  // namespace llama_swap::store
