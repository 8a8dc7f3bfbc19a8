#include "server/json_outline.h"

#include <algorithm>

namespace llama_swap::server {
namespace {

constexpr std::size_t kLongestEscape = 6;  // of one byte: \u0041

bool means_elements(const std::vector<JsonSteps>& paths) {
  return std::ranges::any_of(paths, [](JsonSteps path) { return path.front().means_element(); });
}

}  // namespace

JsonOutline::JsonOutline(const std::vector<JsonSteps>& paths) : edits_(paths.size()) {
  for (const JsonSteps path : paths)
    for (const util::JsonStep& step : path)
      longest_name_ = std::max(longest_name_, kLongestEscape * step.name.size());
  inside_ = paths;
}

bool JsonOutline::finish() {
  util::JsonWalk<JsonOutline>::finish();
  return complete_;
}

bool JsonOutline::opens(char bracket, std::uint64_t at) {
  root_.inside = open(bracket, at, std::move(inside_));
  root_.span.offset = at;
  return true;
}

// After d removals the element i is at most the one that was i + d, and the last one is among the
// last d + 1: what lies between need not be kept apart.
std::unique_ptr<JsonContainer> JsonOutline::open(char bracket, std::uint64_t at,
                                                 std::vector<JsonSteps> paths) {
  auto container = std::make_unique<JsonContainer>();
  container->is_array = bracket == '[';
  container->begin = at;
  Frame frame;
  frame.container = container.get();
  if (container->is_array && means_elements(paths)) {
    for (const JsonSteps path : paths)
      if (path.front().index) frame.head = std::max(frame.head, *path.front().index + edits_ + 1);
    frame.tail = edits_ + 1;
  }
  frame.paths = std::move(paths);
  open_.push_back(std::move(frame));
  return container;
}

void JsonOutline::end_name() {
  named_ = true;
  meant_ = false;
  inside_.clear();
  if (oversized_) return;
  name_ = has_escapes_ ? decode_json_text(kept_) : kept_;
  const Frame& frame = open_.back();
  for (const JsonSteps path : frame.paths) {
    if (path.front().name != name_) continue;
    meant_ = true;
    if (path.size() > 1) inside_.push_back(path.subspan(1));
  }
  if (!meant_) return;
  // Of members of one name the first counts: each removal makes the next one the first.
  const auto known = std::ranges::count_if(frame.container->items, [this](const JsonItem& item) {
    return !item.skipped && item.name == name_;
  });
  meant_ = static_cast<std::size_t>(known) <= edits_;
}

void JsonOutline::no_name() {
  named_ = meant_ = false;
  inside_.clear();
}

bool JsonOutline::begin_value(std::uint64_t at, char c) {
  const Frame& frame = open_.back();
  value_begin_ = at;
  if (frame.container->is_array) {
    named_ = meant_ = false;
    inside_.clear();
    for (const JsonSteps path : frame.paths) {
      if (!path.front().means_element()) continue;
      meant_ = true;
      if (path.size() > 1) inside_.push_back(path.subspan(1));
    }
  }
  if (!named_) item_begin_ = at;
  if ((c != '{' && c != '[') || !meant_ || inside_.empty()) return false;
  JsonItem item;
  item.name = std::move(name_);
  item.begin = item_begin_;
  item.value.span.offset = at;
  JsonContainer* const parent = frame.container;
  item.value.inside = open(c, at, std::move(inside_));
  parent->items.push_back(std::move(item));
  named_ = false;
  return true;
}

void JsonOutline::end_value(std::uint64_t end) {
  JsonItem item;
  item.begin = item_begin_;
  item.value.span = {value_begin_, end - value_begin_};
  item.skipped = !meant_;
  if (meant_) item.name = std::move(name_);
  named_ = meant_ = false;
  add(std::move(item));
}

util::JsonAround JsonOutline::close(std::uint64_t end) {
  open_.pop_back();
  if (open_.empty()) {
    root_.span.length = end - root_.span.offset;
    complete_ = true;
    return util::JsonAround::nothing;
  }
  Frame& around = open_.back();
  ByteSpan& span = around.container->items.back().value.span;
  span.length = end - span.offset;
  merge_middle(around);
  return around.container->is_array ? util::JsonAround::array : util::JsonAround::object;
}

void JsonOutline::add(JsonItem item) {
  Frame& frame = open_.back();
  std::vector<JsonItem>& items = frame.container->items;
  if (item.skipped && !items.empty() && items.back().skipped) {
    JsonItem& run = items.back();
    run.count += item.count;
    run.value.span.length = item.value.span.offset + item.value.span.length - run.value.span.offset;
    return;
  }
  items.push_back(std::move(item));
  merge_middle(frame);
}

// Of an array: the element behind the head begins the run, and takes in what is not tail any more.
void JsonOutline::merge_middle(Frame& frame) {
  std::vector<JsonItem>& items = frame.container->items;
  if (!frame.container->is_array || items.size() <= frame.head + 1 + frame.tail) return;
  const auto run = items.begin() + static_cast<std::ptrdiff_t>(frame.head);
  const auto next = run + 1;
  run->skipped = true;
  run->count += next->count;
  run->value.inside.reset();
  run->value.span.length =
      next->value.span.offset + next->value.span.length - run->value.span.offset;
  items.erase(next);
}

}  // namespace llama_swap::server
