#include "server/capture_pack.h"

#include <algorithm>
#include <exception>

#include "server/redaction.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::uint64_t kTextShrinksTo = 4;  // a coded answer is about so many times as large

}  // namespace

void CapturePacker::begin() {
  const Redaction& redaction = captured_.site->redaction();
  const std::optional<std::string>& answered = captured_.response_headers;
  net::Headers response_headers = answered ? unflatten(*answered) : net::Headers();
  decoder_ = usage::Decoder::make(captured_.content_encoding);
  // Gone with the coding, as is the length that the body had in it.
  if (decoder_)
    std::erase_if(response_headers, [](const net::Header& header) {
      return util::iequals(header.name, "Content-Encoding") ||
             util::iequals(header.name, "Content-Length");
    });
  front_ =
      "{\"id\":" + std::to_string(id_) + ",\"req_path\":" + util::json_quote(captured_.path) +
      ",\"req_headers\":" + dump(headers_json(unflatten(captured_.request_headers), redaction)) +
      ",\"req_body\":";
  middle_ =
      ",\"resp_headers\":" + (answered ? dump(headers_json(response_headers, redaction)) : "null") +
      ",\"resp_body\":";
  if (!captured_.left_out.empty()) end_ = ",\"left_out\":" + dump(Json(captured_.left_out));
  if (!captured_.request_id.empty())
    end_ += ",\"request_id\":" + util::json_quote(captured_.request_id);
  end_ += '}';

  parts_.push_back({Kind::text, front_});
  add_request();
  parts_.push_back({Kind::text, middle_});
  add_response();
  parts_.push_back({Kind::text, end_});
  std::uint64_t expected = 0;
  for (const Part& part : parts_)
    expected += part.data.size() * (part.kind == Kind::coded ? kTextShrinksTo : 1);
  writer_.begin(most_, expected);
}

// With the changes that were made on the way.
void CapturePacker::add_request() {
  if (!captured_.keeps_request) return parts_.push_back({Kind::text, "null"});
  parts_.push_back({Kind::text, "\""});
  std::uint64_t at = 0;
  for (const net::Splice& splice : captured_.splices) {
    parts_.push_back({Kind::bytes, request_.substr(at, splice.offset - at)});
    parts_.push_back({Kind::bytes, splice.text});
    at = splice.offset + splice.length;
  }
  parts_.push_back({Kind::bytes, request_.substr(at)});
  parts_.push_back({Kind::text, "\""});
}

void CapturePacker::add_response() {
  if (!captured_.keeps_response) return parts_.push_back({Kind::text, "null"});
  parts_.push_back({Kind::text, "\""});
  const Kind kind = decoder_ ? Kind::coded : Kind::bytes;
  for (const std::string& piece : captured_.response) parts_.push_back({kind, piece});
  parts_.push_back({Kind::text, "\""});
}

bool CapturePacker::step() {
  try {
    if (!begun_) begin();
    begun_ = true;
    return advance();
  } catch (const std::exception&) {  // there is no memory for it
    result_.reset();
    return false;
  }
}

bool CapturePacker::advance() {
  for (std::size_t left = kStep; left > 0 && at_ < parts_.size();) {
    Part& part = parts_[at_];
    const std::string_view piece = part.data.substr(0, left);
    part.data.remove_prefix(piece.size());
    left -= piece.size();
    if (part.data.empty()) ++at_;
    if (part.kind == Kind::text) writer_.text(piece);
    if (part.kind == Kind::bytes) writer_.bytes(piece);
    if ((part.kind == Kind::coded && !decode(piece)) || writer_.full()) return false;
  }
  if (at_ < parts_.size()) return true;
  const bool decodes = decoder_ && captured_.keeps_response;
  if (decodes && (!decoder_->complete() || decoded_ == 0)) return false;
  result_ = writer_.finish();
  return false;
}

bool CapturePacker::decode(std::string_view piece) {
  const std::uint64_t most = mib_in_bytes(captured_.site->config().captures.max_item_mib);
  decoder_->feed(piece);
  for (auto out = decoder_->next(); !out.empty(); out = decoder_->next()) {
    decoded_ += out.size();
    if (decoded_ > most || writer_.full()) return false;
    writer_.bytes(out);
  }
  return decoder_->fault().empty();
}

}  // namespace llama_swap::server
