// Makes of what was collected the answer to GET /api/captures/{id} (http-api 21.1), compressed.
// Takes time in proportion to the bodies: for the worker, in steps, so that its other work comes in
// between.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/capture.h"
#include "store/packed_json.h"
#include "usage/decoder.h"

namespace llama_swap::server {

class CapturePacker {
 public:
  static constexpr std::size_t kStep = 1 << 20;  // bytes of input of one step

  // `request` is the request's body, whole; `most` the bound of the result. All must outlive the
  // packer.
  CapturePacker(store::PackedJsonWriter& writer, std::int64_t id, const Captured& captured,
                std::string_view request, std::uint64_t most)
      : writer_(writer), id_(id), captured_(captured), request_(request), most_(most) {}

  // False: that was the last one. Never throws.
  bool step();
  // Nothing: it does not fit, or the answer cannot be decoded or is empty when it is.
  std::optional<std::string> take_result() { return std::move(result_); }

 private:
  enum class Kind { text, bytes, coded };
  struct Part {
    Kind kind;
    std::string_view data;
  };
  void begin();
  void add_request();
  void add_response();
  bool advance();
  bool decode(std::string_view piece);

  store::PackedJsonWriter& writer_;
  const std::int64_t id_;
  const Captured& captured_;
  const std::string_view request_;
  const std::uint64_t most_;

  bool begun_ = false;
  std::string front_, middle_, end_;  // of the JSON, around the bodies
  std::unique_ptr<usage::Decoder> decoder_;
  std::uint64_t decoded_ = 0;  // bytes
  std::vector<Part> parts_;
  std::size_t at_ = 0;  // in parts_
  std::optional<std::string> result_;
};

}  // namespace llama_swap::server
