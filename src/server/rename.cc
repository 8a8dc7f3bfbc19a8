#include "server/rename.h"

#include <algorithm>

#include "util/percent.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

// A piece `key=value` of an urlencoded text. `value` views into the text.
struct Piece {
  std::string key;
  std::string_view value;
};

std::optional<Piece> parse_piece(std::string_view text) {
  if (text.empty() || text.find(';') != std::string_view::npos) return std::nullopt;
  const auto equals = std::min(text.find('='), text.size());
  auto key = util::form_decode(text.substr(0, equals));
  const std::string_view value = text.substr(std::min(equals + 1, text.size()));
  if (!key || !util::form_decode(value)) return std::nullopt;
  return Piece{std::move(*key), value};
}

}  // namespace

std::vector<ByteSpan> form_value_spans(std::string_view urlencoded, std::string_view key) {
  std::vector<ByteSpan> spans;
  for (const std::string_view text : util::split(urlencoded, '&')) {
    const auto piece = parse_piece(text);
    if (!piece || piece->key != key || text.find('=') == std::string_view::npos) continue;
    const auto offset = static_cast<std::uint64_t>(piece->value.data() - urlencoded.data());
    spans.push_back({offset, piece->value.size()});
    if (spans.size() == kMaxSpans) break;
  }
  return spans;
}

std::string set_query_value(std::string_view query, std::string_view key, std::string_view value) {
  std::vector<std::pair<std::string, std::string>> pieces;
  pieces.emplace_back(key, value);
  for (const std::string_view text : util::split(query, '&')) {
    auto piece = parse_piece(text);
    if (piece && piece->key != key)
      pieces.emplace_back(std::move(piece->key), *util::form_decode(piece->value));
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [name, text] : pieces) {
    if (!out.empty()) out += '&';
    out += util::form_encode(name) + "=" + util::form_encode(text);
  }
  return out;
}

net::Awaitable<util::Result<Renaming>> rename(const ModelRequest& found, const net::Body* body,
                                              std::string_view query, std::string_view name) {
  using Where = ModelRequest::Where;
  Renaming out;
  if (found.where == Where::query) out.query = set_query_value(query, "model", name);
  if (found.where == Where::form && body) {
    const auto text = co_await net::read_whole(*body);
    if (!text) co_return tl::unexpected(text.error());
    for (const ByteSpan& span : form_value_spans(*text, "model"))
      out.splices.push_back({span.offset, span.length, util::form_encode(name)});
  }
  for (const ByteSpan& span : found.spans) {
    std::string text = found.where == Where::json ? util::json_quote(name) : std::string(name);
    out.splices.push_back({span.offset, span.length, std::move(text)});
  }
  co_return out;
}

}  // namespace llama_swap::server
