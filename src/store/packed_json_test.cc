#include "store/packed_json.h"

#include <gtest/gtest.h>

#include <random>

#include "util/base64.h"

namespace llama_swap::store {
namespace {

std::string base64(std::string_view bytes) {
  std::string out;
  util::append_base64(out, bytes);
  return out;
}

std::string random_bytes(std::size_t size) {
  std::mt19937 random(size);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

std::string unpacked(std::string packed) {
  PackedJsonReader reader(std::make_shared<const std::string>(std::move(packed)));
  std::string out;
  for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
    EXPECT_LE(piece.size(), 2 * PackedJsonReader::kPiece);
    out += piece;
  }
  EXPECT_TRUE(reader.ended());
  EXPECT_FALSE(reader.broken());
  return out;
}

TEST(PackedJson, BytesComeOutAsBase64) {
  PackedJsonWriter writer;
  for (const std::size_t size : {0u, 1u, 2u, 3u, 1000u, 300'000u, 2'000'000u}) {
    const std::string bytes = random_bytes(size);
    for (const std::size_t step : {1u, 2u, 5u, 64'000u, 10'000'000u}) {
      if (size / step > 100'000) continue;
      SCOPED_TRACE(std::to_string(size) + "/" + std::to_string(step));
      writer.begin(10'000'000, size);
      writer.text("{\"a\":\"");
      for (std::size_t at = 0; at < size; at += step)
        writer.bytes(std::string_view(bytes).substr(at, step));
      writer.text("\",");
      writer.text("\"b\":null}");
      const auto packed = writer.finish();
      ASSERT_TRUE(packed);
      EXPECT_EQ(unpacked(*packed), "{\"a\":\"" + base64(bytes) + "\",\"b\":null}");
    }
  }
}

TEST(PackedJson, TwoStrings) {
  PackedJsonWriter writer;
  writer.begin(1000, 10);
  writer.bytes("a");
  writer.text("|");
  writer.bytes("");
  writer.text("|");
  writer.bytes("bc");
  writer.bytes("de");
  writer.text("|");
  EXPECT_EQ(unpacked(*writer.finish()), "YQ==||YmNkZQ==|");
}

TEST(PackedJson, Bounded) {
  PackedJsonWriter writer;
  const std::string noise = random_bytes(100'000);
  writer.begin(50'000, noise.size());
  writer.bytes(noise);
  EXPECT_FALSE(writer.finish());
  EXPECT_TRUE(writer.full());
  writer.begin(50'000, 100'000);
  EXPECT_FALSE(writer.full());
  writer.bytes(std::string(100'000, 'x'));
  const auto packed = writer.finish();
  ASSERT_TRUE(packed) << "what counts is the compressed size";
  EXPECT_LT(packed->size(), 1000u);
}

TEST(PackedJson, Broken) {
  PackedJsonWriter writer;
  writer.begin(1000, 100);
  writer.text("{\"a\":1}");
  const std::string packed = *writer.finish();
  for (const std::string& bad :
       {packed.substr(0, packed.size() - 1), std::string("no"), std::string()}) {
    PackedJsonReader reader(std::make_shared<const std::string>(bad));
    while (!reader.next().empty()) {
    }
    EXPECT_TRUE(reader.broken());
  }
}

}  // namespace
}  // namespace llama_swap::store
