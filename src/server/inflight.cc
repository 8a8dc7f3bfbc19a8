#include "server/inflight.h"

#include <algorithm>
#include <array>

#include "util/text.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

void add_header(Json& map, std::string_view name, std::string_view value) {
  std::string key = canonical_header_name(name);
  if (!map.contains(key)) map[std::move(key)] = shown_header_value(name, value);
}

}  // namespace

std::string canonical_header_name(std::string_view name) {
  std::string out = util::lower(name);
  bool first = true;
  for (char& c : out) {
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == '-';
  }
  return out;
}

std::string_view shown_header_value(std::string_view name, std::string_view value) {
  // More than the five of 21.3: providers and proxies have names of their own.
  constexpr std::array<std::string_view, 7> kSecret{"key",    "token",    "secret",    "auth",
                                                    "cookie", "password", "credential"};
  const bool secret = std::any_of(kSecret.begin(), kSecret.end(), [&](std::string_view word) {
    return util::icontains(name, word);
  });
  return secret ? "[REDACTED]" : value;
}

InflightTable::Entry::Entry(InflightTable& table, net::Exchange& exchange, std::string model,
                            std::string path, std::string_view key, std::string selector)
    : table_(table),
      exchange_(exchange),
      id_(++table.last_id_),
      model_(std::move(model)),
      path_(std::move(path)),
      key_(key),
      selector_(std::move(selector)),
      started_(std::chrono::system_clock::now()),
      started_at_(util::Clock::now()) {
  table_.entries_.push_back(*this);
  table_.show(*this);
}

InflightTable::Entry::~Entry() {
  table_.entries_.erase(table_.entries_.iterator_to(*this));
  if (table_.events_.has_subscribers())
    table_.publish({{"operation", "remove"}, {"id", std::to_string(id_)}});
}

void InflightTable::Entry::set_model(std::string model) {
  if (model == model_) return;
  model_ = std::move(model);
  table_.show(*this);
}

void InflightTable::Entry::answered(const net::ResponseHead& head) {
  for (const net::Header& header : head.headers) {
    answer_headers_.append(header.name).push_back('\0');
    answer_headers_.append(header.value).push_back('\0');
  }
  table_.show(*this);
}

Json InflightTable::Entry::json() const {
  Json request_headers = Json::object();
  for (const net::Header& header : exchange_.request().headers)
    add_header(request_headers, header.name, header.value);
  Json answer_headers = Json::object();
  const auto fields = util::split(answer_headers_, '\0');
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
    add_header(answer_headers, fields[i], fields[i + 1]);
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(util::Clock::now() - started_at_);
  Json out{{"id", std::to_string(id_)},
           {"timestamp", util::rfc3339(started_)},
           {"model", model_},
           {"req_path", path_},
           {"method", exchange_.request().method},
           {"req_headers", std::move(request_headers)},
           {"remote_ip", client_ip(exchange_, table_.proxies_)},
           {"resp_headers", std::move(answer_headers)},
           {"resp_bytes", exchange_.bytes_sent()},
           {"elapsed_ms", elapsed.count()}};
  if (!key_.empty()) out["metadata"]["key"] = key_;
  if (!selector_.empty()) out["metadata"]["selector"] = selector_;
  return out;
}

std::string InflightTable::snapshot() {
  Json out{{"operation", "snapshot"}};
  for (Entry& entry : entries_) {
    entry.shown_bytes_ = entry.exchange_.bytes_sent();
    out["requests"].push_back(entry.json());
  }
  if (!tick_.is_set()) tick_.set(util::Clock::now() + kInterval);
  return dump(out);
}

bool InflightTable::look_for_leavers(std::string_view model) {
  bool any = false;
  for (Entry& entry : entries_)
    if (entry.model_ == model && entry.exchange_.look_for_client()) any = true;
  return any;
}

const std::string* InflightTable::model_of(std::string_view id) const {
  for (const Entry& entry : entries_)
    if (std::to_string(entry.id_) == id) return &entry.model_;
  return nullptr;
}

bool InflightTable::cancel(std::string_view id) {
  for (Entry& entry : entries_) {
    if (std::to_string(entry.id_) != id) continue;
    entry.cancelled_ = true;
    if (entry.cancel_) {
      entry.cancel_();
    } else {
      entry.exchange_.abort();
    }
    return true;
  }
  return false;
}

void InflightTable::show(const Entry& entry) {
  if (events_.has_subscribers() && !snapshot_due_)
    publish({{"operation", "upsert"}, {"request", entry.json()}});
}

void InflightTable::publish(Json update) {
  if (!tick_.is_set()) tick_.set(util::Clock::now() + kInterval);
  if (sent_ >= kBurst) snapshot_due_ = true;
  if (snapshot_due_) return;
  ++sent_;
  events_.publish(observe::Inflight{dump(update)});
}

// Ends an interval: shows what the streams have sent since, or everything after a burst.
void InflightTable::tick() {
  sent_ = 0;
  if (!events_.has_subscribers()) {
    snapshot_due_ = false;
    return;
  }
  if (snapshot_due_) {
    snapshot_due_ = false;
    events_.publish(observe::Inflight{snapshot()});
  } else {
    for (Entry& entry : entries_) {
      const std::uint64_t bytes = entry.exchange_.bytes_sent();
      if (bytes == entry.shown_bytes_) continue;
      entry.shown_bytes_ = bytes;
      show(entry);
    }
  }
  if (!entries_.empty() && !tick_.is_set()) tick_.set(util::Clock::now() + kInterval);
}

}  // namespace llama_swap::server
