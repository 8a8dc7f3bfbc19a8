// Collects what is captured of one request while it passes (http-api 21): a copy of the answer's
// bytes as they come, and a share in the request's body, which is in memory anyway. What all
// collect together is bounded; a body that does not fit is left out, and the capture says so.
//
// I/O thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/body.h"
#include "net/http.h"
#include "net/splice.h"
#include "server/site.h"

namespace llama_swap::server {

// What captures take in memory, together, until they are packed. In bytes of their content.
struct CaptureMemory {
  std::uint64_t limit = 0;
  std::uint64_t used = 0;
};

// A part of it, given back in the end.
class CaptureShare {
 public:
  explicit CaptureShare(std::shared_ptr<CaptureMemory> memory) : memory_(std::move(memory)) {}
  CaptureShare(CaptureShare&& other) noexcept
      : memory_(std::move(other.memory_)), bytes_(std::exchange(other.bytes_, 0)) {}
  CaptureShare& operator=(CaptureShare&&) = delete;
  ~CaptureShare() { give_back(bytes_); }

  // False: there is no room.
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<CaptureMemory> memory_;
  std::uint64_t bytes_ = 0;
};

// What was collected of a request that is over.
struct Captured {
  SitePtr site;
  std::string model;
  std::string path;
  std::string request_headers;                  // flat (redaction.h), as the next
  std::optional<std::string> response_headers;  // nothing: there was no answer
  bool keeps_request = false;                   // the body; without one there is an empty one
  std::shared_ptr<const net::Body> request;     // may be null
  net::Splices splices;                         // of it
  bool keeps_response = false;
  std::vector<std::string> response;  // as it came, in pieces
  std::string content_encoding;       // of it
  std::vector<std::string> left_out;  // members of the JSON that there was no room for
  std::string request_id;             // "": none
  CaptureShare share;
};

class Capture {
 public:
  Capture(std::shared_ptr<CaptureMemory> memory, SitePtr site)
      : site_(std::move(site)), share_(std::move(memory)) {}

  // As in the activity row. Of several calls the last counts.
  void goes_to(std::string_view model, std::string_view path) {
    model_ = model;
    path_ = path;
  }
  void received(std::shared_ptr<const net::Body> body) { request_ = std::move(body); }
  // What is made of the body, but for what only a peer is to read.
  void sends(net::Splices splices) { splices_ = std::move(splices); }
  // The head of the upstream's answer; what comes from then on is of its body.
  void answered(const net::ResponseHead& head, const net::BodyFraming& framing);
  void on_payload(std::string_view bytes);
  // An answer of ours.
  void failed(int status, std::string_view content_type);
  // Nothing: there is nothing worth it (a 200 without a body). Once, and last. `request_id` as in
  // the activity row.
  std::optional<Captured> finish(const net::RequestHead& head, std::string_view request_id = {});

 private:
  std::uint64_t max_item() const;
  void leave_out_response();

  const SitePtr site_;
  CaptureShare share_;
  std::string model_, path_;
  std::shared_ptr<const net::Body> request_;
  net::Splices splices_;
  int status_ = 0;
  std::optional<std::string> response_headers_;
  std::string content_encoding_;
  bool collects_ = false;
  bool outgrown_ = false;
  bool empty_ = true;  // the answer's body
  std::vector<std::string> response_;
  std::uint64_t response_bytes_ = 0;
};

// Of a setting: what is less than 0 or absurd is brought within bounds.
std::uint64_t mib_in_bytes(std::int64_t mib);
// Are requests for this model (real id, PEER/MODEL, or a name nobody has) captured?
bool is_captured(const config::Config& config, std::string_view model);

}  // namespace llama_swap::server
