#include "observe/prometheus_text.h"

namespace llama_swap::observe {
namespace {

void append_escaped(std::string& out, std::string_view label_value) {
  for (const char c : label_value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
}

}  // namespace

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(out_), "# HELP llamaswap_{0} {1}\n# TYPE llamaswap_{0} {2}\n",
                 name, help, type);
}

void PrometheusText::begin(std::string_view suffix, std::span<const Label> labels) {
  out_.append("llamaswap_").append(name_).append(suffix);
  char before = '{';
  for (const Label& label : labels) {
    out_ += before;
    out_.append(label.name).append("=\"");
    append_escaped(out_, label.value);
    out_ += '"';
    before = ',';
  }
  if (!labels.empty()) out_ += '}';
}

}  // namespace llama_swap::observe
