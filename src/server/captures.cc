#include "server/captures.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "server/capture_pack.h"

namespace llama_swap::server {
namespace {

constexpr auto kGather = std::chrono::milliseconds(100);  // for others that come soon
constexpr auto kTurn = std::chrono::milliseconds(5);      // about; then it rests
constexpr int kRests = 49;                                // times as long as it has worked
constexpr std::uint64_t kBatch = 128 * 1024;              // bytes that go to the worker together
constexpr auto kLongestRest = std::chrono::seconds(1);

}  // namespace

// A capture in work.
struct Captures::Packing {
  Packing(Captures& captures, Job taken, std::string text)
      : job(std::move(taken)),
        from_file(std::move(text)),
        packer(captures.writer_, job.id, job.captured, request(), captures.buffer_.limit()) {}

  std::string_view request() const {
    const net::Body* const body = job.captured.request.get();
    return body && body->in_memory() ? body->memory() : std::string_view(from_file);
  }

  const Job job;
  const std::string from_file;  // the body of the request, if it is not in memory
  CapturePacker packer;
};

void Captures::use(const config::Config& config) {
  const config::Captures& next = config.captures;
  if (!agrees_with(next)) forget_all();
  settings_ = next;
  buffer_.set_limit(next.enabled ? mib_in_bytes(config.capture_buffer_mib) : 0);
  // Both bodies of one request, at least.
  memory_->limit = 2 * mib_in_bytes(next.max_item_mib);
}

bool Captures::agrees_with(const config::Captures& settings) const {
  return settings.models == settings_.models && settings.redact == settings_.redact;
}

void Captures::forget_all() {
  buffer_.clear();
  waiting_.clear();
  waiting_bytes_ = 0;
  packing_.clear();
  flooded_ = false;
  ++generation_;
}

std::unique_ptr<Capture> Captures::begin(SitePtr site) const {
  if (buffer_.limit() == 0 || flooded_) return nullptr;
  return std::make_unique<Capture>(memory_, std::move(site));
}

void Captures::keep(std::int64_t id, Captured captured) {
  if (!agrees_with(captured.site->config().captures)) return;
  packing_.insert(id);
  waiting_bytes_ += captured.share.bytes();
  waiting_.push_back({id, std::move(captured)});
  if (too_many_wait(1)) flooded_ = true;
  while (too_many_wait(1)) packing_.erase(take_oldest().id);
  if (!std::exchange(packs_, true)) net::spawn(loop_, pack_all(shared_from_this()));
}

// More than a part (1: all, 2: half of it) of what may wait. Half of the memory is for what is
// still being collected.
bool Captures::too_many_wait(std::uint64_t part) const {
  return waiting_.size() > kMaxWaiting / part ||
         (waiting_.size() > 1 && waiting_bytes_ > memory_->limit / 2 / part);
}

Captures::Job Captures::take_oldest() {
  Job oldest = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= oldest.captured.share.bytes();
  if (!too_many_wait(2)) flooded_ = false;
  return oldest;
}

net::Awaitable<void> Captures::rest(util::Clock::duration length) {
  if (asked_ > 0) co_return;
  rest_.expires_after(length);
  co_await rest_.async_wait(net::use_awaitable);
}

net::Awaitable<void> Captures::pack_all(std::shared_ptr<Captures> self) {
  co_await self->rest(kGather);
  while (!self->waiting_.empty()) {
    const util::Time began = util::Clock::now();
    util::Clock::duration worked{0};
    while (!self->waiting_.empty() && (worked < kTurn || self->asked_ > 0)) {
      co_await self->pack_some();
      worked = util::Clock::now() - began;
    }
    const auto pause = std::clamp<util::Clock::duration>(kRests * worked, kGather, kLongestRest);
    co_await self->rest(pause);
  }
  self->packs_ = false;
}

net::Awaitable<void> Captures::pack_some() {
  const std::uint64_t generation = generation_;
  std::deque<Packing> batch;
  std::uint64_t bytes = 0;
  while (!waiting_.empty()) {
    const std::uint64_t more = waiting_.front().captured.share.bytes();
    if (!batch.empty() && bytes + more > kBatch) break;
    bytes += more;
    Job job = take_oldest();
    const net::Body* const body = job.captured.request.get();
    std::string from_file;
    if (body && !body->in_memory()) {
      auto text = co_await net::read_whole(*body);
      // What waits now is of other ids, and of another batch.
      if (generation != generation_) co_return;
      if (!text) {
        packing_.erase(job.id);
        continue;
      }
      from_file = std::move(*text);
    }
    batch.emplace_back(*this, std::move(job), std::move(from_file));
  }
  for (std::size_t at = 0; at < batch.size();) {
    std::function<void()> step = [&batch, &at] {
      while (at < batch.size() && !batch[at].packer.step()) ++at;
    };
    co_await net::run(worker_, std::move(step));
  }
  if (generation != generation_) co_return;
  for (Packing& done : batch) {
    packing_.erase(done.job.id);
    if (auto packed = done.packer.take_result())
      buffer_.put(done.job.id, std::move(*packed), done.job.captured.model);
  }
}

net::Awaitable<store::Packed> Captures::find(std::int64_t id, Sight sight) {
  ++asked_;
  rest_.cancel();
  // Behind what the worker has to do now.
  while (packing_.contains(id)) {
    std::function<void()> nothing = [] {};
    co_await net::run(worker_, std::move(nothing));
  }
  --asked_;
  const std::string* const model = buffer_.model_of(id);
  if (!model || !sight.sees(*model)) co_return nullptr;
  co_return buffer_.find(id);
}

}  // namespace llama_swap::server
