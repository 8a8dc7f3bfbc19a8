#include "usage/decoder.h"

#include "util/text.h"

namespace llama_swap::usage {

std::unique_ptr<Decoder> Decoder::make(std::string_view content_encoding, ExpansionLimit limit) {
  if (content_encoding.empty()) return nullptr;
  std::vector<Link> links;
  for (const std::string_view item : util::split(content_encoding, ',')) {
    const std::string name = util::lower(util::trim(item));
    if (name.empty() || name == "identity") continue;
    auto coding = make_coding(name);
    if (!coding || links.size() == kMaxCodings) return nullptr;
    // They are listed in the order in which they were applied.
    links.insert(links.begin(), Link{std::move(coding), {}, nullptr, 0});
  }
  if (links.empty()) return nullptr;
  std::unique_ptr<Decoder> decoder(new Decoder(limit));
  decoder->links_ = std::move(links);
  return decoder;
}

void Decoder::feed(std::string_view bytes) {
  fed_ += bytes.size();
  links_.front().input = bytes;
}

std::string_view Decoder::next() {
  return pull(links_.size() - 1);
}

std::string_view Decoder::pull(std::size_t at) {
  Link& link = links_[at];
  if (!link.output) link.output = std::make_unique<char[]>(kPiece);
  while (fault_.empty()) {
    const std::size_t size = link.coding->decode(link.input, {link.output.get(), kPiece});
    fault_ = link.coding->fault();
    link.produced += size;
    if (link.produced > limit_.free + limit_.ratio * fed_)
      fault_ = "more than " + std::to_string(limit_.ratio) + " times as large when decoded";
    if (size > 0) return {link.output.get(), size};
    if (!link.input.empty()) continue;
    if (at > 0) link.input = pull(at - 1);
    if (link.input.empty()) break;
  }
  return {};
}

bool Decoder::complete() const {
  if (fed_ == 0) return true;
  if (!fault_.empty()) return false;
  for (const Link& link : links_)
    if (!link.coding->ended()) return false;
  return true;
}

}  // namespace llama_swap::usage
