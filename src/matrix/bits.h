// A set of small numbers, as bits. Up to 128 numbers need no allocation, as that is what sets of
// running models come to. All sets of one computation are made for the same number of bits.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace llama_swap::matrix {

class Bits {
 public:
  explicit Bits(std::size_t bits) {
    if (bits > 64 * kInside) beyond_.resize((bits + 63) / 64 - kInside);
  }

  void set(std::size_t bit) { word(bit / 64) |= std::uint64_t{1} << (bit % 64); }
  bool has(std::size_t bit) const { return (word(bit / 64) >> (bit % 64) & 1) != 0; }
  bool intersects(const Bits& other) const {
    for (std::size_t i = 0; i < size(); ++i)
      if ((word(i) & other.word(i)) != 0) return true;
    return false;
  }
  bool contains(const Bits& other) const {
    for (std::size_t i = 0; i < size(); ++i)
      if ((other.word(i) & ~word(i)) != 0) return false;
    return true;
  }
  Bits& operator|=(const Bits& other) {
    for (std::size_t i = 0; i < size(); ++i) word(i) |= other.word(i);
    return *this;
  }
  Bits& operator&=(const Bits& other) {
    for (std::size_t i = 0; i < size(); ++i) word(i) &= other.word(i);
    return *this;
  }
  friend Bits operator|(Bits a, const Bits& b) { return a |= b; }
  friend Bits operator&(Bits a, const Bits& b) { return a &= b; }
  bool operator==(const Bits&) const = default;

  // Calls `use` with each number, in ascending order.
  template <class Use>
  void each(Use use) const {
    for (std::size_t i = 0; i < size(); ++i) each_of(word(i), i * 64, use);
  }
  // The same for those that are not in `hidden`.
  template <class Use>
  void each_not_in(const Bits& hidden, Use use) const {
    for (std::size_t i = 0; i < size(); ++i) each_of(word(i) & ~hidden.word(i), i * 64, use);
  }

  std::size_t hash() const {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      out = (out ^ word(i)) * 0x9E3779B97F4A7C15;
      out ^= out >> 32;
    }
    return out;
  }

 private:
  static constexpr std::size_t kInside = 2;

  std::size_t size() const { return kInside + beyond_.size(); }
  std::uint64_t& word(std::size_t i) { return i < kInside ? inside_[i] : beyond_[i - kInside]; }
  std::uint64_t word(std::size_t i) const {
    return i < kInside ? inside_[i] : beyond_[i - kInside];
  }

  template <class Use>
  static void each_of(std::uint64_t word, std::size_t first, Use& use) {
    for (; word != 0; word &= word - 1)
      use(first + static_cast<std::size_t>(std::countr_zero(word)));
  }

  std::array<std::uint64_t, kInside> inside_{};
  std::vector<std::uint64_t> beyond_;
};

}  // namespace llama_swap::matrix
