#include "trace/exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace llama_swap::trace {
namespace {

using namespace std::chrono_literals;
using config::LogLevel;

constexpr auto kBetweenWords = 1min;  // about dropped spans
constexpr auto kLeastPause = 500ms;   // whatever a collector says: it may always say "now"

std::string fields(const config::Tracing& settings) {
  std::string out = "Content-Type: application/json\r\nUser-Agent: llama-swap\r\n";
  for (const auto& [name, value] : settings.headers)
    out.append(name).append(": ").append(value).append("\r\n");
  return out;
}

}  // namespace

bool is_worth_retrying(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

std::chrono::milliseconds back_off(int next) {
  return std::min<std::chrono::milliseconds>(30s, 500ms * (1 << std::clamp(next - 1, 0, 10)));
}

Exporter::Exporter(net::Loop& loop, net::TimerWheel& wheel, config::Tracing settings,
                   std::string version, Log log)
    : loop_(loop),
      wheel_(wheel),
      settings_(std::move(settings)),
      resource_{settings_.service_name, std::move(version)},
      log_(std::move(log)),
      wakeup_(loop),
      due_(wheel,
           [this] {
             is_due_ = true;
             wakeup_.notify();
           }),
      done_(loop) {
  auto url = net::parse_url(settings_.endpoint);
  if (!url) {
    log_(LogLevel::error, "tracing: bad endpoint: " + url.error().message);
    return;
  }
  to_ = url->authority;
  auto upstream = std::make_shared<net::Upstream>(loop, wheel, std::move(*url),
                                                  net::UpstreamTimeouts(), settings_.ca_file);
  post_ = std::make_unique<HttpPost>(wheel, std::move(upstream), fields(settings_));
}

Context Exporter::begin(const std::optional<Context>& parent) {
  Context context;
  if (parent) {
    context = *parent;
  } else {
    context.trace = {ids_.next(), ids_.next() | 1};
    // The top 53 bits are as random as the ids are.
    const double share = static_cast<double>(ids_.next() >> 11) * 0x1p-53;
    if (share < settings_.sample) context.flags = Context::kSampled;
  }
  context.span = next_span();
  return context;
}

void Exporter::add(std::vector<Span> spans) {
  if (closing_ || !post_ || queue_.size() + spans.size() > settings_.max_queue) {
    dropped_ += spans.size();
    return;
  }
  if (!due_.is_set()) due_.set(util::Clock::now() + kPeriod);
  std::ranges::move(spans, std::back_inserter(queue_));
  if (queue_.size() >= kBatch) wakeup_.notify();
}

void Exporter::start() {
  if (post_) {
    net::spawn(loop_, run(shared_from_this()));
  } else {
    ended_ = true;
  }
}

net::Awaitable<void> Exporter::close(std::shared_ptr<Exporter> exporter,
                                     std::chrono::milliseconds budget) {
  Exporter& self = *exporter;
  self.closing_ = true;
  self.wakeup_.notify();
  net::Deadline limit(self.wheel_, [&self] {
    self.given_up_ = true;
    if (self.post_) self.post_->cancel();
    self.wakeup_.notify();
  });
  limit.set(util::Clock::now() + budget);
  while (!self.ended_) co_await self.done_.wait();
}

net::Awaitable<void> Exporter::run(std::shared_ptr<Exporter> self) {
  for (;;) {
    co_await self->wait_for_batch();
    if (self->queue_.empty()) break;
    std::vector<Span> batch;
    const std::size_t size = std::min(self->queue_.size(), kBatch);
    std::move(self->queue_.begin(), self->queue_.begin() + static_cast<std::ptrdiff_t>(size),
              std::back_inserter(batch));
    self->queue_.erase(self->queue_.begin(),
                       self->queue_.begin() + static_cast<std::ptrdiff_t>(size));
    std::string body = otlp_json(self->resource_, batch);
    batch.clear();
    co_await self->deliver(std::move(body), size);
    self->tell_of_drops();
  }
  self->told_ = {};
  self->tell_of_drops();
  self->ended_ = true;
  self->done_.notify();
}

// Until there is something to send, or, with an empty queue, there will be nothing any more.
net::Awaitable<void> Exporter::wait_for_batch() {
  if (!queue_.empty() && !due_.is_set()) due_.set(util::Clock::now() + kPeriod);
  while (!closing_ && queue_.size() < kBatch && (queue_.empty() || !is_due_))
    co_await wakeup_.wait();
  is_due_ = false;
  due_.clear();
}

net::Awaitable<void> Exporter::deliver(std::string body, std::size_t spans) {
  const util::Time began = util::Clock::now();
  for (int next = 2; !given_up_; ++next) {
    const auto answer = co_await post_->send(body, util::Clock::now() + kAttempt);
    const int status = answer ? answer->status : 0;
    if (status >= 200 && status < 300) {
      if (std::exchange(failing_, false)) log_(LogLevel::info, "tracing: works again");
      co_return;
    }
    failed(answer ? fmt::format("the answer is {}", status) : answer.error().message);
    if (answer && !is_worth_retrying(status)) break;
    std::chrono::milliseconds wait = back_off(next);
    if (answer && answer->retry_after)
      wait = std::max<std::chrono::milliseconds>(*answer->retry_after, kLeastPause);
    if (util::Clock::now() + wait > began + kGiveUp) break;
    co_await pause(wait);
    if (!given_up_) tell_of_drops();
  }
  dropped_ += spans;
}

net::Awaitable<void> Exporter::pause(std::chrono::milliseconds length) {
  const util::Time end = util::Clock::now() + length;
  due_.set(end);
  while (util::Clock::now() < end && !given_up_) co_await wakeup_.wait();
  due_.clear();
}

void Exporter::failed(const std::string& why) {
  if (given_up_ || std::exchange(failing_, true)) return;
  log_(LogLevel::warn, fmt::format("tracing: spans cannot be delivered to {}: {}", to_, why));
}

void Exporter::tell_of_drops() {
  const util::Time now = util::Clock::now();
  if (dropped_ == 0 || (told_ != util::Time() && now < told_ + kBetweenWords)) return;
  told_ = now;
  log_(LogLevel::warn, fmt::format("tracing: {} spans were dropped", std::exchange(dropped_, 0)));
}

}  // namespace llama_swap::trace
