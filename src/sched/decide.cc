#include "sched/decide.h"

#include <algorithm>
#include <cassert>

namespace llama_swap::sched {
namespace {

const Resident* find(const Facts& facts, ModelId model) {
  const auto it = std::ranges::find(facts.residents, model, &Resident::model);
  return it == facts.residents.end() ? nullptr : &*it;
}

// The residents among `models` for which `property` holds.
template <class Property>
Models select(const Facts& facts, const Models& models, Property property) {
  Models out;
  for (ModelId model : models) {
    const Resident* resident = find(facts, model);
    if (resident && property(*resident)) out.push_back(model);
  }
  return out;
}

// The first overdue request that needs `model` to go. While there is one, the model takes nobody
// new.
const Claim* overdue_threat(const Facts& facts, ModelId model) {
  for (const Claim& claim : facts.claims) {
    if (claim.overdue && contains(claim.evicts, model)) return &claim;
  }
  return nullptr;
}

// The claims in the way of a swap: swaps in progress first, they end by themselves; else the first
// overdue request.
std::optional<Wait> conflict(ModelId target, const Models& evictions, const Facts& facts) {
  Wait in_progress{WaitReason::queue, {}};
  const Claim* overdue = nullptr;
  for (const Claim& claim : facts.claims) {
    if (claim.target == target || !conflicts(target, evictions, claim)) continue;
    if (!claim.overdue) {
      in_progress.blockers.push_back(claim.target);
    } else if (!overdue) {
      overdue = &claim;
    }
  }
  if (!in_progress.blockers.empty()) {
    std::ranges::sort(in_progress.blockers);
    return in_progress;
  }
  if (overdue) return Wait{WaitReason::overdue, {overdue->target}};
  return std::nullopt;
}

bool intersect(const Models& a, const Models& b) {
  return std::ranges::any_of(a, [&b](ModelId model) { return contains(b, model); });
}

}  // namespace

bool contains(const Models& models, ModelId model) {
  return std::ranges::binary_search(models, model);
}

bool conflicts(ModelId target, const Models& evictions, const Claim& claim) {
  return contains(evictions, claim.target) || contains(claim.evicts, target) ||
         intersect(evictions, claim.evicts);
}

std::string_view reason(const Decision& decision) {
  if (std::holds_alternative<Serve>(decision)) return "ready";
  if (std::holds_alternative<Join>(decision)) return "load";
  if (const auto* start = std::get_if<Start>(&decision)) {
    return start->displaced.empty() ? "start" : "swap";
  }
  if (const auto* wait = std::get_if<Wait>(&decision)) return text(wait->why);
  return text(std::get<Reject>(decision).why);
}

std::optional<Reject> reject(const Admission& admission) {
  if (admission.shutting_down) return Reject{RefuseReason::shutting_down};
  if (!admission.known) return Reject{RefuseReason::unknown_model};
  if (admission.reserved >= admission.limit) return Reject{RefuseReason::too_many};
  return std::nullopt;
}

Models displaced(ModelId target, const Models& evictions, const Facts& facts) {
  Models out;
  if (const Claim* threat = overdue_threat(facts, target)) out.push_back(threat->target);
  const bool in_progress = std::ranges::any_of(
      facts.claims, [target](const Claim& c) { return !c.overdue && c.target == target; });
  if (in_progress) return out;
  for (ModelId model : evictions) {
    const Resident* resident = find(facts, model);
    const bool leaves = resident && resident->state == Resident::leaving;
    if (!leaves && std::ranges::find(out, model) == out.end()) out.push_back(model);
  }
  std::ranges::sort(out);
  return out;
}

Decision decide(ModelId target, const Models& evictions, const Facts& facts) {
  const Resident* self = find(facts, target);
  const Claim* threat = overdue_threat(facts, target);

  const bool in_progress = std::ranges::any_of(
      facts.claims, [target](const Claim& c) { return !c.overdue && c.target == target; });
  if (in_progress) {
    // Those who joined before somebody became overdue are served first; nobody is added to them.
    if (threat) return Wait{WaitReason::overdue, {threat->target}};
    return Join{};
  }

  const bool usable = self && self->state == Resident::ready && !self->draining;
  if (usable && evictions.empty() && !threat) return Serve{};

  // From here on only a swap helps. What holds it up longest is reported first; an overdue request
  // that waits for one of the first two has no claim on others (see Scheduler), as holding them up
  // would not help it.
  Models stuck = select(facts, evictions, [](const Resident& r) { return r.stuck; });
  if (self && self->stuck) stuck.insert(std::ranges::lower_bound(stuck, target), target);
  if (!stuck.empty()) return Wait{WaitReason::stuck, std::move(stuck)};

  Models fresh = select(facts, evictions, [&facts](const Resident& r) {
    return r.state == Resident::ready && r.keep_until > facts.now;
  });
  if (!fresh.empty()) return Wait{WaitReason::residency, std::move(fresh)};

  if (auto wait = conflict(target, evictions, facts)) return *std::move(wait);

  if (self && self->draining && self->busy) return Wait{WaitReason::busy, {target}};
  Models busy = select(facts, evictions, [](const Resident& r) { return r.busy; });
  if (!busy.empty()) return Wait{WaitReason::busy, std::move(busy)};

  return Start{evictions};
}

}  // namespace llama_swap::sched
