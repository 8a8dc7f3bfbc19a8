// Edits of a JSON document, as the smallest changes of its bytes: what no edit means stays as it
// was written (http-api 8.1). The result is as if the edits were made one after the other.
//
//   set     the value at the path; of members of one name the first. What is missing on the way is
//           made: an array where the next step means an element, else an object. What is in the way
//           and neither object nor array becomes an object. New members stand last; arrays are
//           filled up with null. A name within an array is an error.
//   remove  what is at the path, if anything is.
//
//   JsonEditor editor(edits);
//   editor.feed(piece) ...              // of the document, cut anywhere
//   const auto splices = editor.finish();
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "net/splice.h"
#include "server/json_outline.h"
#include "util/json_path.h"

namespace llama_swap::server {

struct JsonEdit {
  util::JsonPath path;               // not empty
  std::optional<std::string> value;  // compact JSON; nothing: remove
  std::string key;                   // the path as it was written, for messages
};

struct JsonEditFault {
  std::size_t edit = 0;  // which one; the first, if it is the document's fault
  std::string reason;
};

class JsonEditor {
 public:
  // The edits must outlive this object. There must be one.
  explicit JsonEditor(std::vector<const JsonEdit*> edits);

  void feed(std::string_view piece);
  // The document is over. An empty or blank one counts as {}. Errors: it is no object, or cut off;
  // an edit cannot be made.
  tl::expected<net::Splices, JsonEditFault> finish();

 private:
  const std::vector<const JsonEdit*> edits_;
  JsonOutline outline_;
  std::uint64_t size_ = 0;
  bool blank_ = true;
};

// The document with the splices carried out.
std::string spliced(std::string_view document, const net::Splices& splices);

}  // namespace llama_swap::server
