#include "server/endless_stream.h"

#include "server/context.h"

namespace llama_swap::server {

void StreamSet::end_all() {
  ended = true;
  for (EndlessStream& stream : open) stream.end();
}

EndlessStream::EndlessStream(Call& call)
    : call_(call), wakeup_(call.core.deps.loop), ended_(call.core.streams.ended) {
  call.core.streams.open.push_back(*this);
  call.exchange.watch_client([this] { end(); });
}

EndlessStream::~EndlessStream() {
  call_.exchange.watch_client(nullptr);
}

void EndlessStream::end() {
  ended_ = true;
  wakeup_.notify();
}

}  // namespace llama_swap::server
