#include "process/shim_outbox.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace llama_swap::process::shim {
namespace {

// Small writes of the model are collected in pieces of this size, so that the overhead stays
// bounded.
constexpr std::size_t kPiece = 16 << 10;

}  // namespace

struct Outbox::Frame {
  Frame* next;
  std::size_t size;      // with header
  std::size_t capacity;  // with header
  std::size_t sent;
  Type type;
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
};

Outbox::Frame* Outbox::append(Type type, const void* payload, std::size_t size,
                              std::size_t capacity) {
  auto* frame = static_cast<Frame*>(std::malloc(sizeof(Frame) + kHeaderSize + capacity));
  if (frame == nullptr) std::abort();
  frame->next = nullptr;
  frame->size = kHeaderSize + size;
  frame->capacity = kHeaderSize + capacity;
  frame->sent = 0;
  frame->type = type;
  put_header(frame->bytes(), type, static_cast<std::uint32_t>(size));
  if (size > 0) std::memcpy(frame->bytes() + kHeaderSize, payload, size);
  (last_ == nullptr ? first_ : last_->next) = frame;
  last_ = frame;
  ++frames_;
  return frame;
}

void Outbox::add(Type type, const void* payload, std::size_t size) {
  append(type, payload, size, size);
}

void Outbox::add_output(const char* data, std::size_t size) {
  while (size > 0) {
    if (last_ == nullptr || last_->type != Type::output || last_->sent > 0 ||
        last_->size == last_->capacity) {
      append(Type::output, nullptr, 0, kPiece);
    }
    const std::size_t room = last_->capacity - last_->size;
    const std::size_t taken = size < room ? size : room;
    std::memcpy(last_->bytes() + last_->size, data, taken);
    last_->size += taken;
    put_header(last_->bytes(), Type::output, static_cast<std::uint32_t>(last_->size - kHeaderSize));
    output_bytes_ += taken;
    data += taken;
    size -= taken;
    while (output_bytes_ > kOutputLimit) drop_oldest_output();
  }
}

void Outbox::drop_oldest_output() {
  Frame* previous = nullptr;
  Frame* frame = first_;
  // A frame that has partly left must leave whole.
  while (frame->type != Type::output || frame->sent > 0) {
    previous = frame;
    frame = frame->next;
  }
  std::uint64_t count = frame->size - kHeaderSize;
  output_bytes_ -= count;
  if (previous != nullptr && previous->type == Type::dropped && previous->sent == 0) {
    std::uint64_t before = 0;
    std::memcpy(&before, previous->bytes() + kHeaderSize, sizeof before);
    count += before;
    std::memcpy(previous->bytes() + kHeaderSize, &count, sizeof count);
    remove(previous, frame);
    return;
  }
  frame->type = Type::dropped;
  frame->size = kHeaderSize + sizeof count;
  put_header(frame->bytes(), Type::dropped, sizeof count);
  std::memcpy(frame->bytes() + kHeaderSize, &count, sizeof count);
}

void Outbox::remove(Frame* previous, Frame* frame) {
  (previous == nullptr ? first_ : previous->next) = frame->next;
  if (last_ == frame) last_ = previous;
  --frames_;
  std::free(frame);
}

bool Outbox::flush(int socket) {
  while (first_ != nullptr) {
    const ssize_t sent = ::send(socket, first_->bytes() + first_->sent, first_->size - first_->sent,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM;
    }
    first_->sent += static_cast<std::size_t>(sent);
    if (first_->sent < first_->size) continue;
    if (first_->type == Type::output) output_bytes_ -= first_->size - kHeaderSize;
    remove(nullptr, first_);
  }
  return true;
}

void Outbox::clear() {
  while (first_ != nullptr) remove(nullptr, first_);
  output_bytes_ = 0;
}

}  // namespace llama_swap::process::shim
