// Chunked coding: pieces do not matter, following and decoding agree, and what is strictly right is
// also leniently right.
#include "fuzz/fuzz.h"
#include "net/http1_chunked.h"

using namespace llama_swap;
using fuzz::require;
using Mode = net::ChunkFollower::Mode;

namespace {

struct Outcome {
  bool complete = false;
  bool broken = false;
  std::size_t consumed = 0;
  std::string payload;
  std::string trailers;
  bool operator==(const Outcome&) const = default;
};

// Feeds one piece; false: the body is over.
bool feed(net::ChunkFollower& follower, std::string_view piece, Outcome& out) {
  std::string_view rest = piece;
  for (auto data = follower.next(rest); !data.empty(); data = follower.next(rest)) {
    require(data.data() >= piece.data() && data.data() + data.size() <= rest.data(),
            "payload is of the piece");
    out.payload += data;
  }
  out.consumed += piece.size() - rest.size();
  out.complete = follower.complete();
  out.broken = follower.broken();
  out.trailers = out.complete ? follower.trailers() : "";
  require(out.complete || out.broken || rest.empty(), "takes all it can");
  return !out.complete && !out.broken;
}

Outcome decode(std::string_view input, Mode mode) {
  net::ChunkFollower follower(mode);
  Outcome out;
  feed(follower, input, out);
  return out;
}

Outcome decode_in_pieces(std::string_view input, Mode mode) {
  net::ChunkFollower follower(mode);
  Outcome out;
  bool more = true;
  fuzz::in_pieces(input,
                  [&](std::string_view piece) { more = more && feed(follower, piece, out); });
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  for (const Mode mode : {Mode::strict, Mode::lenient}) {
    const Outcome whole = decode(input, mode);
    require(whole == decode_in_pieces(input, mode), "the same in pieces");
    net::ChunkFollower follower(mode);
    require(follower.follow(input) == whole.consumed, "follows as far as it decodes");
    require(follower.complete() == whole.complete && follower.broken() == whole.broken,
            "follows as it decodes");
  }
  const Outcome strict = decode(input, Mode::strict);
  if (!strict.broken)
    require(decode(input, Mode::lenient) == strict, "lenient allows what strict allows");
  return 0;
}
