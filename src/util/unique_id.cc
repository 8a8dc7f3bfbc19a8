#include "util/unique_id.h"

#include <sys/random.h>

#include <cerrno>
#include <string_view>
#include <system_error>

namespace llama_swap::util {
namespace {

std::uint64_t drawn() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return number;
}

}  // namespace

UniqueIds::UniqueIds() : UniqueIds(drawn()) {}

std::uint64_t UniqueIds::next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

void append_hex(std::string& out, std::uint64_t number) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out += digits[(number >> shift) & 0xf];
}

}  // namespace llama_swap::util
