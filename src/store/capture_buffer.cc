#include "store/capture_buffer.h"

#include <utility>

namespace llama_swap::store {

void CaptureBuffer::set_limit(std::uint64_t bytes) {
  limit_ = bytes;
  shrink_to(limit_);
}

void CaptureBuffer::put(std::int64_t id, std::string packed, std::string model) {
  if (packed.size() > limit_ || captures_.contains(id)) return;
  shrink_to(limit_ - packed.size());
  bytes_ += packed.size();
  captures_.emplace(id,
                    Kept{std::make_shared<const std::string>(std::move(packed)), std::move(model)});
}

Packed CaptureBuffer::find(std::int64_t id) const {
  const auto found = captures_.find(id);
  return found == captures_.end() ? nullptr : found->second.packed;
}

const std::string* CaptureBuffer::model_of(std::int64_t id) const {
  const auto found = captures_.find(id);
  return found == captures_.end() ? nullptr : &found->second.model;
}

void CaptureBuffer::clear() {
  captures_.clear();
  bytes_ = 0;
}

void CaptureBuffer::shrink_to(std::uint64_t bytes) {
  while (bytes_ > bytes) {
    bytes_ -= captures_.begin()->second.packed->size();
    captures_.erase(captures_.begin());
  }
}

}  // namespace llama_swap::store
