#include "server/model_request.h"

#include <algorithm>
#include <utility>

#include "util/percent.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

// The original's form parser fails as a whole where form_value passes a piece over.
bool is_well_formed(std::string_view urlencoded) {
  for (auto at = urlencoded.find_first_of(";%"); at != std::string_view::npos;
       at = urlencoded.find_first_of(";%", at + 1)) {
    if (urlencoded[at] == ';' || urlencoded.size() - at < 3 || !util::is_hex(urlencoded[at + 1]) ||
        !util::is_hex(urlencoded[at + 2]))
      return false;
  }
  return true;
}

std::ptrdiff_t count_models(std::string_view urlencoded) {
  if (urlencoded.empty()) return 0;
  return std::ranges::count_if(util::split(urlencoded, '&'), [](std::string_view piece) {
    return net::form_value(piece, "model").has_value();
  });
}

ModelRequest failed(std::string_view why) {
  ModelRequest request;
  request.failure = why;
  return request;
}

// The model is `value` if it is there and not empty; says where that was.
void take_model(ModelRequest& request, std::optional<std::string> value,
                ModelRequest::Where where) {
  request.model = std::move(value).value_or("");
  if (!request.model.empty()) request.where = where;
}

}  // namespace

BodyKind body_kind(std::string_view content_type) {
  const std::string_view type = util::trim(content_type.substr(0, content_type.find(';')));
  constexpr std::string_view kSuffix = "+json";  // RFC 6839
  const bool derived = type.size() > kSuffix.size() &&
                       util::iequals(type.substr(type.size() - kSuffix.size()), kSuffix);
  if (derived || util::icontains(content_type, "application/json")) return BodyKind::json;
  if (util::icontains(content_type, "multipart/form-data")) return BodyKind::multipart;
  if (util::icontains(content_type, "application/x-www-form-urlencoded")) return BodyKind::form;
  return BodyKind::opaque;
}

ModelScan::ModelScan(const net::RequestHead& head, JsonScan::Wanted wanted)
    : query_(head.query()), is_get_(head.method == "GET" || head.method == "HEAD") {
  if (is_get_) return;
  const std::string_view* content_type = head.find("content-type");
  switch (content_type ? body_kind(*content_type) : BodyKind::opaque) {
    case BodyKind::json:
      body_.emplace<JsonScan>(wanted);
      break;
    case BodyKind::multipart:
      body_.emplace<MultipartScan>(*content_type);
      break;
    case BodyKind::form:
      body_.emplace<FormBody>();
      break;
    case BodyKind::opaque:
      // Some servers do not look at the type.
      if (wanted == JsonScan::Wanted::every_model) {
        is_opaque_ = true;
        body_.emplace<JsonScan>(wanted);
      }
      break;
  }
}

bool ModelScan::wants_body() const {
  if (const auto* json = std::get_if<JsonScan>(&body_)) return !json->done();
  if (const auto* multipart = std::get_if<MultipartScan>(&body_)) return !multipart->failed();
  if (const auto* form = std::get_if<FormBody>(&body_)) return !form->too_large;
  return false;
}

void ModelScan::feed(std::string_view piece) {
  if (auto* json = std::get_if<JsonScan>(&body_)) {
    json->feed(piece);
  } else if (auto* multipart = std::get_if<MultipartScan>(&body_)) {
    multipart->feed(piece);
  } else if (auto* form = std::get_if<FormBody>(&body_)) {
    form->too_large = form->too_large || form->text.size() + piece.size() > kMaxForm;
    if (!form->too_large) form->text += piece;
  }
}

ModelRequest ModelScan::finish() {
  auto* const json = std::get_if<JsonScan>(&body_);
  if (json && !is_opaque_) return from_json(*json);
  if (!is_get_ && !is_well_formed(query_)) return failed("malformed query");
  if (auto* multipart = std::get_if<MultipartScan>(&body_)) return from_multipart(*multipart);
  if (auto* form = std::get_if<FormBody>(&body_)) return from_form(*form);
  ModelRequest request;
  take_model(request, net::form_value(query_, "model"), ModelRequest::Where::query);
  request.streaming = net::form_value(query_, "stream") == "true";
  request.ambiguous = count_models(query_) > 1 || (json && !from_json(*json).model.empty());
  return request;
}

ModelRequest ModelScan::from_json(JsonScan& scan) {
  scan.finish();
  ModelRequest request;
  take_model(request, scan.model(), ModelRequest::Where::json);
  if (!request.model.empty()) request.spans.push_back(scan.model_span());
  request.streaming = scan.streaming();
  request.ambiguous = scan.ambiguous() || count_models(query_) > 0;
  return request;
}

// The query counts before the fields.
ModelRequest ModelScan::from_multipart(MultipartScan& scan) {
  scan.finish();
  if (scan.failed()) return failed(scan.failure());
  ModelRequest request;
  if (auto in_query = net::form_value(query_, "model")) {
    take_model(request, std::move(in_query), ModelRequest::Where::query);
  } else {
    take_model(request, scan.model(), ModelRequest::Where::multipart);
  }
  request.spans = scan.model_spans();
  auto stream = net::form_value(query_, "stream");
  request.streaming = (stream ? stream : scan.stream()) == "true";
  request.ambiguous = count_models(query_) + static_cast<std::ptrdiff_t>(request.spans.size()) > 1;
  return request;
}

// The body counts before the query.
ModelRequest ModelScan::from_form(const FormBody& body) {
  if (body.too_large) return failed("form too large");
  if (!is_well_formed(body.text)) return failed("malformed form");
  ModelRequest request;
  if (auto in_body = net::form_value(body.text, "model")) {
    take_model(request, std::move(in_body), ModelRequest::Where::form);
  } else {
    take_model(request, net::form_value(query_, "model"), ModelRequest::Where::query);
  }
  auto stream = net::form_value(body.text, "stream");
  request.streaming = (stream ? stream : net::form_value(query_, "stream")) == "true";
  request.ambiguous = count_models(query_) + count_models(body.text) > 1;
  return request;
}

}  // namespace llama_swap::server
