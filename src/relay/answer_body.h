// The body of an answer on its way: where it ends, and what of it the client gets. Used by
// relay.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/chunk_relay.h"
#include "net/exchange.h"
#include "net/http1_chunked.h"
#include "net/http1_head.h"

namespace llama_swap::relay {

class AnswerBody {
 public:
  // How the upstream delimits it, and how the client is told. `watcher` sees the payload; null:
  // nobody does.
  AnswerBody(const net::MessageFraming& from, const net::BodyFraming& to,
             net::PayloadSink* watcher);

  // Takes what belongs to the body off the front of `bytes` and returns what the client gets for
  // it: a view of `bytes` or of this object, valid until the next call.
  std::string_view pass(std::string_view& bytes);
  bool whole() const { return whole_; }  // nothing is missing
  bool broken() const { return chunks_.broken() || decoder_.broken(); }
  std::string_view error() const { return chunks_.broken() ? chunks_.error() : decoder_.error(); }
  // The upstream has closed. What the client still gets, if that is the end of the body; nothing if
  // it is cut short.
  std::optional<std::string_view> end();
  // Bytes of payload among what pass() returned last.
  std::uint64_t payload() const { return payload_; }

 private:
  std::string_view decode(std::string_view& bytes);
  std::string_view watched(std::string_view payload);

  net::PayloadSink* const watcher_;
  const net::MessageFraming::Kind from_;
  const bool decodes_;  // the client cannot take chunks
  std::uint64_t left_;  // of a body of known length
  bool whole_;
  std::uint64_t payload_ = 0;
  net::ChunkRelay chunks_;  // where the client takes chunks
  net::ChunkFollower decoder_{net::ChunkFollower::Mode::lenient};
  std::string decoded_;
};

}  // namespace llama_swap::relay
