#include "net/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <limits>

#include "net/hop_by_hop.h"

namespace llama_swap::net {
namespace {

// What the client may send before a handler has read it, of one stream and of all. Enough for the
// delay of a continent at tens of MB/s.
constexpr std::int32_t kStreamWindow = 1 << 20;
constexpr std::int32_t kConnectionWindow = 8 << 20;

// Of our own frames that the client does not take.
constexpr std::size_t kMaxQueued = 2000;

// CVE-2024-28182: header blocks without end. max_head fits in five frames.
constexpr std::size_t kMaxContinuations = 8;
// CVE-2019-9512, -9515: PING and SETTINGS from somebody who does not take the answers. More than
// Http2Guard lets come at once, as it can still say why.
constexpr std::size_t kMaxAcks = 2000;
constexpr std::size_t kMaxSettings = 32;  // entries of one frame

// A head up to here costs as much as any other request (decoded, as RFC 9113 6.5.2 counts).
constexpr std::size_t kSmallHead = 8 << 10;
// Of max_head. A head that large is still answered (431), and fits in kMaxContinuations without the
// help of a table.
constexpr std::size_t kBomb = 4;

std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::string_view as_text(nghttp2_rcbuf* buffer) {
  const nghttp2_vec text = nghttp2_rcbuf_get_buf(buffer);
  return as_text(text.base, text.len);
}

std::uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

// A field block to send. Names are made lower case; the rest are views.
class Fields {
 public:
  explicit Fields(const ResponseHead& head) : status_(std::to_string(head.status)) {
    std::size_t size = 0;
    for (const Header& header : head.headers) size += header.name.size();
    names_.reserve(size);  // so that the views stay valid
    fields_.reserve(head.headers.size() + 4);
    add(":status", status_);
    for (const Header& header : head.headers) {
      if (is_hop_by_hop(header.name)) continue;  // RFC 9113 8.2.2
      const std::size_t begin = names_.size();
      for (const char c : header.name)
        names_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      add(std::string_view(names_).substr(begin), header.value);
    }
  }
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  // `name` and `value` must outlive it.
  void add(std::string_view name, std::string_view value) {
    fields_.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  const std::string status_;
  std::string names_;
  std::vector<nghttp2_nv> fields_;
};

}  // namespace

// What nghttp2 calls. None calls out: it must not be called while it calls.
struct Http2Callbacks {
  static Http2Session& self(void* user_data) { return *static_cast<Http2Session*>(user_data); }

  // Every frame of a known type, before anything is done with it.
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user_data) {
    Http2Session& session = self(user_data);
    const util::Time now = util::Clock::now();
    bool allowed = true;
    switch (head->type) {
      case NGHTTP2_DATA:
      case NGHTTP2_HEADERS:
      case NGHTTP2_CONTINUATION:
        break;
      case NGHTTP2_RST_STREAM:
        allowed = session.guard_.reset(now);
        break;
      case NGHTTP2_WINDOW_UPDATE:
        allowed = session.guard_.window_update(now);
        break;
      case NGHTTP2_SETTINGS:
        session.greeted_ = true;
        [[fallthrough]];
      default:
        allowed = session.guard_.idle_frame(now);
    }
    if (!allowed) session.calm();
    return 0;
  }

  static int on_begin_headers(nghttp2_session* native, const nghttp2_frame* frame,
                              void* user_data) {
    Http2Session& session = self(user_data);
    session.in_fields_ = true;
    session.block_size_ = 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || session.calmed_) return 0;
    const std::int32_t id = frame->hd.stream_id;
    // The bound of nghttp2 forgets a stream that was reset; its handler may still be at work.
    if (session.exchanges_.size() >= 2 * std::size_t{session.limits_.max_streams}) {
      nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
      return 0;
    }
    auto exchange = std::make_unique<Http2Exchange>(session, id);
    nghttp2_session_set_stream_user_data(native, id, exchange.get());
    session.exchanges_.emplace(id, std::move(exchange));
    session.guard_.request_began();
    return 0;
  }

  static int on_header(nghttp2_session* native, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, std::uint8_t, void* user_data) {
    Http2Session& session = self(user_data);
    const std::int32_t id = frame->hd.stream_id;
    if (!session.admit_field(Http2Head::size_of(as_text(name), as_text(value)))) {
      nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // inflates the rest, as the table needs it
    }
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers: nobody wants them
    if (Http2Exchange* const exchange = session.exchange(id))
      exchange->fields().add(as_text(name), as_text(value));
    return 0;
  }

