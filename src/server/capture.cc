#include "server/capture.h"

#include <algorithm>
#include <utility>

#include "server/capture_parts.h"
#include "server/keys.h"
#include "server/redaction.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

// Small pieces are put together, in blocks that are filled and never moved.
constexpr std::uint64_t kSmallestBlock = 512;
constexpr std::uint64_t kLargestBlock = 64 * 1024;

}  // namespace

bool CaptureShare::take(std::uint64_t bytes) {
  if (memory_->used + bytes > memory_->limit) return false;
  memory_->used += bytes;
  bytes_ += bytes;
  return true;
}

void CaptureShare::give_back(std::uint64_t bytes) {
  if (!memory_) return;  // moved from
  memory_->used -= bytes;
  bytes_ -= bytes;
}

std::uint64_t Capture::max_item() const {
  return mib_in_bytes(site_->config().captures.max_item_mib);
}

void Capture::answered(const net::ResponseHead& head, const net::BodyFraming& framing) {
  status_ = head.status;
  response_headers_ = flatten(head, framing);
  const std::string_view* const coding = net::find_header(head.headers, "Content-Encoding");
  content_encoding_ = coding ? *coding : std::string_view();
  leave_out_response();
  outgrown_ = framing.kind == net::BodyFraming::length && framing.length_bytes > max_item();
  collects_ = !outgrown_ && capture_parts(path_, status_).response_body;
  empty_ = true;
}

void Capture::on_payload(std::string_view bytes) {
  empty_ = empty_ && bytes.empty();
  if (!collects_ || bytes.empty()) return;
  if (response_bytes_ + bytes.size() > max_item() || !share_.take(bytes.size())) {
    leave_out_response();
    outgrown_ = true;
    return;
  }
  while (!bytes.empty()) {
    if (response_.empty() || response_.back().size() == response_.back().capacity())
      response_.emplace_back().reserve(std::clamp(
          std::max<std::uint64_t>(response_bytes_, bytes.size()), kSmallestBlock, kLargestBlock));
    std::string& block = response_.back();
    const std::string_view piece = bytes.substr(0, block.capacity() - block.size());
    block += piece;
    response_bytes_ += piece.size();
    bytes.remove_prefix(piece.size());
  }
}

void Capture::leave_out_response() {
  response_.clear();
  share_.give_back(std::exchange(response_bytes_, 0));
  collects_ = false;
}

void Capture::failed(int status, std::string_view content_type) {
  leave_out_response();
  status_ = status;
  response_headers_ = flatten({{"Content-Type", content_type}});
}

std::optional<Captured> Capture::finish(const net::RequestHead& head, std::string_view request_id) {
  if (status_ == 200 && empty_) return std::nullopt;
  const CaptureParts parts = capture_parts(path_, status_);
  std::string headers = flatten(head.headers);
  // Without a body, too, it takes its place.
  if (!share_.take(sizeof(Captured) + headers.size())) return std::nullopt;
  std::vector<std::string> left_out;
  if (request_ && parts.request_body &&
      (request_->size() > max_item() || !share_.take(request_->size()))) {
    request_ = nullptr;
    left_out.push_back("req_body");
  }
  if (parts.response_body && outgrown_) left_out.push_back("resp_body");
  return Captured{site_,
                  std::move(model_),
                  std::move(path_),
                  std::move(headers),
                  std::move(response_headers_),
                  parts.request_body && std::ranges::count(left_out, "req_body") == 0,
                  parts.request_body ? std::move(request_) : nullptr,
                  std::move(splices_),
                  parts.response_body && !outgrown_,
                  std::move(response_),
                  std::move(content_encoding_),
                  std::move(left_out),
                  std::string(request_id),
                  std::move(share_)};
}

std::uint64_t mib_in_bytes(std::int64_t mib) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(mib, 0, kMost)) << 20;
}

bool is_captured(const config::Config& config, std::string_view model) {
  const std::vector<std::string>& patterns = config.captures.models;
  return patterns.empty() || std::ranges::any_of(patterns, [model](const std::string& pattern) {
           return matches_pattern(pattern, model);
         });
}

}  // namespace llama_swap::server
