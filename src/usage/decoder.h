// Undoes the content codings of a body while it passes (RFC 9110 8.4): gzip, deflate (with the zlib
// wrapping that HTTP means, or raw), br, zstd, and chains of them. Memory is bounded by the windows
// of the formats: 32 KiB (gzip, deflate), 8 MiB (zstd), 16 MiB (br).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "usage/coding.h"

namespace llama_swap::usage {

// A body that grows beyond `free` + `ratio` times what came is refused: text shrinks to a tenth,
// rarely to a fiftieth; bombs to a thousandth. Each coding of a chain is held to it.
struct ExpansionLimit {
  std::uint64_t free = std::uint64_t{16} << 20;
  std::uint64_t ratio = 100;
};

class Decoder {
 public:
  // At most so much comes from one call of next().
  static constexpr std::size_t kPiece = 16 * 1024;
  static constexpr std::size_t kMaxCodings = 4;

  // For a value of Content-Encoding. Null: there is nothing to undo, or there is a coding that is
  // not known, or more than kMaxCodings; then the body is to be taken as it is.
  static std::unique_ptr<Decoder> make(std::string_view content_encoding,
                                       ExpansionLimit limit = {});

  // The next bytes as they came. They must stay until next() has returned nothing.
  void feed(std::string_view bytes);
  // The next decoded bytes, valid until the next call; nothing: more must be fed, or the body is
  // over, or broken.
  std::string_view next();

  // Why no more can be decoded; "" while all is well. What came before the fault was given out.
  const std::string& fault() const { return fault_; }
  // All is well, and the body could end here: nothing was fed, or each coding has seen its end.
  // What follows an end is ignored.
  bool complete() const;

 private:
  struct Link {
    std::unique_ptr<Coding> coding;
    std::string_view input;
    std::unique_ptr<char[]> output;  // kPiece bytes
    std::uint64_t produced = 0;
  };

  explicit Decoder(ExpansionLimit limit) : limit_(limit) {}
  std::string_view pull(std::size_t link);

  const ExpansionLimit limit_;
  std::vector<Link> links_;  // the outermost coding first
  std::uint64_t fed_ = 0;
  std::string fault_;
};

}  // namespace llama_swap::usage
