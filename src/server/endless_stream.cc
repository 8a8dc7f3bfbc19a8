#include "server/endless_stream.h"

namespace llama_swap::server {

void StreamSet::end_all() {
  ended = true;
  for (EndlessStream& stream : open) stream.end();
}

EndlessStream::EndlessStream(net::Loop& loop, StreamSet& set, net::Exchange& exchange)
    : exchange_(exchange), wakeup_(loop), ended_(set.ended) {
  set.open.push_back(*this);
  exchange_.watch_client([this] { end(); });
}

void EndlessStream::end() {
  ended_ = true;
  wakeup_.notify();
}

}  // namespace llama_swap::server
