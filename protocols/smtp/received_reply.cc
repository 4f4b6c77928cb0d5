#include "protocols/smtp/received_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace hauspost::smtp {

namespace {

constexpr std::size_t kCodeBytes = 3;

// Reply-code of RFC 5321 section 4.2. The second digit is not held to its range: servers in use
// have answered 560 and worse, and only the first one is acted upon.
std::optional<std::uint16_t> parse_code(std::string_view line) {
  if (line.size() < kCodeBytes || line[0] < '2' || line[0] > '5') return std::nullopt;
  if (!is_digit(line[1]) || !is_digit(line[2])) return std::nullopt;
  return static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0');
}

// The length of an enhanced status code of class `first` at the start of `text` (RFC 3463 section
// 2: class "." 1*3digit "." 1*3digit); 0: there is none.
std::size_t enhanced_length(std::string_view text, char first) {
  if (text.size() < 5 || text[0] != first || text[1] != '.') return 0;
  std::size_t at = 2;
  for (int part = 0; part < 2; ++part) {
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at]) && at - begin < 3) ++at;
    if (at == begin) return 0;
    if (part == 0 && (at == text.size() || text[at++] != '.')) return 0;
  }
  if (at < text.size() && text[at] != ' ') return 0;
  return at;
}

// One line, no controls, UTF-8.
std::string printable(std::string_view text) {
  std::string out;
  const bool utf8 = is_valid_utf8(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 || byte == 0x7f;
    out += control ? ' ' : byte >= 0x80 && !utf8 ? '?' : c;
  }
  return out;
}

}  // namespace

std::string ReceivedReply::diagnostic() const {
  std::string out = std::to_string(code);
  if (!enhanced.empty()) out += " " + enhanced;
  const char first = static_cast<char>('0' + code / 100);
  for (const std::string& line : lines) {
    std::string_view text = line;
    if (!enhanced.empty() && text.starts_with(enhanced))
      text.remove_prefix(enhanced_length(text, first));
    const std::string shown = printable(trim(text));
    if (!shown.empty()) out += " " + shown;
    if (out.size() > kDiagnosticMax) break;
  }
  if (out.size() <= kDiagnosticMax) return out;
  std::size_t end = kDiagnosticMax;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
  return out.substr(0, end) + "...";
}

std::string ReceivedReply::status(std::string_view basic) const {
  return enhanced.empty() ? fmt::format("{}.{}", code / 100, basic) : enhanced;
}

ReplyStatus ReplyParser::malformed(std::string_view fault) {
  fault_ = fault;
  reply_ = {};
  bytes_ = 0;
  return ReplyStatus::kMalformed;
}

ReplyStatus ReplyParser::feed(const LineScan& scan) {
  switch (scan.status) {
    case LineStatus::kNeedMore: return ReplyStatus::kNeedMore;
    case LineStatus::kLine: break;
    case LineStatus::kBareLineEnd: return malformed("a reply line does not end in CRLF");
    case LineStatus::kTooLong:
    case LineStatus::kFlood: return malformed("a reply line is too long");
  }
  const std::string_view line = scan.line;
  const auto code = parse_code(line);
  if (!code) return malformed("a line that is no SMTP reply");
  const char separator = line.size() > kCodeBytes ? line[kCodeBytes] : ' ';
  if (separator != ' ' && separator != '-') return malformed("a line that is no SMTP reply");
  if (!reply_.lines.empty() && reply_.code != *code)
    return malformed("the lines of a reply have different codes");
  bytes_ += line.size();
  if (reply_.lines.size() == kReplyLinesMax || bytes_ > kReplyBytesMax)
    return malformed("a reply is too long");
  reply_.code = *code;
  reply_.lines.emplace_back(line.substr(std::min(kCodeBytes + 1, line.size())));
  if (separator == '-') return ReplyStatus::kNeedMore;
  const std::string& first = reply_.lines.front();
  reply_.enhanced = first.substr(0, enhanced_length(first, line[0]));
  bytes_ = 0;
  return ReplyStatus::kReply;
}

ReceivedReply ReplyParser::take() { return std::exchange(reply_, {}); }

}  // namespace hauspost::smtp
