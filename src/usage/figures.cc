#include "usage/figures.h"

#include <algorithm>
#include <cmath>

namespace llama_swap::usage {
namespace {

// No model counts that far, and millions of such numbers can be added up.
constexpr double kMaxCount = 1e12;

std::optional<double> number(const JsonNumbers& object, std::string_view name) {
  return object.find(name);
}

std::optional<std::int64_t> whole(const std::optional<double>& value) {
  if (!value || std::abs(*value) > kMaxCount) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<std::int64_t> count(const JsonNumbers& object, std::string_view name) {
  return whole(object.find(name));
}

std::optional<std::int64_t> cached_count(const JsonNumbers& usage) {
  if (const auto value = count(usage, "cache_read_input_tokens")) return value;
  for (const std::string_view details : {"input_tokens_details", "prompt_tokens_details"})
    if (const auto value = whole(usage.find(details, "cached_tokens"))) return value;
  return std::nullopt;
}

// Anthropic leaves out of its input what came from a cache or went into one; all others count it
// in.
std::optional<std::int64_t> whole_prompt(const JsonNumbers& usage) {
  if (const auto all = count(usage, "prompt_tokens")) return all;
  const auto input = count(usage, "input_tokens");
  if (!input) return std::nullopt;
  return *input + std::max<std::int64_t>(count(usage, "cache_read_input_tokens").value_or(0), 0) +
         std::max<std::int64_t>(count(usage, "cache_creation_input_tokens").value_or(0), 0);
}

void set_drafts(const std::optional<std::int64_t>& drafted,
                const std::optional<std::int64_t>& accepted, Figures& figures) {
  if (!drafted || !accepted) return;
  figures.draft = *drafted;
  figures.draft_accepted = *accepted;
}

// Nothing, if it cannot be.
std::optional<util::Millis> duration(double ms) {
  if (!(ms >= 0 && ms < kMaxCount)) return std::nullopt;
  return util::Millis(static_cast<std::int64_t>(ms));
}

std::optional<util::Millis> duration(const JsonNumbers& object, std::string_view name) {
  return duration(number(object, name).value_or(-1));
}

bool is_object_text(std::string_view text) {
  return text.starts_with('{');
}

using Rule = void (*)(const JsonNumbers& object, Figures& figures);

// Nothing happens if the text is no object.
void apply_text(Rule rule, std::string_view text, std::optional<Figures>& figures) {
  if (text.empty()) return;
  const JsonNumbers object(text);
  if (!object.is_object()) return;
  if (!figures) figures.emplace();
  rule(object, *figures);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view leading_digits(std::string_view text) {
  return {text.begin(), std::find_if_not(text.begin(), text.end(), is_digit)};
}

}  // namespace

void apply_usage(const JsonNumbers& usage, Figures& figures) {
  auto input = count(usage, "prompt_tokens");
  if (!input) input = count(usage, "input_tokens");
  auto output = count(usage, "completion_tokens");
  if (!output) output = count(usage, "output_tokens");
  const auto cached = cached_count(usage);
  if (input.value_or(0) > 0) figures.input = *input;
  if (output.value_or(0) > 0) figures.output = *output;
  if (cached.value_or(-1) >= 0) figures.cached = *cached;
  if (const auto prompt = whole_prompt(usage); prompt.value_or(0) > 0) figures.prompt = prompt;
}

void apply_timings(const JsonNumbers& timings, Figures& figures) {
  if (!timings.is_object()) return;
  const auto processed = count(timings, "prompt_n");
  const auto cached = count(timings, "cache_n");
  figures.input = processed.value_or(0);
  figures.output = count(timings, "predicted_n").value_or(0);
  figures.prompt_per_second = number(timings, "prompt_per_second").value_or(0);
  figures.tokens_per_second = number(timings, "predicted_per_second").value_or(0);
  if (cached) figures.cached = *cached;
  // Servers that do not tell what came from the cache may have told the whole before.
  if (processed && (cached || !figures.prompt))
    figures.prompt = *processed + std::max<std::int64_t>(cached.value_or(0), 0);
  set_drafts(count(timings, "draft_n"), count(timings, "draft_n_accepted"), figures);
  figures.prefill = duration(timings, "prompt_ms");
  figures.decode = duration(timings, "predicted_ms");
  const double spent =
      number(timings, "prompt_ms").value_or(0) + number(timings, "predicted_ms").value_or(0);
  if (spent > 0) figures.model_time = duration(spent).value_or(figures.model_time);
}

void apply_metrics(const JsonNumbers& metrics, Figures& figures) {
  set_drafts(whole(metrics.find("speculative_decoding", "num_draft_tokens")),
             whole(metrics.find("speculative_decoding", "num_accepted_draft_tokens")), figures);
  const double to_first_ms = number(metrics, "time_to_first_token_ms").value_or(0);
  const std::int64_t computed = figures.input - std::max<std::int64_t>(figures.cached, 0);
  if (to_first_ms > 0 && computed >= 0)
    figures.prompt_per_second = static_cast<double>(computed) / (to_first_ms / 1000);
  if (to_first_ms > 0) figures.prefill = duration(to_first_ms);
  const double between_ms = number(metrics, "mean_itl_ms").value_or(0);
  if (between_ms <= 0) return;
  figures.tokens_per_second = 1000 / between_ms;
  if (figures.output > 0)
    figures.decode = duration(between_ms * static_cast<double>(figures.output - 1));
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
  if (!replaces(text, usage_)) apply_text(apply_usage, usage_, before_);
  usage_ = text;
}

void Collector::set_timings(std::string_view text) {
  if (is_object_text(text)) timings_ = text;
}

void Collector::set_metrics(std::string_view text) {
  if (is_object_text(text)) metrics_ = text;
}

std::optional<Figures> Collector::figures() const {
  std::optional<Figures> figures = before_;
  apply_text(apply_usage, usage_, figures);
  apply_text(apply_timings, timings_, figures);
  apply_text(apply_metrics, metrics_, figures);
  return figures;
}

}  // namespace llama_swap::usage
