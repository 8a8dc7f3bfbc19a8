// Writes the text format of Prometheus, version 0.0.4. A family is begun once, and its samples
// follow right behind.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace llama_swap::observe {

struct Label {
  std::string_view name;
  std::string_view value;  // as it is: the text escapes it
};

class PrometheusText {
 public:
  // Name without the "llamaswap_" that all have. `type`: "gauge", "counter", "histogram". `help`
  // holds neither backslash nor newline. `name` must live until the next family begins.
  void family(std::string_view name, std::string_view type, std::string_view help);

  template <class Number>
  void sample(std::initializer_list<Label> labels, Number value) {
    sample("", {labels.begin(), labels.size()}, value);
  }
  // `suffix`: of the name, as histograms have.
  template <class Number>
  void sample(std::string_view suffix, std::span<const Label> labels, Number value) {
    begin(suffix, labels);
    fmt::format_to(std::back_inserter(out_), " {}\n", value);
  }
  // A family of one sample.
  template <class Number>
  void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
    family(name, type, help);
    sample({}, value);
  }

  std::string take() { return std::move(out_); }

 private:
  void begin(std::string_view suffix, std::span<const Label> labels);

  std::string out_;
  std::string_view name_;
};

}  // namespace llama_swap::observe
