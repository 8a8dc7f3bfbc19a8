#include "server/record_body.h"

#include <utility>

#include "server/rename.h"

namespace llama_swap::server {
namespace {

net::Awaitable<void> record_with_name(Call& call, const Forwarding& forwarding,
                                      const ModelRequest& found, const std::string& name) {
  const auto renaming = co_await rename(found, forwarding.body, forwarding.query, name);
  if (renaming) call.record->sends(with_other_name(forwarding.splices, renaming->splices));
}

}  // namespace

net::Awaitable<void> record_body(Call& call, const Forwarding& forwarding,
                                 const ModelRequest& found, const std::string& name) {
  if (!call.record || !call.record->captures()) return net::ready();
  const PeerModel* const peer = forwarding.target.peer;
  if (peer && peer->model != name && !forwarding.splices.empty())
    return record_with_name(call, forwarding, found, name);
  call.record->sends(forwarding.splices);
  return net::ready();
}

net::Splices with_other_name(net::Splices splices, const net::Splices& other) {
  for (net::Splice& splice : splices)
    for (const net::Splice& one : other)
      if (splice.offset == one.offset && splice.length == one.length) splice.text = one.text;
  return splices;
}

}  // namespace llama_swap::server
