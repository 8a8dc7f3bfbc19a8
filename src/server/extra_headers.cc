#include "server/extra_headers.h"

namespace llama_swap::server {

void ExtraHeaders::follow() {
  status_ = inner_.status();
  bytes_sent_ = inner_.bytes_sent();
}

net::Awaitable<util::Result<void>> ExtraHeaders::respond(const net::ResponseHead& head,
                                                         net::BodyFraming framing,
                                                         std::string_view first) {
  net::ResponseHead more = head;
  for (const auto& [name, value] : fields_) more.headers.push_back({name, value});
  const auto done = co_await inner_.respond(more, framing, first);
  follow();
  co_return done;
}

std::ptrdiff_t ExtraHeaders::try_write(std::string_view data) {
  const std::ptrdiff_t taken = inner_.try_write(data);
  follow();
  return taken;
}

net::Awaitable<util::Result<void>> ExtraHeaders::write(std::string_view data) {
  const auto done = co_await inner_.write(data);
  follow();
  co_return done;
}

net::Awaitable<util::Result<net::Stream*>> ExtraHeaders::upgrade(const net::ResponseHead& head,
                                                                 std::string& early) {
  const auto stream = co_await inner_.upgrade(head, early);
  follow();
  co_return stream;
}

}  // namespace llama_swap::server
