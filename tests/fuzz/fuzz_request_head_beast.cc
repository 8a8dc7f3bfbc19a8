// Our request parser against Boost.Beast's, which is the laxer one: what we accept it accepts, with
// the same reading.
#include <boost/beast/http/basic_parser.hpp>
#include <vector>

#include "fuzz/fuzz.h"
#include "net/http1_head.h"
#include "util/text.h"

using namespace llama_swap;
using fuzz::require;
namespace http = boost::beast::http;

namespace {

using Text = boost::beast::string_view;
using Error = boost::beast::error_code;

// Only notes what it is told.
class BeastHead : public http::basic_parser<true> {
 public:
  std::string method, target;
  int version = 0;
  std::vector<std::pair<std::string, std::string>> fields;

 private:
  void on_request_impl(http::verb, Text method_text, Text target_text, int number,
                       Error&) override {
    method = std::string(method_text.data(), method_text.size());
    target = std::string(target_text.data(), target_text.size());
    version = number;
  }
  void on_field_impl(http::field, Text name, Text value, Error&) override {
    fields.emplace_back(std::string(name.data(), name.size()),
                        std::string(value.data(), value.size()));
  }
  void on_response_impl(int, Text, int, Error&) override {}
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(Text body, Error&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, Error&) override { return body.size(); }
  void on_finish_impl(Error&) override {}
};

// Beast judges the fields of framing and connection while it parses; we do in request_framing(), by
// other rules.
bool is_judged_later(const net::RequestHead& head) {
  for (const std::string_view name :
       {"content-length", "transfer-encoding", "connection", "proxy-connection", "upgrade"})
    if (head.find(name)) return true;
  return false;
}

// RFC 9112 3.2.2: we read the authority of an absolute target into Host, Beast leaves both as sent.
bool is_same_field(const std::pair<std::string, std::string>& theirs, const net::Header& ours,
                   bool is_absolute) {
  if (theirs.first != ours.name) return false;
  return theirs.second == ours.value || (is_absolute && util::iequals(ours.name, "host"));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  net::RequestHead head;
  net::HeadProgress progress;
  const net::HeadResult ours = net::parse_request(input, head, progress);
  if (ours.kind != net::HeadResult::done || is_judged_later(head)) return 0;

  // Beast knows no empty lines before a request.
  const char* begin = head.method.data();
  const auto length = ours.consumed - static_cast<std::size_t>(begin - input.data());
  BeastHead theirs;
  theirs.header_limit(1 << 20);
  Error error;
  const std::size_t consumed = theirs.put(boost::asio::buffer(begin, length), error);
  require(!error && theirs.is_header_done(), "Beast accepts it, too");
  require(consumed == length, "the same end");
  require(theirs.method == head.method && theirs.target == head.target,
          "the same method and target");
  require(theirs.version == 10 + head.version_minor, "the same version");
  const bool is_absolute = head.target.front() != '/';
  require(std::ranges::equal(theirs.fields, head.headers,
                             [&](const auto& a, const net::Header& b) {
                               return is_same_field(a, b, is_absolute);
                             }),
          "the same fields");
  return 0;
}
