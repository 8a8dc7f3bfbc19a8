// An exchange that adds fields to the head of whatever is answered. For the rare answers that need
// it: all others go to their exchange directly.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "net/exchange.h"

namespace llama_swap::server {

class ExtraHeaders final : public net::Exchange {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  // `inner` must outlive this object, and not have been responded to.
  ExtraHeaders(net::Exchange& inner, Fields fields) : inner_(inner), fields_(std::move(fields)) {
    set_request_id(inner.request_id());
  }

  const net::RequestHead& request() const override { return inner_.request(); }
  std::string_view protocol() const override { return inner_.protocol(); }
  std::string_view remote_ip() const override { return inner_.remote_ip(); }
  bool has_body() const override { return inner_.has_body(); }
  std::optional<std::uint64_t> content_length() const override { return inner_.content_length(); }
  net::Awaitable<util::Result<std::size_t>> read_body(std::span<char> buffer) override {
    return inner_.read_body(buffer);
  }

  net::Awaitable<util::Result<void>> respond(const net::ResponseHead& head,
                                             net::BodyFraming framing,
                                             std::string_view first) override;
  std::ptrdiff_t try_write(std::string_view data) override;
  net::Awaitable<util::Result<void>> write(std::string_view data) override;
  net::Awaitable<util::Result<void>> finish() override { return inner_.finish(); }
  net::Awaitable<util::Result<void>> inform(const net::ResponseHead& head) override {
    return inner_.inform(head);
  }
  void abort() override { inner_.abort(); }
  // Else the payload would have to be counted in two places.
  bool takes_chunked() const override { return false; }
  net::Awaitable<util::Result<net::Stream*>> upgrade(const net::ResponseHead& head,
                                                     std::string& early) override;

  void watch_client(std::function<void()> gone) override { inner_.watch_client(std::move(gone)); }
  void watch_closely() override { inner_.watch_closely(); }
  bool look_for_client() override { return inner_.look_for_client(); }
  bool client_gone() const override { return inner_.client_gone(); }

 private:
  void follow();  // what the base class keeps is that of `inner_`

  net::Exchange& inner_;
  const Fields fields_;
};

}  // namespace llama_swap::server
