#include "server/selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace llama_swap::server {
namespace {

using State = Candidate::State;
using Candidates = std::span<const Candidate>;
using Indices = std::vector<std::size_t>;

template <class Predicate>
Indices filter(const Indices& among, Predicate predicate) {
  Indices out;
  std::ranges::copy_if(among, std::back_inserter(out), predicate);
  return out;
}

std::optional<Choice> first_of(const Indices& among) {
  if (among.empty()) return std::nullopt;
  return Choice{among.front()};
}

std::optional<Choice> warmest(Candidates candidates, const Indices& among) {
  for (const State wanted : {State::ready, State::starting}) {
    const auto found =
        std::ranges::find_if(among, [&](std::size_t i) { return candidates[i].state == wanted; });
    if (found != among.end()) return Choice{*found};
  }
  return first_of(among);
}

std::optional<Choice> spill(int limit, Candidates candidates, const Indices& among,
                            std::uint64_t turn) {
  const auto is_active = [&](std::size_t i) {
    const State state = candidates[i].state;
    return state == State::ready || state == State::starting || candidates[i].running > 0;
  };
  const Indices usable =
      filter(among, [&](std::size_t i) { return candidates[i].state != State::stopping; });
  const Indices active = filter(usable, is_active);
  const Indices cold = filter(usable, [&](std::size_t i) { return !is_active(i); });
  if (active.empty()) return first_of(cold);

  const auto running = [&](std::size_t i) { return candidates[i].running; };
  const int least = running(std::ranges::min(active, {}, running));
  if (least >= limit && !cold.empty()) return first_of(cold);
  const Indices tied = filter(active, [&](std::size_t i) { return running(i) == least; });
  return Choice{tied[turn % tied.size()], true};
}

std::optional<Choice> pick(const config::Selector& selector, Candidates candidates,
                           const Indices& among, std::uint64_t turn) {
  switch (selector.strategy) {
    case config::Strategy::warm:
      return warmest(candidates, among);
    case config::Strategy::spillover:
      return spill(selector.spillover, candidates, among, turn);
    case config::Strategy::pin:
      break;
  }
  return first_of(among);
}

std::string unavailable(const config::Selector& selector) {
  return selector.strategy == config::Strategy::spillover
             ? fmt::format("selector \"{}\" has no available spillover targets", selector.id)
             : "selector has no targets";
}

}  // namespace

util::Result<Choice> choose(const config::Selector& selector, Candidates candidates,
                            std::uint64_t turn) {
  if (selector.strategy == config::Strategy::pin)  // one target, whatever the list says
    candidates = candidates.first(std::min<std::size_t>(1, candidates.size()));
  Indices left;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (!candidates[i].tried) left.push_back(i);
  const Indices good = filter(left, [&](std::size_t i) { return !candidates[i].shunned; });
  for (const Indices* among : {&good, &std::as_const(left)})
    if (const auto choice = pick(selector, candidates, *among, turn)) return *choice;
  return util::fail(util::Errc::unavailable, unavailable(selector));
}

void SelectorTable::Reservation::release() {
  if (!counts_) return;
  const auto found = counts_->running.find(target_);
  if (--found->second == 0) counts_->running.erase(found);
  counts_ = nullptr;
}

SelectorTable::Reservation& SelectorTable::Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  release();
  counts_ = std::move(other.counts_);
  target_ = std::move(other.target_);
  return *this;
}

int SelectorTable::running(std::string_view selector, std::string_view target) const {
  const auto counts = selectors_.find(selector);
  if (counts == selectors_.end()) return 0;
  const auto count = counts->second->running.find(target);
  return count == counts->second->running.end() ? 0 : count->second;
}

std::uint64_t SelectorTable::turn(std::string_view selector) const {
  const auto counts = selectors_.find(selector);
  return counts == selectors_.end() ? 0 : counts->second->turn;
}

SelectorTable::Reservation SelectorTable::reserve(const std::string& selector, std::string target,
                                                  bool took_turn) {
  std::shared_ptr<Counts>& counts = selectors_[selector];
  if (!counts) counts = std::make_shared<Counts>();
  ++counts->running[target];
  if (took_turn) ++counts->turn;
  Reservation reservation;
  reservation.counts_ = counts;
  reservation.target_ = std::move(target);
  return reservation;
}

void SelectorTable::keep_those_of(const config::Config& config) {
  std::erase_if(selectors_,
                [&](const auto& entry) { return !config.selectors.contains(entry.first); });
}

}  // namespace llama_swap::server
