// A JSON text with long byte strings in it, compressed (zstd). The bytes are kept as they are, and
// come out as base64: text compresses well, base64 of it does not.
//
// Written and read piece by piece, so that neither side needs the whole text in memory. One thread
// at a time; no I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace llama_swap::store {

class PackedJsonWriter {
 public:
  PackedJsonWriter();
  ~PackedJsonWriter();
  PackedJsonWriter(const PackedJsonWriter&) = delete;
  PackedJsonWriter& operator=(const PackedJsonWriter&) = delete;

  // Begins a new one, of at most `most` bytes when compressed. `expected`: about how many will be
  // written; a small number saves memory.
  void begin(std::uint64_t most, std::uint64_t expected);
  // Text of the JSON, cut anywhere.
  void text(std::string_view text);
  // Bytes of a string. Those of calls that follow each other belong together; the quotes around
  // them are text.
  void bytes(std::string_view bytes);
  // It has become too large: nothing more is kept.
  bool full() const { return full_; }
  // The whole, which must end with text; nothing if it is full.
  std::optional<std::string> finish();

 private:
  void put(char kind, std::string_view data);
  void compress(std::string_view data, bool end);

  ZSTD_CCtx_s* const context_;
  std::string out_;
  std::uint64_t most_ = 0;
  bool full_ = false;
};

class PackedJsonReader {
 public:
  // About so much comes from one call of next(), at most twice.
  static constexpr std::size_t kPiece = 256 * 1024;

  explicit PackedJsonReader(std::shared_ptr<const std::string> packed);
  ~PackedJsonReader();
  PackedJsonReader(const PackedJsonReader&) = delete;
  PackedJsonReader& operator=(const PackedJsonReader&) = delete;

  // The next piece of the text; empty: that was all, or it is broken.
  std::string next();
  bool ended() const { return ended_; }
  bool broken() const { return broken_; }

 private:
  void take(std::string_view data, std::string& out);
  void take_payload(std::string_view data, std::string& out);

  const std::shared_ptr<const std::string> packed_;
  ZSTD_DCtx_s* const context_;
  std::unique_ptr<char[]> buffer_;
  std::size_t at_ = 0;      // in packed_
  std::string head_;        // of a chunk, as far as it has come
  std::uint32_t left_ = 0;  // of the chunk
  char kind_ = 0;
  std::string carry_;  // less than 3 bytes that wait for more to become base64
  bool ended_ = false;
  bool broken_ = false;
};

}  // namespace llama_swap::store
