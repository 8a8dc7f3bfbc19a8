#include "store/export.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "observe/time_format.h"
#include "util/text.h"

namespace llama_swap::store {
namespace {

std::string number(double value) {
  return fmt::format("{}", std::isfinite(value) ? value : 0);
}

// As the original writes it: whole seconds, local zone.
std::string local_time(std::chrono::sys_seconds at) {
  const std::time_t second = at.time_since_epoch().count();
  std::tm local{};
  localtime_r(&second, &local);
  std::string out;
  observe::append_time(out, observe::TimeFormat::rfc3339, local, 0);
  return out;
}

std::string_view ending(Ending how) {
  switch (how) {
    case Ending::truncated:
      return "truncated";
    case Ending::cancelled:
      return "cancelled";
    case Ending::complete:
      break;
  }
  return "complete";
}

std::string milliseconds(const std::optional<util::milliseconds>& duration) {
  return duration ? std::to_string(duration->count()) : "";
}

// A cell of CSV or Markdown: text comes from elsewhere, numbers are ours.
struct Cell {
  std::string value;
  bool is_text = false;
};

struct Column {
  const char* name;
  Cell (*cell)(const Activity&);
};

Cell text(const std::string& value) {
  return {value, true};
}
Cell integer(std::int64_t value) {
  return {std::to_string(value)};
}

constexpr auto kColumns = std::to_array<Column>({
    {"id", [](const Activity& a) { return integer(a.id); }},
    {"timestamp", [](const Activity& a) { return Cell{local_time(a.ended)}; }},
    {"model", [](const Activity& a) { return text(a.model); }},
    {"req_path", [](const Activity& a) { return text(a.path); }},
    {"resp_status_code", [](const Activity& a) { return integer(a.status); }},
    {"resp_content_type", [](const Activity& a) { return text(a.content_type); }},
    {"cache_tokens", [](const Activity& a) { return integer(a.tokens.cached); }},
    {"draft_tokens", [](const Activity& a) { return integer(a.tokens.drafted); }},
    {"draft_acc_tokens", [](const Activity& a) { return integer(a.tokens.draft_accepted); }},
    {"input_tokens", [](const Activity& a) { return integer(a.tokens.input); }},
    {"output_tokens", [](const Activity& a) { return integer(a.tokens.output); }},
    {"prompt_per_second",
     [](const Activity& a) { return Cell{number(a.tokens.prompt_per_second)}; }},
    {"tokens_per_second",
     [](const Activity& a) { return Cell{number(a.tokens.output_per_second)}; }},
    {"duration_ms", [](const Activity& a) { return integer(a.duration.count()); }},
    {"error_msg", [](const Activity& a) { return text(a.error); }},
    {"key", [](const Activity& a) { return text(a.key); }},
    {"client", [](const Activity& a) { return text(a.client); }},
    {"session", [](const Activity& a) { return text(a.session); }},
    {"ending", [](const Activity& a) { return Cell{std::string(ending(a.ending))}; }},
    {"swap_caused", [](const Activity& a) { return Cell{a.swap_caused ? "true" : "false"}; }},
    {"queue_ms", [](const Activity& a) { return Cell{milliseconds(a.phases.queue)}; }},
    {"load_ms", [](const Activity& a) { return Cell{milliseconds(a.phases.load)}; }},
    {"first_byte_ms", [](const Activity& a) { return Cell{milliseconds(a.phases.first_byte)}; }},
    {"prefill_ms", [](const Activity& a) { return Cell{milliseconds(a.phases.prefill)}; }},
    {"decode_ms", [](const Activity& a) { return Cell{milliseconds(a.phases.decode)}; }},
    {"bytes_in", [](const Activity& a) { return integer(a.bytes_in); }},
    {"bytes_out", [](const Activity& a) { return integer(a.bytes_out); }},
    {"prompt_tokens",
     [](const Activity& a) { return a.prompt_tokens ? integer(*a.prompt_tokens) : Cell{}; }},
    {"metadata", [](const Activity& a) { return text(a.metadata_json); }},
    {"request_id", [](const Activity& a) { return text(a.request_id); }},
});

void append_csv(std::string& out, const Cell& cell) {
  const bool formula =
      cell.is_text && !cell.value.empty() &&
      std::string_view("=+-@\t\r").find(cell.value.front()) != std::string_view::npos;
  const std::string value = formula ? "'" + cell.value : cell.value;
  if (value.find_first_of(",\"\r\n") == std::string::npos)
    out += value;
  else
    out += '"' + util::replace_all(value, "\"", "\"\"") + '"';
}

void append_markdown(std::string& out, const Cell& cell) {
  for (const char c : cell.value) {
    if (c == '\n' || c == '\r')
      out += ' ';
    else if (cell.is_text && std::string_view("\\|<>`*_[]").find(c) != std::string_view::npos)
      (out += '\\') += c;
    else
      out += c;
  }
}

class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  void raw(std::string_view name, std::string_view value) {
    if (!first_) out_ += ',';
    first_ = false;
    ((((out_ += '"') += name) += "\":") += value);
  }
  void text(std::string_view name, std::string_view value) { raw(name, util::json_quote(value)); }
  void integer(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  void text_if(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void milliseconds_if(std::string_view name, const std::optional<util::milliseconds>& value) {
    if (value) integer(name, value->count());
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

// Anybody may have written the file: what is no JSON object is left out, and none has line ends.
std::string one_line_object(const std::string& json) {
  using Json = nlohmann::ordered_json;
  const Json object = json.empty() ? Json() : Json::parse(json, nullptr, false);
  return object.is_object() ? object.dump(-1, ' ', false, Json::error_handler_t::replace) : "";
}

std::string tokens_json(const Tokens& tokens) {
  std::string out;
  JsonObject object(out);
  object.integer("cache_tokens", tokens.cached);
  object.integer("draft_tokens", tokens.drafted);
  object.integer("draft_acc_tokens", tokens.draft_accepted);
  object.integer("input_tokens", tokens.input);
  object.integer("output_tokens", tokens.output);
  object.raw("prompt_per_second", number(tokens.prompt_per_second));
  object.raw("tokens_per_second", number(tokens.output_per_second));
  object.end();
  return out;
}

std::string phases_json(const Phases& phases) {
  std::string out;
  JsonObject object(out);
  object.milliseconds_if("queue_ms", phases.queue);
  object.milliseconds_if("load_ms", phases.load);
  object.milliseconds_if("first_byte_ms", phases.first_byte);
  object.milliseconds_if("prefill_ms", phases.prefill);
  object.milliseconds_if("decode_ms", phases.decode);
  object.end();
  return out;
}

}  // namespace

std::optional<Format> format(std::string_view name) {
  if (util::iequals(name, "csv")) return Format::csv;
  if (util::iequals(name, "jsonl")) return Format::json_lines;
  if (util::iequals(name, "markdown")) return Format::markdown;
  return std::nullopt;
}

std::string_view content_type(Format format) {
  switch (format) {
    case Format::csv:
      return "text/csv; charset=utf-8";
    case Format::json_lines:
      return "application/x-ndjson";
    case Format::markdown:
      break;
  }
  return "text/markdown; charset=utf-8";
}

std::string_view suffix(Format format) {
  switch (format) {
    case Format::csv:
      return "csv";
    case Format::json_lines:
      return "jsonl";
    case Format::markdown:
      break;
  }
  return "md";
}

void append_json(std::string& out, const Activity& row, std::optional<bool> has_capture) {
  JsonObject object(out);
  object.integer("id", row.id);
  object.text("timestamp", local_time(row.ended));
  object.text("model", row.model);
  object.text("req_path", row.path);
  object.text("resp_content_type", row.content_type);
  object.integer("resp_status_code", row.status);
  object.raw("tokens", tokens_json(row.tokens));
  object.integer("duration_ms", row.duration.count());
  if (has_capture) object.boolean("has_capture", *has_capture);
  object.text_if("error_msg", row.error);
  if (const std::string metadata = one_line_object(row.metadata_json); !metadata.empty())
    object.raw("metadata", metadata);
  object.raw("phases", phases_json(row.phases));
  object.text_if("key", row.key);
  object.text_if("client", row.client);
  object.text_if("session", row.session);
  object.text("ending", ending(row.ending));
  object.boolean("swap_caused", row.swap_caused);
  object.integer("bytes_in", row.bytes_in);
  object.integer("bytes_out", row.bytes_out);
  if (row.prompt_tokens) object.integer("prompt_tokens", *row.prompt_tokens);
  object.text_if("request_id", row.request_id);
  object.end();
}

std::string export_header(Format format) {
  std::string out;
  if (format == Format::json_lines) return out;
  if (format == Format::csv) {
    for (const Column& column : kColumns) (out += column.name) += ',';
    out.pop_back();
    return out + "\r\n";
  }
  for (const Column& column : kColumns) (out += "| ") += std::string(column.name) + " ";
  out += "|\n";
  for (std::size_t i = 0; i < kColumns.size(); ++i) out += "|---";
  return out + "|\n";
}

void append_row(std::string& out, Format format, const Activity& row) {
  switch (format) {
    case Format::json_lines:
      append_json(out, row, std::nullopt);
      out += '\n';
      return;
    case Format::csv:
      for (const Column& column : kColumns) {
        append_csv(out, column.cell(row));
        out += ',';
      }
      out.back() = '\r';
      out += '\n';
      return;
    case Format::markdown:
      for (const Column& column : kColumns) {
        out += "| ";
        append_markdown(out, column.cell(row));
        out += ' ';
      }
      out += "|\n";
  }
}

}  // namespace llama_swap::store
