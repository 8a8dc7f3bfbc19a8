#include "server/inflight.h"

#include <array>

#include "server/event_state.h"
#include "server/shortened.h"
#include "util/timestamp.h"

namespace llama_swap::server {

InflightTable::Entry::Entry(InflightTable& table, net::Exchange& exchange, std::string model,
                            std::string_view path, std::string_view key, std::string selector)
    : table_(table),
      exchange_(exchange),
      id_(++table.last_id_),
      model_(std::move(model)),
      path_(shortened(path, kMaxPath)),
      key_(key),
      selector_(std::move(selector)),
      started_(std::chrono::system_clock::now()),
      started_at_(util::Clock::now()) {
  table_.entries_.push_back(*this);
  table_.show(*this);
}

InflightTable::Entry::~Entry() {
  table_.entries_.erase(table_.entries_.iterator_to(*this));
  table_.hide(*this);
}

void InflightTable::Entry::set_model(std::string model) {
  if (model == model_) return;
  model_ = std::move(model);
  table_.show(*this, true);
}

void InflightTable::Entry::enter(Phase phase) {
  if (std::exchange(phase_, phase) != phase) table_.show_to_hub(*this);
}

void InflightTable::Entry::answered(const net::ResponseHead& head,
                                    const net::BodyFraming& framing, Phase phase) {
  phase_ = phase;
  answer_headers_ = flatten(head, framing);
  table_.show(*this);
}

Json InflightTable::Entry::json() const {
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(util::Clock::now() - started_at_);
  Json out{
      {"id", std::to_string(id_)},
      {"timestamp", util::rfc3339(started_)},
      {"model", model_},
      {"req_path", path_},
      {"method", exchange_.request().method},
      {"req_headers", headers_json(exchange_.request().headers, table_.redaction_, kMaxHeaders)},
      {"remote_ip", shortened(client_ip(exchange_, table_.proxies_))},
      {"resp_headers", headers_json(unflatten(answer_headers_), table_.redaction_, kMaxHeaders)},
      {"resp_bytes", exchange_.bytes_sent()},
      {"elapsed_ms", elapsed.count()}};
  if (!key_.empty()) out["metadata"]["key"] = key_;
  if (!selector_.empty()) out["metadata"]["selector"] = selector_;
  return out;
}

Json InflightTable::Entry::full_json(bool reduced) const {
  static constexpr std::array<std::string_view, 4> kPhases{"queue", "load", "asking", "streaming"};
  Json out = json();
  out.erase("metadata");
  if (!exchange_.request_id().empty()) out["request_id"] = exchange_.request_id();
  if (!key_.empty()) out["key"] = key_;
  if (!selector_.empty()) out["selector"] = selector_;
  out["phase"] = kPhases.at(static_cast<std::size_t>(phase_));
  if (waits()) out["waiting"] = wait_json(admission_->wait(), reduced);
  out["req_bytes"] = bytes_in_;
  if (const auto tokens = recorder_ ? recorder_->tokens_so_far() : 0; tokens > 0)
    out["tokens"] = tokens;
  return out;
}

std::string InflightTable::snapshot(const Sight* sight) {
  Json out{{"operation", "snapshot"}};
  for (const Entry& entry : entries_)
    if (!sight || sight->sees(entry.model_)) out["requests"].push_back(entry.json());
  keep_ticking();
  return dump(out);
}

Json InflightTable::list(const Sight* sight) {
  Json out = Json::array();
  for (const Entry& entry : entries_)
    if (!sight || sight->sees(entry.model_)) out.push_back(entry.full_json(sight != nullptr));
  keep_ticking();
  return out;
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

void InflightTable::show(Entry& entry, bool again) {
  show_to_first(entry, again);
  show_to_hub(entry, again);
}

void InflightTable::show_to_first(const Entry& entry, bool again) {
  if (!events_.has_subscribers()) return;
  keep_ticking();
  if (!first_.take()) return;
  const Json update{{"operation", "upsert"}, {"request", entry.json()}};
  events_.publish(observe::Inflight{dump(update), again ? "" : entry.model_});
}

void InflightTable::show_to_hub(Entry& entry, bool again) {
  if (!hub_.wanted()) return;
  keep_ticking();
  if (!second_.take()) return;
  if (entry.waits()) entry.shown_wait_ = entry.admission_->wait();
  // Who saw the former model may not see this one.
  Audience audience{again ? Audience::divided : Audience::model, entry.model_};
  const auto update = [&entry](bool reduced) {
    return Json{{"operation", "upsert"}, {"request", entry.full_json(reduced)}};
  };
  std::optional<Json> reduced;
  if (entry.waits()) reduced = update(true);
  hub_.publish(Topic::inflight, std::move(audience), update(false), std::move(reduced));
}

void InflightTable::hide(const Entry& entry) {
  if (!watched()) return;
  const Json update{{"operation", "remove"}, {"id", std::to_string(entry.id_)}};
  if (events_.has_subscribers() && first_.take())
    events_.publish(observe::Inflight{dump(update), entry.model_});
  if (hub_.wanted() && second_.take())
    hub_.publish(Topic::inflight, {Audience::model, entry.model_}, update);
  keep_ticking();
}

void InflightTable::keep_ticking() {
  if (watched() && !tick_.is_set()) tick_.set(util::Clock::now() + kInterval);
}

// Ends an interval: shows what has changed since, or everything after a burst.
void InflightTable::tick() {
  const Budget first = std::exchange(first_, {}), second = std::exchange(second_, {});
  if (!watched()) return;
  if (first.snapshot_due) events_.publish(observe::Inflight{snapshot(), ""});
  if (second.snapshot_due)
    hub_.publish(Topic::inflight, {Audience::divided},
                 {{"operation", "snapshot"}, {"requests", list()}});
  for (Entry& entry : entries_) {
    const std::uint64_t bytes = entry.exchange_.bytes_sent();
    const bool sent_more = std::exchange(entry.shown_bytes_, bytes) != bytes;
    const bool waits_anew = entry.waits() && entry.admission_->wait() != entry.shown_wait_;
    if (sent_more && !first.snapshot_due) show_to_first(entry);
    if (second.snapshot_due && waits_anew) entry.shown_wait_ = entry.admission_->wait();
    if ((sent_more || waits_anew) && !second.snapshot_due) show_to_hub(entry);
  }
  if (!entries_.empty()) keep_ticking();
}

}  // namespace llama_swap::server
