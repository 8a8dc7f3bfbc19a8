// What is recorded of one request (http-api 19), gathered on its way: destroyed when the response
// has ended, whatever ended it, it hands the row to the activity store, and what is captured to the
// captures. Never waits; keeps some KiB whatever passes, and what capture.h says.
//
// I/O thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/payload_sink.h"
#include "relay/relay.h"
#include "server/capture.h"
#include "server/measure.h"
#include "server/site.h"
#include "store/activity.h"
#include "usage/meter.h"
#include "util/recycled.h"
#include "util/time.h"

namespace llama_swap::server {

struct Call;
struct Core;
struct Problem;
class RequestTrace;

class Recorder final : public net::PayloadSink, public util::Recycled {
 public:
  // The request has come. Core, exchange and `measure`, which knows how it spends its time and
  // counts its tokens, must outlive the recorder; `key` is the name of the client's key.
  Recorder(Core& core, SitePtr site, const net::Exchange& exchange, std::string_view key,
           Measure& measure);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Whom it is for; before the first call there is nothing to record. Of several the last counts.
  struct Destination {
    std::string_view model;     // the real id, or a name that no local model has
    std::string_view path;      // as sent upstream, decoded
    std::string_view selector;  // the one that chose the model; "": none did
    bool local = false;
    const PeerModel* peer = nullptr;  // whose model it is, if it is one of a peer
  };
  void goes_to(const Destination& destination);
  void received(std::shared_ptr<const net::Body> body);
  // What is made of the body on the way, but for what only a peer is to read.
  void sends(net::Splices splices);
  bool captures() const { return capture_ && is_captured_; }

  // Other models stop for this request.
  void caused_swap() { row_.swap_caused = true; }
  // The head of the upstream's answer, of which the measure knows; its body passes on_payload().
  void answered(const net::ResponseHead& head, const net::BodyFraming& framing);
  void on_payload(std::string_view bytes) override;
  void relayed(const relay::Outcome& outcome);
  // An error of ours ends it. `content_type` is that of our answer.
  void failed(const Problem& problem, std::string_view content_type);
  // Tokens of the answer that have passed, as far as events show them.
  std::uint64_t tokens_so_far() const { return meter_ ? meter_->tokens_so_far() : 0; }
  // What is recorded is told to a trace (may be null; must outlive the recorder), too; or only to
  // it.
  void tell(RequestTrace* trace, bool only_it);
  // It was cancelled, by whoever may.
  void cancelled() { row_.ending = store::Ending::cancelled; }

 private:
  void finish();
  void take_result(usage::Result result);
  void measure_phases(const usage::Timing& timing);
  void explain_silence();

  Core& core_;
  const SitePtr site_;
  const net::Exchange& exchange_;
  const util::Time began_ = util::Clock::now();
  store::Activity row_;
  bool begun_ = false;                 // goes_to() was called
  std::optional<usage::Meter> meter_;  // of an answer that came
  Measure& measure_;
  std::unique_ptr<Capture> capture_;  // null: nothing is captured
  bool is_captured_ = true;           // as far as the model counts
  RequestTrace* trace_ = nullptr;
  bool stored_ = true;
};

// Null: a request like this is not recorded, or none is.
std::unique_ptr<Recorder> make_recorder(Call& call);

}  // namespace llama_swap::server
