#include "relay/answer_body.h"

#include <algorithm>

namespace llama_swap::relay {

using net::BodyFraming;
using net::MessageFraming;

AnswerBody::AnswerBody(const MessageFraming& from, const BodyFraming& to, net::PayloadSink* watcher)
    : watcher_(watcher),
      from_(from.kind),
      decodes_(to.kind == BodyFraming::unknown),
      left_(from.length_bytes),
      whole_(from.kind == MessageFraming::none ||
             (from.kind == MessageFraming::length && from.length_bytes == 0)),
      chunks_(watcher) {}

std::string_view AnswerBody::watched(std::string_view payload) {
  payload_ = payload.size();
  if (watcher_ && !payload.empty()) watcher_->on_payload(payload);
  return payload;
}

std::string_view AnswerBody::pass(std::string_view& bytes) {
  std::string_view out;
  switch (from_) {
    case MessageFraming::length:
      out = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), left_));
      bytes.remove_prefix(out.size());
      left_ -= out.size();
      whole_ = left_ == 0;
      return watched(out);
    case MessageFraming::until_close:
      return watched(std::exchange(bytes, std::string_view()));
    case MessageFraming::chunked: {
      if (decodes_) return decode(bytes);
      const std::uint64_t before = chunks_.payload();
      out = chunks_.pass(bytes);
      payload_ = chunks_.payload() - before;
      whole_ = chunks_.complete();
      return out;
    }
    default:
      return out;
  }
}

std::string_view AnswerBody::decode(std::string_view& bytes) {
  decoded_.clear();
  for (auto data = decoder_.next(bytes); !data.empty(); data = decoder_.next(bytes))
    decoded_.append(data);
  whole_ = decoder_.complete();
  return watched(decoded_);
}

std::optional<std::string_view> AnswerBody::end() {
  if (from_ == MessageFraming::until_close) return "";
  if (from_ != MessageFraming::chunked) return std::nullopt;
  if (decodes_)
    return decoder_.payload_complete() ? std::optional<std::string_view>("") : std::nullopt;
  return chunks_.payload_complete() ? std::optional(chunks_.end()) : std::nullopt;
}

}  // namespace llama_swap::relay
