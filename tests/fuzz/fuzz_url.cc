// URLs: what is accepted can be put into a request line, and reads back as the same when put
// together again.
#include "fuzz/fuzz.h"
#include "net/http1_head.h"
#include "net/url.h"

using namespace llama_swap;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  (void)net::is_valid_host(input);
  const auto url = net::parse_url(input);
  if (!url) {
    require(url.error().code == util::Errc::invalid && !url.error().message.empty(),
            "errors say why");
    return 0;
  }
  require(url->scheme == "http" || url->scheme == "https", "http or https");
  require(!url->host.empty() && url->port != 0, "host and port");
  require(url->path.empty() || url->path.front() == '/', "path begins with a slash");

  std::string again = url->scheme + "://" + url->authority + url->path;
  if (!url->query.empty()) again += '?' + url->query;
  const auto reread = net::parse_url(again);
  require(reread && reread->host == url->host && reread->port == url->port &&
              reread->path == url->path && reread->query == url->query,
          "reads back as the same");

  const std::string request = "GET " + net::join_target(*url, "/v1/x", "a=b") +
                              " HTTP/1.1\r\nHost: " + url->authority + "\r\n\r\n";
  net::RequestHead head;
  net::HeadProgress progress;
  require(net::parse_request(request, head, progress).kind == net::HeadResult::done,
          "makes a request");
  require(head.path().ends_with("/v1/x") && head.query().ends_with("a=b"), "joined at the end");
  return 0;
}