  // nghttp2 would leave such a field out; that makes two readings of one request.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*,
                               nghttp2_rcbuf*, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Session& session = self(user_data);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    Http2Exchange* const exchange = session.exchange(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_DATA) {
      const bool empty = frame->hd.length <= frame->data.padlen;
      if (empty && !ends && !session.guard_.idle_frame(util::Clock::now())) session.calm();
      if (ends && exchange) exchange->receive_end();
    } else if (frame->hd.type == NGHTTP2_HEADERS) {
      session.in_fields_ = false;
      if (!exchange) return 0;
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        exchange->begin(!ends);
        session.asked_.push_back(exchange->id());
      } else if (ends) {
        exchange->receive_end();
      }
    }
    return 0;
  }

  static int on_data(nghttp2_session* native, std::uint8_t, std::int32_t id,
                     const std::uint8_t* data, std::size_t size, void* user_data) {
    if (Http2Exchange* const exchange = self(user_data).exchange(id))
      exchange->receive(as_text(data, size));
    else
      nghttp2_session_consume_connection(native, size);
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user_data) {
    Http2Session& session = self(user_data);
    session.in_fields_ = false;  // a block that is refused half-way ends with its stream
    Http2Exchange* const exchange = session.exchange(id);
    if (!exchange) return 0;
    exchange->close(error == NGHTTP2_NO_ERROR && exchange->answer_ended());
    session.closed_.push_back(id);
    return 0;
  }

  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Session& session = self(user_data);
    if (frame->hd.type == NGHTTP2_DATA) session.guard_.data_sent();
    // Resets for what a client did wrong count as its own: it can provoke them just as well.
    if (frame->hd.type == NGHTTP2_RST_STREAM && is_blame(frame->rst_stream.error_code) &&
        !session.guard_.reset(util::Clock::now()))
      session.calm();
    const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (Http2Exchange* const exchange = session.exchange(frame->hd.stream_id))
      exchange->on_end_sent();
    return 0;
  }

  static bool is_blame(std::uint32_t error) {
    return error != NGHTTP2_NO_ERROR && error != NGHTTP2_INTERNAL_ERROR && error != NGHTTP2_CANCEL;
  }

  // How much of the answer goes into the next DATA frame; send_data() moves it.
  static ssize_t on_read(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t room,
                         std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
    const Http2Exchange* const exchange = self(user_data).exchange(id);
    if (!exchange) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t unsent = exchange->unsent();
    if (unsent == 0 && exchange->aborted())
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets with INTERNAL_ERROR
    if (unsent == 0 && !exchange->answer_ended()) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (unsent <= room && exchange->answer_ended()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(std::min(unsent, room));
  }

  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source*, void* user_data) {
    Http2Session& session = self(user_data);
    if (session.out_->size() >= Http2Session::kBatch) return NGHTTP2_ERR_WOULDBLOCK;
    Http2Exchange* const exchange = session.exchange(frame->hd.stream_id);
    if (!exchange) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    constexpr std::size_t kFrameHead = 9;
    session.out_->append(as_text(head, kFrameHead));
    exchange->take(size, *session.out_);
    return 0;
  }

  static nghttp2_session* make_session(Http2Session& session) {
    static nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, on_begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback2(made, on_header);
      nghttp2_session_callbacks_set_on_invalid_header_callback2(made, on_invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, on_sent);
      nghttp2_session_callbacks_set_send_data_callback(made, send_data);
      return made;
    }();
    static nghttp2_option* const options = [] {
      nghttp2_option* made = nullptr;
      nghttp2_option_new(&made);
      nghttp2_option_set_no_auto_window_update(made, 1);
      nghttp2_option_set_max_continuations(made, kMaxContinuations);
      nghttp2_option_set_max_outbound_ack(made, kMaxAcks);
      nghttp2_option_set_max_settings(made, kMaxSettings);
      // Http2Guard counts them, provoked ones too, and says ENHANCE_YOUR_CALM.
      constexpr auto kNoLimit = std::numeric_limits<std::uint32_t>::max();
      nghttp2_option_set_stream_reset_rate_limit(made, kNoLimit, kNoLimit);
      return made;
    }();
    nghttp2_session* made = nullptr;
    if (nghttp2_session_server_new2(&made, callbacks, &session, options) != 0)
      throw std::bad_alloc();
    return made;
  }
};

void Http2Session::Delete::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2Session::Http2Session(Loop& loop, TimerWheel& wheel, const ServerLimits& limits,
                           std::string remote_ip, Owner& owner)
    : loop_(loop),
      wheel_(wheel),
      limits_(limits),
      remote_ip_(std::move(remote_ip)),
      owner_(owner),
      session_(Http2Callbacks::make_session(*this)) {
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.max_head)},
  }};
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2Session::~Http2Session() = default;

Http2Exchange* Http2Session::exchange(std::int32_t id) {
  return static_cast<Http2Exchange*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

bool Http2Session::feed(std::string_view data) {
  const auto size = nghttp2_session_mem_recv(session_.get(), bytes(data), data.size());
  settle();
  if (size < 0) return false;
  owner_.on_output();
  return true;
}

bool Http2Session::fill(std::string& out) {
  out_ = &out;
  while (out.size() < kBatch) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(session_.get(), &data);
    if (size <= 0) break;
    out.append(as_text(data, static_cast<std::size_t>(size)));
  }
  out_ = nullptr;
  settle();
  return out.size() >= kBatch;
}

