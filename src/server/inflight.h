// The requests under way (http-api 18): registered for as long as they live, shown on the event
// stream, cancelled by id. I/O thread only.
//
// A request costs two list operations and, while nobody listens to events, nothing else: what is
// shown is taken from the exchange when it is shown. With listeners at most kBurst updates leave
// per kInterval; what does not fit is replaced by one snapshot at the end of the interval.
//
// There are two kinds of listeners: those of the original's stream, and those of version 2
// (docs/events.md), who are told more of an entry, and more often: how far it has come.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/timer_wheel.h"
#include "observe/events.h"
#include "server/answer.h"
#include "server/client_address.h"
#include "server/event_hub.h"
#include "server/recorder.h"
#include "server/redaction.h"
#include "server/sight.h"
#include "swap/swap.h"

namespace llama_swap::server {

class InflightTable {
 public:
  static constexpr std::chrono::milliseconds kInterval{250};
  static constexpr int kBurst = 128;
  // Of the headers of a request, and of its answer, that are shown; and of its path. Clients choose
  // them, and all requests may have to be shown four times a second.
  static constexpr std::size_t kMaxHeaders = 4096;
  static constexpr std::size_t kMaxPath = 1024;

  // One request. Destroying it takes it off the table.
  class Entry : public boost::intrusive::list_base_hook<> {
   public:
    // `model` is the real id or the peer's name, `path` (decoded) as the client sees it, `key` the
    // name of the client's key ("": it has none), `selector` the one that chose the model ("": none
    // did). Table and exchange must outlive the entry.
    Entry(InflightTable& table, net::Exchange& exchange, std::string model, std::string_view path,
          std::string_view key = {}, std::string selector = {});
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    // What it is called in the table, and cancelled by; never 0.
    std::uint64_t id() const { return id_; }
    // Another model is tried.
    void set_model(std::string model);
    // How far it has come.
    enum class Phase { queue, load, asking, streaming };
    void enter(Phase phase);
    // The request's body, in bytes.
    void received(std::uint64_t bytes) { bytes_in_ = bytes; }
    // Null: nobody counts its tokens. The recorder must outlive the entry.
    void counts_tokens(const Recorder* recorder) { recorder_ = recorder; }
    // What it waits with; null: it waits no more.
    void waits_with(const swap::Admission* admission) { admission_ = admission; }
    // The head of the answer is about to be sent; it has come so far by that.
    void answered(const net::ResponseHead& head, const net::BodyFraming& framing,
                  Phase phase = Phase::streaming);
    // What ends the request when it is cancelled; by default the exchange is aborted. Must not
    // destroy the entry.
    void on_cancel(std::function<void()> cancel) { cancel_ = std::move(cancel); }
    bool cancelled() const { return cancelled_; }

   private:
    friend class InflightTable;
    Json json() const;
    // With what version 2 tells beside.
    Json full_json(bool reduced) const;
    bool waits() const {
      return admission_ && admission_->phase() == swap::Admission::Phase::waiting;
    }

    InflightTable& table_;
    net::Exchange& exchange_;
    const std::uint64_t id_;
    std::string model_;
    const std::string path_;
    const std::string key_;
    const std::string selector_;
    const std::chrono::system_clock::time_point started_;
    const util::Time started_at_;
    std::string answer_headers_;  // flat (redaction.h)
    std::uint64_t shown_bytes_ = 0;
    Phase phase_ = Phase::queue;
    std::uint64_t bytes_in_ = 0;
    const Recorder* recorder_ = nullptr;
    const swap::Admission* admission_ = nullptr;
    swap::Wait shown_wait_;  // while it waits: as version 2 was told
    std::function<void()> cancel_;
    bool cancelled_ = false;
  };

  // All must outlive the table.
  InflightTable(net::TimerWheel& wheel, observe::EventBus& events, EventHub& hub)
      : events_(events), hub_(hub), tick_(wheel, [this] { tick(); }) {}
  InflightTable(const InflightTable&) = delete;
  InflightTable& operator=(const InflightTable&) = delete;

  // Whom to believe about the addresses of clients, and what to show of headers, from now on.
  void use(TrustedProxies proxies, Redaction redaction) {
    proxies_ = std::move(proxies);
    redaction_ = std::move(redaction);
  }

  // The data of a snapshot event, as JSON text; with a sight, what that sees. Whoever asks wants
  // updates from now on.
  std::string snapshot(const Sight* sight = nullptr);
  // The entries as version 2 tells them.
  Json list(const Sight* sight = nullptr);
  // Looks for clients of this model that have left, but whose requests have not ended yet; false:
  // there are none.
  bool look_for_leavers(std::string_view model);
  // Real id or peer's name; null: no such request. Until the request ends.
  const std::string* model_of(std::string_view id) const;
  // False: no such request.
  bool cancel(std::string_view id);

 private:
  // Of each kind of listeners.
  struct Budget {
    int sent = 0;  // updates in this interval
    bool snapshot_due = false;
    bool take() {
      if (sent >= kBurst) snapshot_due = true;
      if (!snapshot_due) ++sent;
      return !snapshot_due;
    }
  };

  bool watched() const { return events_.has_subscribers() || hub_.wanted(); }
  // `again`: it is known, and another model's now.
  void show(Entry& entry, bool again = false);
  void show_to_first(const Entry& entry, bool again = false);
  void show_to_hub(Entry& entry, bool again = false);
  void hide(const Entry& entry);
  void keep_ticking();
  void tick();

  observe::EventBus& events_;
  EventHub& hub_;
  net::Deadline tick_;
  TrustedProxies proxies_;
  Redaction redaction_;
  boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>> entries_;  // by id
  std::uint64_t last_id_ = 0;
  Budget first_, second_;  // by the version of the stream
};

}  // namespace llama_swap::server
