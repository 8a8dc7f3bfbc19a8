// What the tests of this folder share: an Exchange in memory, and short ways to build a
// configuration.
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "net/exchange.h"

namespace llama_swap::server::testing {

inline config::Model& add_model(config::Config& config, const std::string& id) {
  config::Model& model = config.models[id];
  model.id = id;
  return model;
}

inline config::Peer& add_peer(config::Config& config, const std::string& id,
                              std::vector<std::string> models) {
  config::Peer& peer = config.peers[id];
  peer.id = id;
  peer.models = std::move(models);
  return peer;
}

// The request is given to the constructor; what a handler answers is found in the members.
class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(std::string method, std::string target,
               std::vector<std::pair<std::string, std::string>> headers = {}, std::string body = "")
      : method_(std::move(method)),
        target_(std::move(target)),
        headers_(std::move(headers)),
        body_(std::move(body)) {
    request_.method = method_;
    request_.target = target_;
    for (const auto& [name, value] : headers_) request_.headers.push_back({name, value});
  }

  const net::RequestHead& request() const override { return request_; }
  std::string_view protocol() const override { return "HTTP/1.1"; }
  std::string_view remote_ip() const override { return "192.0.2.7"; }
  bool has_body() const override { return !body_.empty(); }
  std::optional<std::uint64_t> content_length() const override { return body_.size(); }
  net::Awaitable<util::Result<std::size_t>> read_body(std::span<char> buffer) override {
    const std::size_t n = std::min(buffer.size(), body_.size() - read_);
    body_.copy(buffer.data(), n, read_);
    read_ += n;
    co_return n;
  }

  net::Awaitable<util::Result<void>> respond(const net::ResponseHead& head,
                                             net::BodyFraming framing,
                                             std::string_view first) override {
    EXPECT_FALSE(responded());
    status_ = head.status;
    framing_kind = framing.kind;
    for (const net::Header& header : head.headers)
      answer_headers.emplace_back(header.name, header.value);
    co_return take(first);
  }
  std::ptrdiff_t try_write(std::string_view data) override {
    if (!take(data)) return -1;
    return static_cast<std::ptrdiff_t>(data.size());
  }
  net::Awaitable<util::Result<void>> write(std::string_view data) override { co_return take(data); }
  net::Awaitable<util::Result<void>> finish() override {
    finished = true;
    co_return util::Result<void>();
  }
  net::Awaitable<util::Result<void>> inform(const net::ResponseHead&) override {
    co_return util::Result<void>();
  }
  void abort() override { aborted = true; }
  bool takes_chunked() const override { return true; }
  net::Awaitable<util::Result<net::Stream*>> upgrade(const net::ResponseHead&,
                                                     std::string&) override {
    co_return util::fail(util::Errc::invalid, "not here");
  }
  void watch_client(std::function<void()> gone) override { gone_ = std::move(gone); }
  void watch_closely() override {}
  bool look_for_client() override { return false; }
  bool client_gone() const override { return left_ || aborted; }

  // ---- for the test
  void leave() {
    left_ = true;
    if (auto gone = std::exchange(gone_, nullptr)) gone();
  }
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : answer_headers)
      if (key == name) return value;
    return "";
  }

  std::string answer;
  std::vector<std::pair<std::string, std::string>> answer_headers;
  net::BodyFraming::Kind framing_kind = net::BodyFraming::unknown;
  bool finished = false;
  bool aborted = false;
  std::function<void()> on_write;  // after each piece

 private:
  util::Result<void> take(std::string_view data) {
    if (client_gone()) return util::fail(util::Errc::closed, "gone");
    answer += data;
    bytes_sent_ += data.size();
    if (on_write) on_write();
    return {};
  }

  std::string method_, target_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string body_;
  std::size_t read_ = 0;
  net::RequestHead request_;
  std::function<void()> gone_;
  bool left_ = false;
};

// Starts the coroutine, and says when it has ended. `done` must live until then.
inline void begin(net::Loop& loop, net::Awaitable<void> task, bool& done) {
  const auto run = [](net::Awaitable<void> work, bool& ended) -> net::Awaitable<void> {
    co_await work;
    ended = true;
  };
  net::spawn(loop, run(std::move(task), done));
}

// Runs the loop until the coroutine has ended.
inline void run(net::Loop& loop, net::Awaitable<void> task) {
  bool done = false;
  begin(loop, std::move(task), done);
  loop.restart();
  while (!done && loop.run_one() > 0) {
  }
  ASSERT_TRUE(done) << "the coroutine waits for something that never comes";
}

}  // namespace llama_swap::server::testing
