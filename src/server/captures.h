// The captures of the server (http-api 21): packs what was collected, one after the other and off
// the loop, keeps it within the configured bounds, and finds it again.
//
// Captures must not cost what the requests cost: what comes close together is packed together, a
// short moment later, and at most a fiftieth of the time goes into it. What a flood brings beyond
// that is not collected (what is collected already, and too much, is let go of, the oldest first):
// the buffer would not keep it for long. Whoever asks for a capture that is not packed yet makes it
// so at once.
//
// I/O thread only. Shared with its own coroutines.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "config/config.h"
#include "net/loop.h"
#include "net/worker.h"
#include "server/capture.h"
#include "server/sight.h"
#include "store/capture_buffer.h"
#include "store/packed_json.h"
#include "util/time.h"

namespace llama_swap::server {

class Captures : public std::enable_shared_from_this<Captures> {
 public:
  // That many wait to be packed, at most.
  static constexpr std::size_t kMaxWaiting = 1000;

  // Both must outlive it.
  Captures(net::Loop& loop, net::Worker& worker) : loop_(loop), worker_(worker), rest_(loop) {}
  Captures(const Captures&) = delete;
  Captures& operator=(const Captures&) = delete;

  // From now on. What was captured stays, as far as it fits, unless it would not be captured, or
  // not be shown, in the same way now; so does what is still being collected.
  void use(const config::Config& config);
  // Ids mean other rows from now on.
  void forget_all();

  // Null: nothing is captured, or too much waits to be packed.
  std::unique_ptr<Capture> begin(SitePtr site) const;
  // `id` is that of its row. What began under settings that have changed since is not kept.
  void keep(std::int64_t id, Captured captured);

  // It can be found, unless it proves to be too large.
  bool has(std::int64_t id) const { return packing_.contains(id) || buffer_.find(id); }
  // Null: there is none, or none of a model that this sight sees. This object must outlive the
  // awaitable, and what the sight refers to, too.
  net::Awaitable<store::Packed> find(std::int64_t id, Sight sight);

  bool packs() const { return packs_; }  // something is in work
  const CaptureMemory& memory() const { return *memory_; }
  const store::CaptureBuffer& buffer() const { return buffer_; }

 private:
  struct Job {
    std::int64_t id;
    Captured captured;
  };
  struct Packing;
  // Would what was captured by these settings be captured, and shown, in the same way now?
  bool agrees_with(const config::Captures& settings) const;
  static net::Awaitable<void> pack_all(std::shared_ptr<Captures> self);
  // The oldest, and what follows as far as it goes to the worker together with it.
  net::Awaitable<void> pack_some();
  net::Awaitable<void> rest(util::Clock::duration length);
  Job take_oldest();
  bool too_many_wait(std::uint64_t part) const;

  net::Loop& loop_;
  net::Worker& worker_;
  config::Captures settings_;
  const std::shared_ptr<CaptureMemory> memory_ = std::make_shared<CaptureMemory>();
  store::CaptureBuffer buffer_;
  store::PackedJsonWriter writer_;  // the worker's while packs_
  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                    net::Executor>
      rest_;
  std::deque<Job> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  bool flooded_ = false;            // since something was let go of, until no more than half of
                                    // what may wait does
  int asked_ = 0;                   // how many wait for something to be packed
  std::set<std::int64_t> packing_;  // ids of those that wait, and of the one in work
  std::uint64_t generation_ = 0;    // of ids: goes up when all is forgotten, also what is in work
  bool packs_ = false;
};

}  // namespace llama_swap::server
