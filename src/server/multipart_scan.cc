#include "server/multipart_scan.h"

#include <algorithm>
#include <cstring>

#include "util/text.h"

namespace llama_swap::server {
namespace {

// RFC 2046 says 70; some clients do not know.
constexpr std::size_t kMaxBoundary = 256;
constexpr std::size_t kMaxPadding = 256;  // blanks between a delimiter and its line end

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Of printable ASCII, not ending in a space.
bool is_valid_boundary(std::string_view text) {
  return !text.empty() && text.size() <= kMaxBoundary && text.back() != ' ' &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// Folded lines become one: their line ends are overwritten with spaces.
void unfold(std::string& header) {
  for (std::size_t i = 0; i + 1 < header.size(); ++i) {
    if (header[i] != '\n' || !is_blank(header[i + 1])) continue;
    header[i] = ' ';
    if (i > 0 && header[i - 1] == '\r') header[i - 1] = ' ';
  }
}

// The value of Content-Disposition in the header lines of a part; "" if there is none.
std::string_view disposition(std::string_view header) {
  while (!header.empty()) {
    const auto line_end = std::min(header.find('\n'), header.size() - 1);
    const std::string_view line = header.substr(0, line_end + 1);
    header.remove_prefix(line.size());
    const auto colon = line.find(':');
    if (colon != std::string_view::npos &&
        util::iequals(util::trim(line.substr(0, colon)), "content-disposition"))
      return util::trim(line.substr(colon + 1));
  }
  return {};
}

// Takes a quoted string off the front of `text`. Only quotes and backslashes are escaped: there are
// clients that send Windows paths as they are.
std::string take_quoted(std::string_view& text) {
  std::string out;
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    if (text.size() > 1 && text[0] == '\\' && (text[1] == '"' || text[1] == '\\'))
      text.remove_prefix(1);
    out += text.front();
    text.remove_prefix(1);
  }
  if (!text.empty()) text.remove_prefix(1);
  return out;
}

std::string_view take_until(std::string_view& text, std::string_view stops) {
  const std::string_view taken = text.substr(0, text.find_first_of(stops));
  text.remove_prefix(taken.size());
  return util::trim(taken);
}

}  // namespace

std::optional<std::string> header_parameter(std::string_view header_value, std::string_view name) {
  std::string_view rest = header_value;
  take_until(rest, ";");
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the semicolon
    const std::string_view key = take_until(rest, "=;");
    if (rest.empty() || rest.front() == ';') continue;
    rest.remove_prefix(1);
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    std::string value;
    if (rest.starts_with('"')) {
      value = take_quoted(rest);
      take_until(rest, ";");
    } else {
      value = take_until(rest, ";");
    }
    if (util::iequals(key, name)) return value;
  }
  return std::nullopt;
}

MultipartScan::MultipartScan(std::string_view content_type) {
  const auto boundary = header_parameter(content_type, "boundary");
  if (!boundary || !is_valid_boundary(*boundary)) {
    failure_ = "multipart form without a valid boundary";
    return;
  }
  delimiter_ = "\r\n--" + *boundary;
}

void MultipartScan::feed(std::string_view piece) {
  const char* p = piece_ = piece.data();
  const char* const end = p + piece.size();
  while (p != end && !failed()) {
    switch (state_) {
      case State::data:
        p = in_data(p, end);
        break;
      case State::after_delimiter:
        p = after_delimiter(p);
        break;
      case State::part_header:
        p = in_part_header(p, end);
        break;
      case State::epilogue:
        p = end;
    }
  }
  consumed_ += piece.size();
}

void MultipartScan::finish() {
  if (!failed() && state_ != State::epilogue)
    failure_ = "multipart form without its last delimiter";
}

