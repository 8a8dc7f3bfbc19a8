#include "net/http2_head.h"

#include "net/http1_head.h"
#include "util/text.h"

namespace llama_swap::net {

Http2Head::Range Http2Head::keep(std::string_view text) {
  const Range range{text_.size(), text.size()};
  text_.append(text);
  return range;
}

Http2Head::Range* Http2Head::pseudo(std::string_view name) {
  if (name == ":method") return &method_;
  if (name == ":scheme") return &scheme_;
  if (name == ":authority") return &authority_;
  return name == ":path" ? &path_ : nullptr;
}

void Http2Head::add(std::string_view name, std::string_view value) {
  bytes_ += size_of(name, value);
  too_large_ = too_large_ || bytes_ > max_bytes_ || fields_.size() >= kMaxHeaderLines;
  if (too_large_) return;
  if (name.starts_with(':')) {
    if (Range* const range = pseudo(name)) *range = keep(value);
  } else if (name == "cookie") {
    // One field for each cookie compresses better; others expect one line (RFC 9113 8.2.3).
    if (!cookies_.empty()) cookies_ += "; ";
    cookies_.append(value);
  } else {
    const Range kept = keep(name);
    fields_.push_back({kept, keep(value)});
  }
}

Http2Head::Fault Http2Head::finish(RequestHead& out) {
  out.method = text(method_);
  if (too_large_) return {431, "head too large"};
  out.target = text(path_);
  out.headers.clear();
  out.headers.reserve(fields_.size() + 2);
  const std::string_view authority = text(authority_);
  if (!authority.empty()) out.headers.push_back({"host", authority});
  for (const Field& field : fields_) {
    const Header header{text(field.name), text(field.value)};
    if (header.name == "host" && !authority.empty()) {
      if (!util::iequals(header.value, authority)) return {400, "Host is not :authority"};
      continue;
    }
    out.headers.push_back(header);
  }
  if (!cookies_.empty()) out.headers.push_back({"cookie", cookies_});
  if (text(scheme_) != "http" && text(scheme_) != "https") return {400, "unknown :scheme"};
  const std::string_view fault = fault_of(out);
  return {fault.empty() ? 0 : 400, fault};
}

}  // namespace llama_swap::net
