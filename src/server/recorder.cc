#include "server/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/access_log.h"
#include "server/answer.h"
#include "server/client_address.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/request_trace.h"
#include "server/shortened.h"
#include "store/activity_store.h"
#include "usage/error_text.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::size_t kMaxError = 500;  // as usage::ErrorText

std::string session_of(const net::RequestHead& head, const config::Config& config) {
  for (const std::string& name : config.session_id_headers) {
    const std::string_view* const value = head.find(name);
    if (value && !util::trim(*value).empty()) return shortened(*value);
  }
  return "";
}

// `requested`: the name that the row does not have; may be empty.
std::string metadata_of(const Recorder::Destination& destination, std::string_view requested,
                        const config::Config& config) {
  std::string out;
  if (destination.local) {
    const auto& priorities = config.scheduling.priority;
    const auto found =
        priorities.empty() ? priorities.end() : priorities.find(std::string(destination.model));
    out = R"("fifo_priority":")";
    out += std::to_string(found == priorities.end() ? 0 : found->second) + '"';
  }
  const auto add = [&out](std::string_view name, std::string_view value) {
    out += fmt::format(R"({}"{}":{})", out.empty() ? "" : ",", name, dump(Json(value)));
  };
  if (!destination.selector.empty()) add("selector", destination.selector);
  if (!requested.empty()) add("requested", requested);
  return out.empty() ? "" : '{' + out + '}';
}

store::Tokens tokens_of(const usage::Figures& figures) {
  store::Tokens out;
  out.cached = figures.cached;
  out.drafted = figures.draft;
  out.draft_accepted = figures.draft_accepted;
  out.input = figures.input;
  out.output = figures.output;
  out.prompt_per_second = figures.prompt_per_second;
  out.output_per_second = figures.tokens_per_second;
  return out;
}

observe::TokenCounts counts_of(const store::Tokens& tokens) {
  return {tokens.input, tokens.cached, tokens.output, tokens.drafted, tokens.draft_accepted};
}

}  // namespace

Recorder::Recorder(Core& core, SitePtr site, const net::Exchange& exchange, std::string_view key,
                   Measure& measure)
    : core_(core), site_(std::move(site)), exchange_(exchange), measure_(measure) {
  row_.started = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  row_.key = key;
  capture_ = core.captures->begin(site_);
}

Recorder::~Recorder() {
  if (!begun_) return;
  try {
    finish();
  } catch (const std::exception& e) {
    core_.deps.log.error("the record of a request is lost: {}", e.what());
  }
}

void Recorder::goes_to(const Destination& destination) {
  begun_ = true;
  row_.model = shortened(destination.model);
  row_.path = destination.path;
  std::string requested;
  const bool known = destination.local || destination.peer;
  if (!known && !core_.unknown_names.remember(row_.model))
    requested = std::exchange(row_.model, UnknownNames::kOthers);
  row_.metadata_json = metadata_of(destination, requested, site_->config());
  if (!capture_) return;
  const PeerModel* const peer = destination.peer;
  const std::string model =
      peer ? peer->peer->id + "/" + peer->model : std::string(destination.model);
  is_captured_ = server::is_captured(site_->config(), model);
  capture_->goes_to(row_.model, row_.path);
}

void Recorder::received(std::shared_ptr<const net::Body> body) {
  row_.bytes_in = static_cast<std::int64_t>(body->size());
  if (capture_) capture_->received(std::move(body));
}

void Recorder::sends(net::Splices splices) {
  if (capture_) capture_->sends(std::move(splices));
}

void Recorder::answered(const net::ResponseHead& head, const net::BodyFraming& framing) {
  const auto field = [&head](std::string_view name) {
    const std::string_view* const value = head.find(name);
    return value ? *value : std::string_view();
  };
  const std::string_view content_type = field("Content-Type");
  row_.status = head.status;
  row_.content_type = shortened(content_type);
  usage::AnswerHead seen;
  seen.request_path = row_.path;
  seen.status = head.status;
  seen.reason = net::reason_phrase(head.status);
  seen.content_type = content_type;
  seen.content_encoding = field("Content-Encoding");
  meter_.emplace(seen);
  if (captures()) capture_->answered(head, framing);
}

void Recorder::on_payload(std::string_view bytes) {
  if (meter_) meter_->feed(bytes, util::Clock::now());
  if (captures()) capture_->on_payload(bytes);
}

