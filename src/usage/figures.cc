#include "usage/figures.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>

namespace llama_swap::usage {
namespace {

using nlohmann::json;

// Beyond it, doubles do not count one by one, and no model counts that far.
constexpr double kMaxCount = 9007199254740992.0;  // 2^53

const json* member(const json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::optional<double> number(const json& object, std::string_view name) {
  const json* value = member(object, name);
  if (!value || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

std::optional<std::int64_t> count(const json& object, std::string_view name) {
  const auto value = number(object, name);
  if (!value || std::abs(*value) > kMaxCount) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<std::int64_t> first_count(const json& object,
                                        std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const auto value = count(object, name)) return value;
  return std::nullopt;
}

std::optional<std::int64_t> cached_count(const json& usage) {
  if (const auto value = count(usage, "cache_read_input_tokens")) return value;
  for (const std::string_view details : {"input_tokens_details", "prompt_tokens_details"})
    if (const json* object = member(usage, details))
      if (const auto value = count(*object, "cached_tokens")) return value;
  return std::nullopt;
}

void set_drafts(const json& object, std::string_view drafted, std::string_view accepted,
                Figures& figures) {
  const auto all = count(object, drafted);
  const auto good = count(object, accepted);
  if (!all || !good) return;
  figures.draft = *all;
  figures.draft_accepted = *good;
}

json parse(std::string_view text) {
  return json::parse(text, nullptr, false);
}

bool is_object_text(std::string_view text) {
  return text.starts_with('{');
}

// A usage object; nothing happens if it is none.
void apply_text(std::string_view text, std::optional<Figures>& figures) {
  if (text.empty()) return;
  const json usage = parse(text);
  if (!usage.is_object()) return;
  if (!figures) figures.emplace();
  apply_usage(usage, *figures);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view leading_digits(std::string_view text) {
  return {text.begin(), std::find_if_not(text.begin(), text.end(), is_digit)};
}

}  // namespace

void apply_usage(const json& usage, Figures& figures) {
  const auto input = first_count(usage, {"prompt_tokens", "input_tokens"});
  const auto output = first_count(usage, {"completion_tokens", "output_tokens"});
  const auto cached = cached_count(usage);
  if (input.value_or(0) > 0) figures.input = *input;
  if (output.value_or(0) > 0) figures.output = *output;
  if (cached.value_or(-1) >= 0) figures.cached = *cached;
}

void apply_timings(const json& timings, Figures& figures) {
  if (!timings.is_object()) return;
  figures.input = count(timings, "prompt_n").value_or(0);
  figures.output = count(timings, "predicted_n").value_or(0);
  figures.prompt_per_second = number(timings, "prompt_per_second").value_or(0);
  figures.tokens_per_second = number(timings, "predicted_per_second").value_or(0);
  if (const auto cached = count(timings, "cache_n")) figures.cached = *cached;
  set_drafts(timings, "draft_n", "draft_n_accepted", figures);
  const double spent =
      number(timings, "prompt_ms").value_or(0) + number(timings, "predicted_ms").value_or(0);
  if (spent > 0 && spent < kMaxCount) figures.model_time = util::Millis(std::int64_t(spent));
}

void apply_metrics(const json& metrics, Figures& figures) {
  if (const json* drafts = member(metrics, "speculative_decoding"))
    set_drafts(*drafts, "num_draft_tokens", "num_accepted_draft_tokens", figures);
  const double to_first_ms = number(metrics, "time_to_first_token_ms").value_or(0);
  const std::int64_t computed = figures.input - std::max<std::int64_t>(figures.cached, 0);
  if (to_first_ms > 0 && computed >= 0)
    figures.prompt_per_second = static_cast<double>(computed) / (to_first_ms / 1000);
  const double between_ms = number(metrics, "mean_itl_ms").value_or(0);
  if (between_ms > 0) figures.tokens_per_second = 1000 / between_ms;
}

bool replaces(std::string_view text, std::string_view old) {
  // More may be no count any more.
  constexpr std::size_t kMaxDigits = 15;
  char before = '\0';
  while (!text.empty() && !old.empty()) {
    if (!is_digit(text.front()) || !is_digit(old.front())) {
      if (text.front() != old.front()) return false;
      before = text.front();
      text.remove_prefix(1);
      old.remove_prefix(1);
      continue;
    }
    const std::string_view digits = leading_digits(text);
    const std::string_view old_digits = leading_digits(old);
    const bool may_differ = digits.front() != '0' && digits.size() <= kMaxDigits &&
                            std::string_view("eE+-").find(before) == std::string_view::npos;
    if (!may_differ && digits != old_digits) return false;
    text.remove_prefix(digits.size());
    old.remove_prefix(old_digits.size());
  }
  return text.empty() && old.empty();
}

void Collector::add_usage(std::string_view text) {
  if (!is_object_text(text)) return;
  if (!replaces(text, usage_)) apply_text(usage_, before_);
  usage_ = text;
}

void Collector::set_timings(std::string_view text) {
  if (is_object_text(text)) timings_ = text;
}

void Collector::set_metrics(std::string_view text) {
  if (is_object_text(text)) metrics_ = text;
}

std::optional<Figures> Collector::figures() const {
  std::optional<Figures> from_usage = before_;
  apply_text(usage_, from_usage);
  const json timings = parse(timings_);
  const json metrics = parse(metrics_);
  if (!from_usage && !timings.is_object() && !metrics.is_object()) return std::nullopt;
  Figures figures = from_usage.value_or(Figures{});
  apply_timings(timings, figures);
  apply_metrics(metrics, figures);
  return figures;
}

}  // namespace llama_swap::usage
