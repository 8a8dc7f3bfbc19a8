// Memory of objects that come and go with every request and in few sizes: what is given back is
// kept for the next of its size, per thread. Large ones are the point: malloc puts its free memory
// in order for each of them.
#pragma once

#include <cstddef>

namespace llama_swap::util {

void* allocate_recycled(std::size_t size);
// `size` as it was allocated, by the same thread.
void free_recycled(void* memory, std::size_t size) noexcept;

// To derive from, for classes that are allocated one by one.
struct Recycled {
  static void* operator new(std::size_t size) { return allocate_recycled(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    free_recycled(memory, size);
  }
};

}  // namespace llama_swap::util
