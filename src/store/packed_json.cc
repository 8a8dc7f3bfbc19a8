#include "store/packed_json.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "util/base64.h"

namespace llama_swap::store {
namespace {

// Compressed are chunks: kind, size (of this machine's byte order: nothing is kept longer than the
// process), data.
constexpr char kText = 't';
constexpr char kBytes = 'b';
constexpr std::size_t kHead = 1 + sizeof(std::uint32_t);
constexpr std::size_t kMaxChunk = std::size_t{1} << 30;

constexpr int kLevel = 1;  // about as fast as copying over a network
constexpr int kMinWindowLog = 12;
constexpr int kMaxWindowLog = 20;
constexpr std::size_t kOutStep = 16 * 1024;

}  // namespace

PackedJsonWriter::PackedJsonWriter() : context_(ZSTD_createCCtx()) {
  if (!context_) throw std::bad_alloc();
}

PackedJsonWriter::~PackedJsonWriter() {
  ZSTD_freeCCtx(context_);
}

void PackedJsonWriter::begin(std::uint64_t most, std::uint64_t expected) {
  ZSTD_CCtx_reset(context_, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(
      context_, ZSTD_c_windowLog,
      std::clamp(static_cast<int>(std::bit_width(expected)), kMinWindowLog, kMaxWindowLog));
  ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 0);
  out_ = {};
  most_ = most;
  full_ = false;
}

void PackedJsonWriter::text(std::string_view text) {
  put(kText, text);
}

void PackedJsonWriter::bytes(std::string_view bytes) {
  put(kBytes, bytes);
}

void PackedJsonWriter::put(char kind, std::string_view data) {
  while (!data.empty() && !full_) {
    const std::string_view chunk = data.substr(0, kMaxChunk);
    const auto size = static_cast<std::uint32_t>(chunk.size());
    char head[kHead] = {kind};
    std::memcpy(head + 1, &size, sizeof size);
    compress({head, kHead}, false);
    compress(chunk, false);
    data.remove_prefix(chunk.size());
  }
}

void PackedJsonWriter::compress(std::string_view data, bool end) {
  char step[kOutStep];
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  bool done = false;
  while (!done && !full_) {
    ZSTD_outBuffer out{step, sizeof step, 0};
    const std::size_t left =
        ZSTD_compressStream2(context_, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) throw std::bad_alloc();  // nothing else can go wrong
    full_ = out_.size() + out.pos > most_;
    out_.append(step, out.pos);
    done = end ? left == 0 : in.pos == in.size;
  }
  if (full_) out_ = {};
}

std::optional<std::string> PackedJsonWriter::finish() {
  compress({}, true);
  std::string out = std::exchange(out_, {});
  if (full_) return std::nullopt;
  out.shrink_to_fit();
  return out;
}

PackedJsonReader::PackedJsonReader(std::shared_ptr<const std::string> packed)
    : packed_(std::move(packed)), context_(ZSTD_createDCtx()) {
  if (!context_) throw std::bad_alloc();
}

PackedJsonReader::~PackedJsonReader() {
  ZSTD_freeDCtx(context_);
}

std::string PackedJsonReader::next() {
  std::string out;
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kPiece);
  while (out.empty() && !ended_ && !broken_) {
    ZSTD_inBuffer from{packed_->data(), packed_->size(), at_};
    ZSTD_outBuffer to{buffer_.get(), kPiece, 0};
    const std::size_t left = ZSTD_decompressStream(context_, &to, &from);
    at_ = from.pos;
    take({buffer_.get(), to.pos}, out);
    ended_ = left == 0;
    if (ZSTD_isError(left) || (!ended_ && at_ == packed_->size() && to.pos < kPiece))
      broken_ = true;
  }
  return out;
}

void PackedJsonReader::take(std::string_view data, std::string& out) {
  while (!data.empty()) {
    if (left_ == 0) {
      const std::size_t missing = std::min(kHead - head_.size(), data.size());
      head_ += data.substr(0, missing);
      data.remove_prefix(missing);
      if (head_.size() < kHead) return;
      kind_ = head_[0];
      std::memcpy(&left_, head_.data() + 1, sizeof left_);
      head_.clear();
    }
    const std::string_view payload = data.substr(0, left_);
    data.remove_prefix(payload.size());
    left_ -= static_cast<std::uint32_t>(payload.size());
    take_payload(payload, out);
  }
}

void PackedJsonReader::take_payload(std::string_view data, std::string& out) {
  if (kind_ == kText) {
    util::append_base64(out, carry_);  // the end of a string
    carry_.clear();
    out += data;
    return;
  }
  if (!carry_.empty()) {
    const std::size_t missing = std::min(3 - carry_.size(), data.size());
    carry_ += data.substr(0, missing);
    data.remove_prefix(missing);
    if (carry_.size() < 3) return;
    util::append_base64(out, carry_);
    carry_.clear();
  }
  const std::size_t whole = data.size() / 3 * 3;
  util::append_base64(out, data.substr(0, whole));
  carry_ = data.substr(whole);
}

}  // namespace llama_swap::store
