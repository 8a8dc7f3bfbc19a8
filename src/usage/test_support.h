// What the tests of this folder share: encoders, and how figures look.
#pragma once

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <cstddef>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "usage/figures.h"

namespace llama_swap::usage {

inline void PrintTo(const Figures& f, std::ostream* out) {
  *out << "in " << f.input << " out " << f.output << " cached " << f.cached << " draft " << f.draft
       << "/" << f.draft_accepted << " speeds " << f.prompt_per_second << " " << f.tokens_per_second
       << " model " << f.model_time.count() << " ms";
}

// Only what the original has.
inline Figures original(Figures figures) {
  figures.prompt.reset();
  figures.prefill.reset();
  figures.decode.reset();
  return figures;
}
inline std::optional<Figures> original(const std::optional<Figures>& figures) {
  return figures ? std::optional(original(*figures)) : std::nullopt;
}

// Window bits as in zlib: 15 with wrapping, -15 raw, 31 gzip.
inline std::string deflated(std::string_view text, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<unsigned char*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string brotli(std::string_view text) {
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
  std::string out(size, '\0');
  if (!BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, text.size(),
                             reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                             reinterpret_cast<std::uint8_t*>(out.data())))
    throw std::runtime_error("BrotliEncoderCompress");
  out.resize(size);
  return out;
}

inline std::string zstd(std::string_view text, int level = 3) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), level);
  if (ZSTD_isError(size)) throw std::runtime_error("ZSTD_compress");
  out.resize(size);
  return out;
}

// One content coding of Content-Encoding; "raw" is deflate without wrapping.
inline std::string encoded(std::string_view coding, std::string_view text) {
  if (coding == "gzip") return deflated(text, 31);
  if (coding == "deflate") return deflated(text, 15);
  if (coding == "raw") return deflated(text, -15);
  if (coding == "br") return brotli(text);
  if (coding == "zstd") return zstd(text);
  throw std::invalid_argument(std::string(coding));
}

}  // namespace llama_swap::usage
