// Passes a chunked body on (RFC 9112 7.1). As it came, byte for byte, where its framing is beyond
// doubt; framed anew where it is not, as readers differ on what to make of it: a bare LF, a blank
// after a size, trailer lines that are no fields. What has been passed on is a valid chunked body,
// or the beginning of one, whatever came.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http1_chunked.h"
#include "net/payload_sink.h"

namespace llama_swap::net {

class ChunkRelay {
 public:
  // `watcher` sees the payload; null: nobody does.
  explicit ChunkRelay(PayloadSink* watcher = nullptr) : watcher_(watcher) {}

  // Takes what belongs to the body off the front of `bytes`, and returns what is to be sent for it:
  // a view into `bytes` or into the relay, valid until the next call.
  std::string_view pass(std::string_view& bytes);
  // The input ended where payload_complete(): what the end still lacks.
  std::string_view end();

  bool complete() const { return follower_.complete(); }
  bool broken() const { return follower_.broken(); }
  bool payload_complete() const { return follower_.payload_complete(); }
  std::string_view error() const { return follower_.error(); }
  std::uint64_t payload() const { return payload_; }  // bytes, of all calls so far

 private:
  void frame_anew(ChunkFollower& from, std::string_view bytes);
  void append_end();

  PayloadSink* const watcher_;
  ChunkFollower follower_{ChunkFollower::Mode::lenient};
  bool level_ = true;  // all that was taken is represented in what was sent
  bool open_ = false;  // a chunk's size has been sent, the line end after its payload has not
  std::uint64_t payload_ = 0;
  std::string out_;
};

}  // namespace llama_swap::net
