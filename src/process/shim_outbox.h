// The frames a shim has for the daemon, in order. Sending never blocks. Output beyond kOutputLimit
// pushes out the oldest output, and a `dropped` frame takes its place; everything else is kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "process/shim_protocol.h"

namespace llama_swap::process::shim {

class Outbox {
 public:
  Outbox() = default;
  ~Outbox() { clear(); }
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void add(Type type, const void* payload, std::size_t size);
  template <class... Numbers>
  void add_numbers(Type type, Numbers... numbers) {
    const std::uint32_t payload[] = {static_cast<std::uint32_t>(numbers)..., 0};
    add(type, payload, sizeof...(numbers) * sizeof(std::uint32_t));
  }
  void add_output(const char* data, std::size_t size);

  // Sends as much as the socket takes now. False: the other end is gone.
  bool flush(int socket);
  bool empty() const { return first_ == nullptr; }
  std::size_t frames() const { return frames_; }
  void clear();

 private:
  struct Frame;
  Frame* append(Type type, const void* payload, std::size_t size, std::size_t capacity);
  void drop_oldest_output();
  void remove(Frame* previous, Frame* frame);

  Frame* first_ = nullptr;
  Frame* last_ = nullptr;
  std::size_t frames_ = 0;
  std::size_t output_bytes_ = 0;
};

}  // namespace llama_swap::process::shim
