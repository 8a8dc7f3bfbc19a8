#include "server/json_scan.h"

#include <utility>

#include "util/text.h"

namespace llama_swap::server {
namespace {

// "stream" with every letter as an escape of 6 bytes: a longer name is none of ours.
constexpr std::size_t kMaxName = 36;

bool is_true_text(std::string_view text) {
  return text == "1" || util::iequals(text, "t") || util::iequals(text, "true");
}

bool is_nonzero_number(std::string_view text) {
  if (text.empty() || (text[0] != '-' && (text[0] < '0' || text[0] > '9'))) return false;
  return text.substr(0, text.find_first_of("eE")).find_first_of("123456789") !=
         std::string_view::npos;
}

}  // namespace

bool JsonScan::opens(char bracket, std::uint64_t) {
  return bracket == '{';
}

std::size_t JsonScan::kept_bytes(bool name) const {
  return name ? kMaxName : member_ == Member::other ? 0 : kMaxValue;
}

void JsonScan::end_name() {
  member_ = Member::other;
  if (oversized_) return;
  if (has_escapes_) kept_ = decode_json_text(kept_);
  if (util::iequals(kept_, "model")) ++models_;
  if (kept_ == "model" && !std::exchange(seen_model_, true)) member_ = Member::model;
  if (kept_ == "stream" && !std::exchange(seen_stream_, true)) member_ = Member::stream;
}

bool JsonScan::begin_value(std::uint64_t at, char) {
  value_offset_ = at;
  return false;
}

void JsonScan::end_value(std::uint64_t end) {
  if (member_ != Member::other && !oversized_) {
    const bool is_text = shape() == Shape::text;
    if (is_text && has_escapes_) kept_ = decode_json_text(kept_);
    if (member_ == Member::stream) {
      streaming_ = is_text                    ? is_true_text(kept_)
                   : shape() == Shape::nested ? false
                                              : kept_ == "true" || is_nonzero_number(kept_);
    } else if (!kept_.empty() && (is_text || kept_ != "null")) {
      model_ = std::move(kept_);
      model_span_ = {value_offset_, end - value_offset_};
    }
  }
  member_ = Member::other;
  if (seen_model_ && seen_stream_ && !every_) stop();
}

}  // namespace llama_swap::server