// A boundary has no CR, so a delimiter can begin only at one, and nowhere within a delimiter that
// began.
const char* MultipartScan::in_data(const char* p, const char* end) {
  if (matched_ == 0) {
    const void* cr = std::memchr(p, '\r', static_cast<std::size_t>(end - p));
    const char* stop = cr ? static_cast<const char*>(cr) : end;
    keep({p, static_cast<std::size_t>(stop - p)});
    if (!cr) return end;
    begin_delimiter(offset(stop), 1, 0);
    p = stop + 1;
  }
  while (p != end && matched_ < delimiter_.size()) {
    if (*p != delimiter_[matched_]) {
      release_delimiter();
      return p;
    }
    ++p;
    ++matched_;
  }
  if (matched_ == delimiter_.size()) {
    state_ = State::after_delimiter;
    tail_.clear();
  }
  return p;
}

// A delimiter is followed by "--" or by blanks and a line end; anything else shows that it was
// data.
const char* MultipartScan::after_delimiter(const char* p) {
  if (tail_.ends_with('\r')) {
    if (*p == '\n') {
      end_part();
      state_ = State::part_header;
      header_.clear();
      return p + 1;
    }
    tail_.pop_back();
    release_delimiter();
    begin_delimiter(offset(p) - 1, 1, 0);
    return p;
  }
  if (tail_ == "-") {
    if (*p == '-') {
      end_part();
      state_ = State::epilogue;
      return p + 1;
    }
  } else if (*p == '\r' || (*p == '-' && tail_.empty()) ||
             (is_blank(*p) && tail_.size() < kMaxPadding)) {
    tail_ += *p;
    return p + 1;
  }
  release_delimiter();
  return p;
}

const char* MultipartScan::in_part_header(const char* p, const char* end) {
  const void* lf = std::memchr(p, '\n', static_cast<std::size_t>(end - p));
  const char* stop = lf ? static_cast<const char*>(lf) + 1 : end;
  if (header_.size() + static_cast<std::size_t>(stop - p) > kMaxPartHeader) {
    failure_ = "multipart form with a part header that is too long";
    return end;
  }
  header_.append(p, stop);
  const std::string_view so_far = header_;
  if (so_far == "\r\n" || so_far == "\n" || so_far.ends_with("\n\r\n") || so_far.ends_with("\n\n"))
    begin_part(offset(stop));
  return stop;
}

void MultipartScan::begin_part(std::uint64_t data_offset) {
  if (++parts_ > kMaxParts) {
    failure_ = "multipart form with too many parts";
    return;
  }
  unfold(header_);
  const std::string_view value = disposition(header_);
  field_ = Field::other;
  if (util::iequals(util::trim(value.substr(0, value.find(';'))), "form-data") &&
      header_parameter(value, "filename").value_or("").empty() &&
      !header_parameter(value, "filename*")) {
    const auto name = header_parameter(value, "name");
    if (name == "model") field_ = Field::model;
    if (name == "stream") field_ = Field::stream;
  }
  value_.clear();
  oversized_ = false;
  value_offset_ = data_offset;
  state_ = State::data;
  // The line end of the empty line may be the one a delimiter begins with: an empty part.
  begin_delimiter(data_offset, 2, 2);
}

void MultipartScan::end_part() {
  if (field_ == Field::model) {
    model_spans_.push_back({value_offset_, delimiter_at_ - value_offset_});
    if (!model_) model_ = oversized_ ? "" : value_;
  } else if (field_ == Field::stream && !stream_) {
    stream_ = oversized_ ? "" : value_;
  }
  field_ = Field::other;
}

void MultipartScan::keep(std::string_view bytes) {
  if (field_ == Field::other || oversized_) return;
  oversized_ = value_.size() + bytes.size() > kMaxValue;
  if (!oversized_) value_ += bytes;
}

void MultipartScan::begin_delimiter(std::uint64_t at, std::size_t matched, std::size_t assumed) {
  delimiter_at_ = at;
  matched_ = matched;
  assumed_ = assumed;
}

void MultipartScan::release_delimiter() {
  keep(std::string_view(delimiter_).substr(assumed_, matched_ - assumed_));
  if (state_ == State::after_delimiter) keep(tail_);
  matched_ = assumed_ = 0;
  state_ = State::data;
}

}  // namespace llama_swap::server
