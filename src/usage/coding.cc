#include "usage/coding.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <new>

namespace llama_swap::usage {
namespace {

const unsigned char* bytes(const char* p) {
  return reinterpret_cast<const unsigned char*>(p);
}
unsigned char* bytes(char* p) {
  return reinterpret_cast<unsigned char*>(p);
}

// gzip and deflate.
class Inflate : public Coding {
 public:
  enum class Format { gzip, deflate };
  explicit Inflate(Format format) : format_(format) {}
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() override {
    if (started_) inflateEnd(&stream_);
  }

  std::size_t decode(std::string_view& in, std::span<char> out) override {
    if (!ready(in)) return 0;
    stream_.next_in = const_cast<unsigned char*>(bytes(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = bytes(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(in.size() - stream_.avail_in);
    if (result == Z_STREAM_END) {
      ended_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {  // the latter: no progress
      fault_ = stream_.msg ? stream_.msg : "corrupt data";
    }
    return out.size() - stream_.avail_out;
  }

 private:
  // False if there is nothing to decode in `in`.
  bool ready(std::string_view& in) {
    if (started_ && !ended_) return true;
    if (in.empty()) return false;
    if (!started_) return start(in.front());
    over_ = over_ || format_ == Format::deflate || in.front() != '\x1f';
    if (over_) {
      in = {};
      return false;
    }
    ended_ = false;
    inflateReset(&stream_);
    return true;
  }

  // zlib wrapping says "method 8" in the low bits of its first byte. As raw deflate these would
  // begin a stored block with its padding not 0, which nobody writes.
  bool start(char first) {
    constexpr int kWindowBits = 15;
    const bool zlib = (first & 0x0f) == 8;
    const int bits = format_ == Format::gzip ? kWindowBits + 16 : zlib ? kWindowBits : -kWindowBits;
    if (inflateInit2(&stream_, bits) != Z_OK) throw std::bad_alloc();
    return started_ = true;
  }

  const Format format_;
  bool started_ = false;
  bool over_ = false;  // what came after the end was no other body
  z_stream stream_{};
};

class Brotli : public Coding {
 public:
  Brotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (!state_) throw std::bad_alloc();
  }
  Brotli(const Brotli&) = delete;
  Brotli& operator=(const Brotli&) = delete;
  ~Brotli() override { BrotliDecoderDestroyInstance(state_); }

  std::size_t decode(std::string_view& in, std::span<char> out) override {
    if (ended_) {
      in = {};
      return 0;
    }
    std::size_t in_size = in.size();
    const std::uint8_t* next_in = bytes(in.data());
    std::size_t out_size = out.size();
    std::uint8_t* next_out = bytes(out.data());
    const auto result =
        BrotliDecoderDecompressStream(state_, &in_size, &next_in, &out_size, &next_out, nullptr);
    in.remove_prefix(in.size() - in_size);
    ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    if (result == BROTLI_DECODER_RESULT_ERROR)
      fault_ = BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state_));
    return out.size() - out_size;
  }

 private:
  BrotliDecoderState* const state_;
};

class Zstd : public Coding {
 public:
  Zstd() : stream_(ZSTD_createDStream()) {
    if (!stream_) throw std::bad_alloc();
    // What RFC 9659 grants to the content coding.
    constexpr int kMaxWindowLog = 23;
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  std::size_t decode(std::string_view& in, std::span<char> out) override {
    if (ended_ && !more_) {
      if (in.empty()) return 0;
      over_ = over_ || !begins_frame(in.front());
      if (over_) {
        in = {};
        return 0;
      }
      ended_ = false;
    }
    // Without progress it fails after a while.
    if (in.empty() && !more_) return 0;
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t result = ZSTD_decompressStream(stream_, &output, &input);
    in.remove_prefix(input.pos);
    more_ = output.pos == output.size;
    ended_ = result == 0;
    if (ZSTD_isError(result)) fault_ = ZSTD_getErrorName(result);
    return output.pos;
  }

 private:
  // Of the magic numbers of frames with data, and of those to be skipped.
  static bool begins_frame(char c) { return c == '\x28' || (c & 0xf0) == 0x50; }

  ZSTD_DStream* const stream_;
  bool over_ = false;  // what came after the end was no other frame
  bool more_ = false;  // there may be output without input
};

}  // namespace

std::unique_ptr<Coding> make_coding(std::string_view name) {
  if (name == "gzip" || name == "x-gzip") return std::make_unique<Inflate>(Inflate::Format::gzip);
  if (name == "deflate") return std::make_unique<Inflate>(Inflate::Format::deflate);
  if (name == "br") return std::make_unique<Brotli>();
  if (name == "zstd") return std::make_unique<Zstd>();
  return nullptr;
}

}  // namespace llama_swap::usage