void Recorder::relayed(const relay::Outcome& outcome) {
  using Kind = relay::Outcome;
  if (outcome.kind == Kind::client_gone) row_.ending = store::Ending::cancelled;
  if (outcome.kind == Kind::broke_off) row_.ending = store::Ending::truncated;
}

void Recorder::failed(const Problem& problem, std::string_view content_type) {
  row_.status = problem.status;
  row_.content_type = content_type;
  row_.error = shortened(problem.message, kMaxError);
  if (capture_) capture_->failed(problem.status, content_type);
}

void Recorder::tell(RequestTrace* trace, bool only_it) {
  trace_ = trace;
  measure_.tell(trace);
  stored_ = !only_it;
  if (only_it) capture_.reset();
}

void Recorder::take_result(usage::Result result) {
  if (result.figures) {
    row_.tokens = tokens_of(*result.figures);
    core_.metrics.count_tokens(measure_.model(), counts_of(row_.tokens));
    row_.duration = std::max(row_.duration, result.figures->model_time);
    row_.prompt_tokens = result.figures->prompt;
    row_.phases.prefill = result.figures->prefill;
    row_.phases.decode = result.figures->decode;
  }
  measure_phases(result.timing);
  if (row_.error.empty()) row_.error = std::move(result.error_msg);
}

// What the server did not tell, by our own clock: from sending the request to the first token, and
// from that to the last one.
void Recorder::measure_phases(const usage::Timing& timing) {
  if (!timing.first_token) return;
  const auto between = [](util::Time from, util::Time to) {
    return std::chrono::duration_cast<util::milliseconds>(to - from);
  };
  if (!row_.phases.prefill)
    row_.phases.prefill = between(measure_.asked().value_or(began_), *timing.first_token);
  if (!row_.phases.decode) row_.phases.decode = between(*timing.first_token, timing.last_token);
}

// Neither an upstream nor we have said what became of it.
void Recorder::explain_silence() {
  if (exchange_.client_gone()) {
    row_.ending = store::Ending::cancelled;
    row_.status = kClientGone;
    row_.error = "the client left before it was answered";
    return;
  }
  row_.status = exchange_.responded() ? exchange_.status() : 500;
  if (row_.status < 200 || row_.status > 299)
    row_.error = usage::status_text(row_.status, net::reason_phrase(row_.status));
}

void Recorder::finish() {
  measure_.enter(Measure::Stage::other);
  const auto ms = [](const std::optional<std::chrono::nanoseconds>& time) {
    return time ? std::optional(std::chrono::duration_cast<util::milliseconds>(*time))
                : std::nullopt;
  };
  row_.phases.queue = ms(measure_.facts().queue);
  row_.phases.load = ms(measure_.facts().load);
  row_.phases.first_byte = ms(measure_.facts().first_byte);
  row_.ended = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  row_.duration = std::chrono::duration_cast<util::milliseconds>(util::Clock::now() - began_);
  row_.client = shortened(client_ip(exchange_, site_->proxies()));
  row_.session = session_of(exchange_.request(), site_->config());
  row_.request_id = exchange_.request_id();
  row_.bytes_out = static_cast<std::int64_t>(exchange_.bytes_sent());
  const bool own_words = !meter_ || !row_.error.empty();
  if (meter_) {
    usage::Ending ending = usage::Ending::complete;
    if (row_.ending == store::Ending::cancelled) ending = usage::Ending::cancelled;
    if (row_.ending == store::Ending::truncated) ending = usage::Ending::broken;
    take_result(meter_->finish(ending));
  } else if (row_.error.empty()) {
    explain_silence();
  }
  if (trace_) trace_->take(row_, own_words);
  if (!stored_) return;
  if (!core_.activity) {
    core_.deps.log.warn("a request ended too late to be recorded");
    return;
  }
  const std::int64_t id = core_.activity->record(std::move(row_));
  if (id == 0 || !captures()) return;
  if (auto captured = capture_->finish(exchange_.request(), exchange_.request_id()))
    core_.captures->keep(id, std::move(*captured));
}

std::unique_ptr<Recorder> make_recorder(Call& call) {
  const bool stored =
      call.site->config().record_activity && call.exchange.request().method == "POST";
  RequestTrace* const trace = call.about ? call.about->trace : nullptr;
  const bool traced = trace && trace->sampled();
  if (!call.about || (!stored && !traced)) return nullptr;
  auto made = std::make_unique<Recorder>(call.core, call.site, call.exchange, call.caller.name(),
                                         call.about->measure);
  if (traced) made->tell(trace, !stored);
  return made;
}

}  // namespace llama_swap::server
