#include "sched/types.h"

namespace llama_swap::sched {

std::string_view text(WaitReason reason) {
  switch (reason) {
    case WaitReason::load:
      return "load";
    case WaitReason::stop:
      return "stop";
    case WaitReason::queue:
      return "queue";
    case WaitReason::busy:
      return "busy";
    case WaitReason::overdue:
      return "overdue";
    case WaitReason::residency:
      return "residency";
    case WaitReason::stuck:
      return "stuck";
  }
  return "";
}

std::string_view text(StartReason reason) {
  return reason == StartReason::request ? "request" : "preload";
}

std::string_view text(StopReason reason) {
  switch (reason) {
    case StopReason::evicted:
      return "evicted";
    case StopReason::ttl:
      return "ttl";
    case StopReason::unload:
      return "unload";
    case StopReason::reload:
      return "reload";
    case StopReason::removed:
      return "removed";
    case StopReason::abandoned:
      return "abandoned";
    case StopReason::shutdown:
      return "shutdown";
  }
  return "";
}

std::string_view text(SwapEnd end) {
  switch (end) {
    case SwapEnd::ready:
      return "ready";
    case SwapEnd::start_failed:
      return "start_failed";
    case SwapEnd::unloaded:
      return "unloaded";
    case SwapEnd::shutting_down:
      return "shutting_down";
    case SwapEnd::abandoned:
      return "abandoned";
    case SwapEnd::requeued:
      return "requeued";
  }
  return "";
}

std::string_view text(RefuseReason reason) {
  switch (reason) {
    case RefuseReason::shutting_down:
      return "shutting_down";
    case RefuseReason::unknown_model:
      return "unknown_model";
    case RefuseReason::too_many:
      return "too_many";
    case RefuseReason::start_failed:
      return "start_failed";
    case RefuseReason::unloaded:
      return "unloaded";
  }
  return "";
}

}  // namespace llama_swap::sched
