// For tests: a blocking HTTP/2 client (prior knowledge) on nghttp2, and frames by hand.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loop_thread.h"

namespace llama_swap::test {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t id,
                         std::string_view payload = {}) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(id >> shift);
  return out.append(payload);
}

// A request without a body as one header block, no dynamic table.
inline std::string get_block(std::string_view path = "/") {
  std::string out("\x82\x86\x04", 3);
  out += static_cast<char>(path.size());
  out.append(path).append("\x01\x01x");
  return out;
}

// What a client has of one answer.
struct Answer {
  std::int32_t id = 0;
  std::vector<int> informed;
  int status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
  bool ended = false;   // with END_STREAM
  bool closed = false;  // ended, or reset
  std::uint32_t error = 0;

  std::string upload;  // the body still to be sent
  bool more = false;   // ... and it goes on
  std::uint64_t received = 0;
};

class Http2Client {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  // With `takes` false the answers' windows stay as they are: nothing is acknowledged.
  explicit Http2Client(Socket socket, bool takes = true) : socket_(std::move(socket)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, takes ? 0 : 1);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Http2Client() { nghttp2_session_del(session_); }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // Sends it with the next send().
  Answer& request(std::string method, std::string path, Fields fields = {}, std::string body = {},
                  bool more = false) {
    Fields all{{":method", method}, {":scheme", "http"}, {":authority", "x"}, {":path", path}};
    all.insert(all.end(), fields.begin(), fields.end());
    std::vector<nghttp2_nv> native;
    for (auto& [name, value] : all)
      native.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                        reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    auto answer = std::make_unique<Answer>();
    answer->upload = std::move(body);
    answer->more = more;
    nghttp2_data_provider provider{};
    provider.read_callback = on_read;
    const bool has_body = more || !answer->upload.empty();
    answer->id = nghttp2_submit_request(session_, nullptr, native.data(), native.size(),
                                        has_body ? &provider : nullptr, nullptr);
    Answer& out = *answer;
    answers_[out.id] = std::move(answer);
    return out;
  }
  void continue_upload(Answer& answer, std::string_view data, bool more) {
    answer.upload.append(data);
    answer.more = more;
    nghttp2_session_resume_data(session_, answer.id);
  }
  void reset(const Answer& answer, std::uint32_t error = NGHTTP2_CANCEL) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, answer.id, error);
  }
  void take(const Answer& answer, std::size_t size) {
    nghttp2_session_consume(session_, answer.id, size);
  }

  void send() {
    const std::uint8_t* data = nullptr;
    for (;;) {
      const auto size = nghttp2_session_mem_send(session_, &data);
      if (size <= 0) return;
      socket_.send({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
    }
  }
  // Sends and receives until `done`; false: the connection ended or was silent for ten seconds.
  bool until(const std::function<bool()>& done) {
    for (;;) {
      send();
      if (done()) return true;
      send();
      const std::string data = socket_.read_piece();
      if (data.empty()) return done();
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(data.data()),
                               data.size());
    }
  }
  bool until_closed(const Answer& answer) {
    return until([&] { return answer.closed; });
  }
  bool until_end() {
    until([] { return false; });
    return socket_.ended();
  }

  bool goaway = false;
  std::uint32_t goaway_error = 0;
  std::int32_t last_id = 0;
  nghttp2_session* native() { return session_; }
  Socket& socket() { return socket_; }

 private:
  static Http2Client& self(void* user_data) { return *static_cast<Http2Client*>(user_data); }
  Answer* find(std::int32_t id) {
    const auto at = answers_.find(id);
    return at == answers_.end() ? nullptr : at->second.get();
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user_data) {
    Answer* const answer = self(user_data).find(frame->hd.stream_id);
    const std::string key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), value_size);
    if (key != ":status") {
      answer->headers[key] = text;
    } else if (std::stoi(text) < 200) {
      answer->informed.push_back(std::stoi(text));
    } else {
      answer->status = std::stoi(text);
    }
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self(user_data).goaway = true;
      self(user_data).goaway_error = frame->goaway.error_code;
      self(user_data).last_id = frame->goaway.last_stream_id;
    }
    const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    Answer* const answer = self(user_data).find(frame->hd.stream_id);
    if (may_end && answer && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) answer->ended = true;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user_data) {
    Answer* const answer = self(user_data).find(id);
    answer->body.append(reinterpret_cast<const char*>(data), size);
    answer->received += size;
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user_data) {
    Answer* const answer = self(user_data).find(id);
    answer->closed = true;
    answer->error = error;
    return 0;
  }
  static ssize_t on_read(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                         std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
    Answer* const answer = self(user_data).find(id);
    const std::size_t n = std::min(size, answer->upload.size());
    std::copy_n(answer->upload.data(), n, buffer);
    answer->upload.erase(0, n);
    if (answer->upload.empty() && !answer->more)
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (n == 0)
      return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(n);
  }

  Socket socket_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, std::unique_ptr<Answer>> answers_;
};

}  // namespace llama_swap::test
