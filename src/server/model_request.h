// Which model a request asks for, and whether it asks for a stream: from the query, or from the
// body while it arrives (http-api.md 6). And where the name stands, for whoever writes another one
// there.
//
//   ModelScan scan(head);
//   if (scan.wants_body()) ... scan.feed(piece) ...   // pieces cut anywhere
//   ModelRequest request = scan.finish();
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/http.h"
#include "server/json_scan.h"
#include "server/multipart_scan.h"

namespace llama_swap::server {

// How the body is read, by Content-Type.
enum class BodyKind { json, multipart, form, opaque };
BodyKind body_kind(std::string_view content_type);

struct ModelRequest {
  enum class Where {
    nowhere,
    query,      // parameter `model` of the query
    json,       // spans[0] is the value, quotes included
    multipart,  // spans are the values of all `model` fields
    form,       // member `model` of the urlencoded body
  };

  std::string model;  // "": none could be identified (404)
  bool streaming = false;
  Where where = Where::nowhere;  // of the name that counts; nowhere if there is none
  // In the body. Also set when the query wins over a multipart field, whose server reads the field.
  std::vector<ByteSpan> spans;
  // Other readers may find another model in it. Only told where every_model is wanted.
  bool ambiguous = false;
  std::string_view
      failure;  // a static text: why body or query could not be read; the model is then ""
};

class ModelScan {
 public:
  static constexpr std::size_t kMaxForm = 10 * 1024 * 1024;  // of an urlencoded body

  // Method, query and Content-Type are taken from `head`, which must outlive this object. Where
  // only the model is wanted, a JSON body is scanned until it is known: scanning on costs more than
  // moving the bytes.
  explicit ModelScan(const net::RequestHead& head,
                     JsonScan::Wanted wanted = JsonScan::Wanted::model_and_stream);

  // Is there any more to learn from the body? Feeding on is harmless.
  bool wants_body() const;
  void feed(std::string_view piece);
  // The body is over. Once.
  ModelRequest finish();

 private:
  struct FormBody {
    std::string text;
    bool too_large = false;
  };
  struct QueryOnly {};

  ModelRequest from_json(JsonScan& scan);
  ModelRequest from_multipart(MultipartScan& scan);
  ModelRequest from_form(const FormBody& body);

  std::string_view query_;
  bool is_get_ = false;
  bool is_opaque_ = false;  // a JSON scan looks whether it is JSON all the same
  std::variant<QueryOnly, JsonScan, MultipartScan, FormBody> body_;
};

}  // namespace llama_swap::server
