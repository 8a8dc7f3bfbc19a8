#include "net/chunk_relay.h"

#include <fmt/format.h>

#include <iterator>

#include "util/text.h"

namespace llama_swap::net {

std::string_view ChunkRelay::pass(std::string_view& bytes) {
  ChunkFollower before = follower_;
  std::string_view rest = bytes;
  for (auto data = follower_.next(rest); !data.empty(); data = follower_.next(rest)) {
    payload_ += data.size();
    if (watcher_) watcher_->on_payload(data);
  }
  const std::string_view taken = bytes.substr(0, bytes.size() - rest.size());
  bytes = rest;
  if (level_ && follower_.is_canonical() && (follower_.between_lines() || follower_.complete())) {
    open_ = follower_.in_chunk();
    return taken;
  }
  out_.clear();
  frame_anew(before, taken);
  level_ = follower_.between_lines();
  return out_;
}

void ChunkRelay::frame_anew(ChunkFollower& from, std::string_view bytes) {
  std::string_view data;
  do {
    const std::uint64_t chunks = from.chunks();
    data = from.next(bytes);
    const bool begins = from.chunks() != chunks;
    if (open_ && (begins || !from.in_chunk())) {
      out_ += "\r\n";
      open_ = false;
    }
    if (begins) {
      fmt::format_to(std::back_inserter(out_), "{:x}\r\n", from.chunk_size());
      open_ = true;
    }
    out_ += data;
    if (open_ && !from.in_chunk()) {
      out_ += "\r\n";
      open_ = false;
    }
  } while (!data.empty());
  if (from.complete()) append_end();
}

void ChunkRelay::append_end() {
  out_ += "0\r\n";
  for (const std::string_view line : util::split(follower_.trailers(), '\n'))
    if (is_field_line(line)) out_.append(line).append("\n");
  out_ += "\r\n";
}

std::string_view ChunkRelay::end() {
  out_.clear();
  append_end();
  return out_;
}

}  // namespace llama_swap::net
