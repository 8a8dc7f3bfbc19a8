// Finding the first byte of some kind, 16 bytes at a time: the inner loop of the parsers. The one
// place that knows the instruction set.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace llama_swap::util {

// 16 bytes, and questions about each of them. Answers combine with |, &, ~ and become bits at the
// end: the first byte's is the lowest.
#if defined(__SSE2__)
class Bytes16 {
 public:
  struct Answer {
    __m128i v;
    Answer operator|(Answer other) const { return {_mm_or_si128(v, other.v)}; }
    Answer operator&(Answer other) const { return {_mm_and_si128(v, other.v)}; }
    Answer operator~() const { return {_mm_xor_si128(v, _mm_set1_epi8(-1))}; }
    unsigned bits() const { return static_cast<unsigned>(_mm_movemask_epi8(v)); }
  };

  explicit Bytes16(const char* p) : v_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))) {}
  Answer equal(char c) const { return {_mm_cmpeq_epi8(v_, _mm_set1_epi8(c))}; }
  // As unsigned bytes.
  Answer at_most(unsigned char c) const {
    return {_mm_cmpeq_epi8(_mm_min_epu8(v_, _mm_set1_epi8(static_cast<char>(c))), v_)};
  }
  Answer at_least(unsigned char c) const {
    return {_mm_cmpeq_epi8(_mm_max_epu8(v_, _mm_set1_epi8(static_cast<char>(c))), v_)};
  }
  // With `bits` set in every byte.
  Bytes16 with(char bits) const { return Bytes16(_mm_or_si128(v_, _mm_set1_epi8(bits))); }

 private:
  explicit Bytes16(__m128i v) : v_(v) {}
  __m128i v_;
};
#else
class Bytes16 {
 public:
  struct Answer {
    unsigned mask;
    Answer operator|(Answer other) const { return {mask | other.mask}; }
    Answer operator&(Answer other) const { return {mask & other.mask}; }
    Answer operator~() const { return {~mask & 0xffffU}; }
    unsigned bits() const { return mask; }
  };

  explicit Bytes16(const char* p) {
    for (int i = 0; i < 16; ++i) v_[i] = static_cast<unsigned char>(p[i]);
  }
  Answer equal(char c) const {
    return ask([c](unsigned char b) { return b == static_cast<unsigned char>(c); });
  }
  Answer at_most(unsigned char c) const {
    return ask([c](unsigned char b) { return b <= c; });
  }
  Answer at_least(unsigned char c) const {
    return ask([c](unsigned char b) { return b >= c; });
  }
  Bytes16 with(char bits) const {
    Bytes16 out = *this;
    for (unsigned char& b : out.v_) b |= static_cast<unsigned char>(bits);
    return out;
  }

 private:
  template <class Question>
  Answer ask(Question question) const {
    Answer answer{0};
    for (int i = 0; i < 16; ++i) answer.mask |= unsigned{question(v_[i])} << i;
    return answer;
  }
  unsigned char v_[16];
};
#endif

// The first byte in [p, end) for which `one(char)` is true, or `end`. `sixteen(Bytes16)` must be
// the same question.
template <class Sixteen, class One>
inline const char* find_first(const char* p, const char* end, Sixteen sixteen, One one) {
  for (; end - p >= 16; p += 16)
    if (const unsigned hits = sixteen(Bytes16(p)).bits()) return p + std::countr_zero(hits);
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

}  // namespace llama_swap::util
