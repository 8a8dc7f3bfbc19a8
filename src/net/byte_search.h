// Finding the first byte of some kind, 16 bytes at a time: the inner loop of the parsers. The one
// place that knows the instruction set.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace llama_swap::net {

// 16 bytes; each question answers with one bit per byte, the first byte's lowest.
#if defined(__SSE2__)
class Bytes16 {
 public:
  explicit Bytes16(const char* p) : v_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))) {}
  unsigned equal(char c) const { return mask(_mm_cmpeq_epi8(v_, _mm_set1_epi8(c))); }
  // As unsigned bytes.
  unsigned at_most(unsigned char c) const {
    return mask(_mm_cmpeq_epi8(_mm_min_epu8(v_, _mm_set1_epi8(static_cast<char>(c))), v_));
  }
  // With `bits` set in every byte.
  Bytes16 with(char bits) const { return Bytes16(_mm_or_si128(v_, _mm_set1_epi8(bits))); }

 private:
  explicit Bytes16(__m128i v) : v_(v) {}
  static unsigned mask(__m128i v) { return static_cast<unsigned>(_mm_movemask_epi8(v)); }
  __m128i v_;
};
#else
class Bytes16 {
 public:
  explicit Bytes16(const char* p) {
    for (int i = 0; i < 16; ++i) v_[i] = static_cast<unsigned char>(p[i]);
  }
  unsigned equal(char c) const {
    unsigned mask = 0;
    for (int i = 0; i < 16; ++i) mask |= unsigned{v_[i] == static_cast<unsigned char>(c)} << i;
    return mask;
  }
  unsigned at_most(unsigned char c) const {
    unsigned mask = 0;
    for (int i = 0; i < 16; ++i) mask |= unsigned{v_[i] <= c} << i;
    return mask;
  }
  Bytes16 with(char bits) const {
    Bytes16 out = *this;
    for (unsigned char& b : out.v_) b |= static_cast<unsigned char>(bits);
    return out;
  }

 private:
  unsigned char v_[16];
};
#endif

// The first byte in [p, end) for which `one(char)` is true, or `end`. `sixteen(Bytes16)` must be
// the same question.
template <class Sixteen, class One>
inline const char* find_first(const char* p, const char* end, Sixteen sixteen, One one) {
  for (; end - p >= 16; p += 16)
    if (const unsigned hits = sixteen(Bytes16(p))) return p + std::countr_zero(hits);
  for (; p != end; ++p)
    if (one(*p)) return p;
  return end;
}

// The first byte that may not stand in a field value (RFC 9110 5.5): a control character other than
// HTAB.
inline const char* find_control(const char* p, const char* end) {
  return find_first(
      p, end, [](Bytes16 b) { return (b.at_most(0x1f) & ~b.equal('\t')) | b.equal('\x7f'); },
      [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f'; });
}

}  // namespace llama_swap::net
