#include "server/filter_request.h"

#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "server/fail.h"
#include "server/filters.h"
#include "server/json_edit.h"
#include "server/model_request.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

using Edits = std::vector<const JsonEdit*>;

constexpr std::size_t kPiece = 1 << 20;  // what is scanned before others have their turn

// A large body must not keep everybody waiting.
net::Awaitable<void> feed_memory(std::string_view body, net::Loop& loop, JsonEditor& editor) {
  for (;;) {
    editor.feed(body.substr(0, kPiece));
    if (body.size() <= kPiece) co_return;
    body.remove_prefix(kPiece);
    co_await boost::asio::post(loop.get_executor(), net::use_awaitable);
  }
}

net::Awaitable<util::Result<void>> feed(const net::Body& body, net::Loop& loop,
                                        JsonEditor& editor) {
  if (body.in_memory()) {
    co_await feed_memory(body.memory(), loop, editor);
    co_return util::Result<void>();
  }
  std::vector<char> piece(kPiece);
  for (std::uint64_t at = 0; at < body.size();) {
    const auto n = co_await body.read(at, piece);
    if (!n) co_return tl::unexpected(n.error());
    if (*n == 0) co_return util::fail(util::Errc::io, "the kept request body is short");
    editor.feed({piece.data(), *n});
    at += *n;
  }
  co_return util::Result<void>();
}

bool is_json(const net::RequestHead& head) {
  const std::string_view* type = head.find("content-type");
  return type && body_kind(*type) == BodyKind::json;
}

// What a client is told (3.4).
std::string failure(const JsonEdit& edit, const JsonEdit* renaming, const std::string& reason) {
  if (&edit == renaming) return "error rewriting model name in JSON: " + reason;
  return edit.value ? "error setting parameter " + edit.key + " in request"
                    : "error stripping parameter " + edit.key + " from request";
}

net::Awaitable<bool> make_edits(Call& call, Forwarding& forwarding, Edits edits,
                                const std::string& written) {
  const JsonEdit renaming{{{"model", {}, false}}, util::json_quote(written), "model"};
  if (!forwarding.splices.empty()) edits.insert(edits.begin(), &renaming);
  JsonEditor editor(edits);
  const auto fed = co_await feed(*forwarding.body, call.core.deps.loop, editor);
  if (!fed) {
    co_await fail(call, 400, "could not read request body");
    co_return false;
  }
  auto splices = editor.finish();
  if (!splices) {
    const JsonEditFault& fault = splices.error();
    std::string message = failure(*edits[fault.edit], &renaming, fault.reason);
    call.core.deps.log.warn(call.log_fields(), "filters: {}: {}", message, fault.reason);
    co_await fail(call, 500, std::move(message));
    co_return false;
  }
  forwarding.splices = std::move(*splices);
  co_return true;
}

}  // namespace

net::Awaitable<bool> filter_request(Call& call, Forwarding& forwarding, const std::string& name,
                                    const std::string& written) {
  const net::RequestHead& head = call.exchange.request();
  Edits edits = call.site->filters().find(forwarding.target, name);
  if (edits.empty() || !forwarding.body || !is_json(head)) return net::ready(true);
  const bool may_be_empty = head.method != "GET" && head.method != "HEAD";
  if (forwarding.body->size() == 0 && !may_be_empty) return net::ready(true);
  return make_edits(call, forwarding, std::move(edits), written);
}

}  // namespace llama_swap::server
