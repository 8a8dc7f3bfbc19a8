// An exchange whose answer has already begun as an event stream (the loading state): what the relay
// answers becomes the rest of that stream. An answer other than 200 becomes an error event, as its
// status cannot be told any more; one that is a JSON document becomes an event.
#pragma once

#include "net/exchange.h"
#include "server/dialect.h"

namespace llama_swap::server {

class LateExchange final : public net::Exchange {
 public:
  // `begun` has been responded to and must outlive this object. Its framing is `unknown`.
  explicit LateExchange(net::Exchange& begun);

  // Without Accept-Encoding: the client was promised plain text.
  const net::RequestHead& request() const override { return request_; }
  std::string_view protocol() const override { return begun_.protocol(); }
  std::string_view remote_ip() const override { return begun_.remote_ip(); }
  bool has_body() const override { return begun_.has_body(); }
  std::optional<std::uint64_t> content_length() const override { return begun_.content_length(); }
  net::Awaitable<util::Result<std::size_t>> read_body(std::span<char> buffer) override {
    return begun_.read_body(buffer);
  }

  net::Awaitable<util::Result<void>> respond(const net::ResponseHead& head,
                                             net::BodyFraming framing,
                                             std::string_view first) override;
  std::ptrdiff_t try_write(std::string_view data) override;
  net::Awaitable<util::Result<void>> write(std::string_view data) override;
  net::Awaitable<util::Result<void>> finish() override;
  net::Awaitable<util::Result<void>> inform(const net::ResponseHead& head) override;
  void abort() override { begun_.abort(); }
  bool takes_chunked() const override { return false; }
  net::Awaitable<util::Result<net::Stream*>> upgrade(const net::ResponseHead& head,
                                                     std::string& early) override;

  void watch_client(std::function<void()> gone) override { begun_.watch_client(std::move(gone)); }
  void watch_closely() override { begun_.watch_closely(); }
  bool look_for_client() override { return begun_.look_for_client(); }
  bool client_gone() const override { return begun_.client_gone(); }

 private:
  static constexpr std::size_t kMaxError = 64 << 10;  // of an error's body; the rest is left out
  static constexpr std::size_t kMaxAnswer = 1 << 20;  // of an answer that is no stream
  void keep(std::string_view data);
  std::string kept_events() const;

  net::Exchange& begun_;
  net::RequestHead request_;
  const Dialect dialect_;
  bool passes_ = true;  // it is a stream: passed on as it comes
  std::string kept_;    // else: its body
  bool too_large_ = false;
  bool finished_ = false;
};

}  // namespace llama_swap::server
