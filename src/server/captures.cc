#include "server/captures.h"

#include <functional>
#include <utility>

#include "server/capture_pack.h"

namespace llama_swap::server {

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
  packing_.clear();
  ++generation_;
}

std::unique_ptr<Capture> Captures::begin(SitePtr site) const {
  if (buffer_.limit() == 0) return nullptr;
  return std::make_unique<Capture>(memory_, std::move(site));
}

void Captures::keep(std::int64_t id, Captured captured) {
  if (!agrees_with(captured.site->config().captures)) return;
  packing_.insert(id);
  waiting_.push_back({id, std::move(captured)});
  if (!std::exchange(packs_, true)) net::spawn(loop_, pack_all(shared_from_this()));
}

net::Awaitable<void> Captures::pack_all(std::shared_ptr<Captures> self) {
  while (!self->waiting_.empty()) {
    const Job job = std::move(self->waiting_.front());
    self->waiting_.pop_front();
    const std::uint64_t generation = self->generation_;
    std::optional<std::string> packed = co_await self->pack(job);
    if (generation != self->generation_) continue;
    self->packing_.erase(job.id);
    if (packed) self->buffer_.put(job.id, std::move(*packed), job.captured.model);
  }
  self->packs_ = false;
}

net::Awaitable<std::optional<std::string>> Captures::pack(const Job& job) {
  std::string from_file;
  std::string_view request;
  if (const net::Body* body = job.captured.request.get()) {
    if (!body->in_memory()) {
      auto text = co_await net::read_whole(*body);
      if (!text) co_return std::nullopt;
      from_file = std::move(*text);
    }
    request = body->in_memory() ? body->memory() : std::string_view(from_file);
  }
  CapturePacker packer(writer_, job.id, job.captured, request, buffer_.limit());
  bool more = true;
  while (more) {
    std::function<void()> step = [&packer, &more] { more = packer.step(); };
    co_await net::run(worker_, std::move(step));
  }
  co_return packer.take_result();
}

net::Awaitable<store::Packed> Captures::find(std::int64_t id, Sight sight) {
  // Behind what the worker has to do now.
  while (packing_.contains(id)) {
    std::function<void()> nothing = [] {};
    co_await net::run(worker_, std::move(nothing));
  }
  const std::string* const model = buffer_.model_of(id);
  if (!model || !sight.sees(*model)) co_return nullptr;
  co_return buffer_.find(id);
}

}  // namespace llama_swap::server