bool Http2Session::is_clogged() const {
  return nghttp2_session_get_outbound_queue_size(session_.get()) > kMaxQueued;
}

void Http2Session::drain() {
  if (std::exchange(draining_, true)) return;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  owner_.on_output();
}

void Http2Session::give_up() {
  for (const auto& [id, exchange] : exchanges_)
    if (!exchange->closed()) reset(id, exchange->end_sent() ? Reset::no_error : Reset::cancel);
}

void Http2Session::calm() {
  if (std::exchange(calmed_, true)) return;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

bool Http2Session::admit_field(std::size_t size) {
  block_size_ += size;
  if (block_size_ <= kSmallHead) return true;
  const util::Time now = util::Clock::now();
  const bool bomb = block_size_ > kBomb * limits_.max_head;
  if (!guard_.large_head(size, now) || (bomb && !guard_.head_bomb(now))) calm();
  return !bomb && !calmed_;
}

bool Http2Session::over() const {
  return !nghttp2_session_want_read(session_.get()) && !nghttp2_session_want_write(session_.get());
}

void Http2Session::lose() {
  lost_ = true;
  for (const auto& [id, exchange] : exchanges_) {
    if (!exchange->closed()) exchange->close(false);
    closed_.push_back(id);
  }
  settle();
}

Http2Session::Waiting Http2Session::waiting() const {
  if (!greeted_) return Waiting::preface;
  if (in_fields_) return Waiting::fields;
  return exchanges_.empty() ? Waiting::request : Waiting::nothing;
}

void Http2Session::handler_ended(Http2Exchange& exchange) {
  const std::int32_t id = exchange.id();
  exchange.complete();
  erase_if_over(id);
}

// Calls out for what the callbacks have noted. What is called may add to the lists.
void Http2Session::settle() {
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    const auto at = exchanges_.find(asked_[i]);
    if (at == exchanges_.end()) continue;
    Http2Exchange& exchange = *at->second;
    if (calmed_ || lost_ || exchange.closed())
      handler_ended(exchange);  // nobody waits for the answer any more
    else if (exchange.has_fault())
      exchange.refuse();
    else
      owner_.on_request(exchange);
  }
  asked_.clear();
  for (std::size_t i = 0; i < closed_.size(); ++i) {
    const std::int32_t id = closed_[i];
    if (const auto at = exchanges_.find(id); at != exchanges_.end()) at->second->tell_gone();
    erase_if_over(id);
  }
  closed_.clear();
}

void Http2Session::erase_if_over(std::int32_t id) {
  const auto at = exchanges_.find(id);
  if (at == exchanges_.end() || !at->second->over()) return;
  nghttp2_session_set_stream_user_data(session_.get(), id, nullptr);
  exchanges_.erase(at);
}

// ---------------------------------------------------------------- for exchanges

void Http2Session::send_head(const Http2Exchange& exchange, const ResponseHead& head,
                             BodyFraming framing, bool last) {
  Fields fields(head);
  std::string length;
  if (!is_bodiless(head.status)) {
    const bool empty = framing.kind == BodyFraming::none && exchange.request().method != "HEAD";
    if (framing.kind == BodyFraming::length || empty) length = std::to_string(framing.length_bytes);
  }
  if (!length.empty()) fields.add("content-length", length);
  if (!head.find("Date")) fields.add("date", http_date());
  if (!exchange.request_id().empty() && !head.find(kRequestIdField))
    fields.add("x-request-id", exchange.request_id());
  nghttp2_data_provider body{};
  body.read_callback = Http2Callbacks::on_read;
  nghttp2_submit_response(session_.get(), exchange.id(), fields.data(), fields.size(),
                          last ? nullptr : &body);
  owner_.on_output();
}

void Http2Session::send_informational(const Http2Exchange& exchange, const ResponseHead& head) {
  const Fields fields(head);
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, exchange.id(), nullptr, fields.data(),
                         fields.size(), nullptr);
  owner_.on_output();
}

void Http2Session::resume(std::int32_t id) {
  nghttp2_session_resume_data(session_.get(), id);
  owner_.on_output();
}

void Http2Session::reset(std::int32_t id, Reset why) {
  const std::uint32_t error = why == Reset::no_error         ? NGHTTP2_NO_ERROR
                              : why == Reset::internal_error ? NGHTTP2_INTERNAL_ERROR
                                                             : NGHTTP2_CANCEL;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, error);
  owner_.on_output();
}

void Http2Session::consume(std::int32_t id, std::size_t size) {
  nghttp2_session_consume(session_.get(), id, size);
  owner_.on_output();
}

void Http2Session::discard(std::size_t size) {
  if (size == 0) return;
  nghttp2_session_consume_connection(session_.get(), size);
  owner_.on_output();
}

}  // namespace llama_swap::net
