#include <utility>

#include "swap/impl.h"

namespace llama_swap::swap {

std::string_view state_text(State state) {
  switch (state) {
    case State::stopped:
      return "stopped";
    case State::starting:
      return "starting";
    case State::ready:
      return "ready";
    case State::stopping:
      return "stopping";
  }
  return "";
}

Admission::Admission(std::shared_ptr<Ticket> ticket) : ticket_(std::move(ticket)) {}
Admission::Admission(Admission&&) noexcept = default;

Admission& Admission::operator=(Admission&& other) noexcept {
  Admission old(std::move(*this));
  ticket_ = std::move(other.ticket_);
  return *this;
}

Admission::~Admission() {
  if (!ticket_) return;
  ticket_->changed_hook = nullptr;
  if (ticket_->actor) ticket_->actor->end(*ticket_);
}

Admission::Phase Admission::phase() const {
  switch (ticket_->phase) {
    case sched::Ticket::Phase::waiting:
      return Phase::waiting;
    case sched::Ticket::Phase::served:
      return Phase::served;
    default:
      return Phase::refused;
  }
}

const Refusal& Admission::refusal() const {
  return ticket_->refused;
}
const Served& Admission::served() const {
  return ticket_->served;
}
const Wait& Admission::wait() const {
  return ticket_->wait;
}
int Admission::priority() const {
  return ticket_->priority;
}

bool Admission::caused_swap() const {
  return ticket_->displaced;
}

void Admission::notify(std::function<void()> changed) {
  if (ticket_) ticket_->changed_hook = std::move(changed);
}

void Admission::withdraw() {
  const Admission ends_here(std::move(*this));
}

}  // namespace llama_swap::swap
