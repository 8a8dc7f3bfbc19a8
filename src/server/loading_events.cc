#include "server/loading_events.h"

namespace llama_swap::server {
namespace {

double seconds(util::Clock::duration time) {
  return static_cast<double>(std::chrono::duration_cast<util::Millis>(time).count()) / 1000;
}

}  // namespace

LoadingEvents::LoadingEvents(Dialect dialect, std::string model, std::int64_t created,
                             util::Time began)
    : dialect_(dialect), model_(std::move(model)), created_(created), began_(began) {}

std::string LoadingEvents::event(std::string_view text, const swap::Wait* wait,
                                 util::Time now) const {
  if (text.empty()) return "";
  Json facts = this->facts(text, wait, now);
  if (dialect_ == Dialect::responses) return ": llama_swap " + dump(facts) + "\n\n";
  if (dialect_ == Dialect::messages) {
    const Json ping{{"type", "ping"}, {"llama_swap", std::move(facts)}};
    return "event: ping\ndata: " + dump(ping) + "\n\n";
  }
  const bool chat = dialect_ == Dialect::chat;
  Json choice{{"index", 0}};
  if (chat) {
    // Without a role: clients that put deltas together would have it twice.
    choice["delta"] = {{"reasoning_content", text}};
  } else {
    choice["text"] = "";
    choice["logprobs"] = nullptr;
  }
  choice["finish_reason"] = nullptr;
  const Json chunk{{"id", chat ? "chatcmpl-loading" : "cmpl-loading"},
                   {"object", chat ? "chat.completion.chunk" : "text_completion"},
                   {"created", created_},
                   {"model", model_},
                   {"choices", Json::array({std::move(choice)})},
                   {"llama_swap", std::move(facts)}};
  return "data: " + dump(chunk) + "\n\n";
}

Json LoadingEvents::facts(std::string_view text, const swap::Wait* wait, util::Time now) const {
  Json out{{"model", model_}, {"loading", text}};
  if (wait) {
    out["waiting_for"] = wait->reason;
    if (!wait->blockers.empty()) out["blockers"] = wait->blockers;
    if (wait->position > 0) out["queue_position"] = wait->position;
    if (wait->expected_at && *wait->expected_at > now)
      out["expected_seconds"] = seconds(*wait->expected_at - now);
  }
  out["elapsed_seconds"] = seconds(now - began_);
  return out;
}

}  // namespace llama_swap::server
