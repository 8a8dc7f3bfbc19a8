// HTTP/2, what follows the preface: whatever a client sends, requests that reach a handler are in
// order, what is sent are whole frames, memory is bounded, and every handler ends with the
// connection.
#include "fuzz/fuzz.h"
#include "net/http1_head.h"
#include "net/http2_session.h"

using namespace llama_swap;
using fuzz::require;

namespace {

constexpr std::size_t kFrameHead = 9;

class Server final : net::Http2Session::Owner {
 public:
  // False: the connection is to be closed.
  bool feed(std::string_view piece) {
    const bool understood = session_.feed(piece);
    run();
    return understood && !session_.over();
  }
  void end() {
    session_.lose();
    run();
    require(begun_ == ended_ && session_.exchanges() == 0, "every handler ends");
  }

 private:
  void on_request(net::Http2Exchange& exchange) override {
    ++begun_;
    require(net::fault_of(exchange.request()).empty(), "requests are in order");
    net::spawn(loop_, handle(*this, exchange));
  }
  void on_output() override {}
  bool connection_lost() override { return false; }

  // Echoes, as far as the client lets it.
  static net::Awaitable<void> handle(Server& self, net::Http2Exchange& exchange) {
    char piece[512];
    net::ResponseHead head;
    head.headers.push_back({"X-Target", exchange.request().target});
    (void)co_await exchange.respond(head, {net::BodyFraming::unknown}, "begin");
    for (;;) {
      const auto n = co_await exchange.read_body(piece);
      if (!n || *n == 0) break;
      const auto written = co_await exchange.write({piece, *n});
      if (!written) break;
      require(exchange.unsent() <= net::Http2Exchange::kMaxUnsent, "what is unsent is bounded");
    }
    (void)co_await exchange.finish();
    self.session_.handler_ended(exchange);
    ++self.ended_;
  }

  void run() {
    bool more = true;
    while (more) {
      loop_.restart();
      loop_.poll();
      std::string out;
      more = session_.fill(out) || loop_.poll() > 0;
      check(out);
    }
  }
  static void check(std::string_view out) {
    while (!out.empty()) {
      require(out.size() >= kFrameHead, "the head of a frame is whole");
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(out[i]); };
      const std::size_t size = (byte(0) << 16U) + (byte(1) << 8U) + byte(2) + kFrameHead;
      require(size <= out.size(), "frames are whole");
      out.remove_prefix(size);
    }
  }

  net::Loop loop_;
  net::TimerWheel wheel_{loop_};
  net::ServerLimits limits_;
  net::Http2Session session_{loop_, wheel_, limits_, "", *this};
  int begun_ = 0;
  int ended_ = 0;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Server server;
  bool more = server.feed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  fuzz::in_pieces(fuzz::as_text(data, size),
                  [&](std::string_view piece) { more = more && server.feed(piece); });
  server.end();
  return 0;
}
