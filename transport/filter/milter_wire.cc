#include "transport/filter/milter_wire.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::transport::milter {

namespace {

using Kind = Answer::Kind;

constexpr std::size_t kLengthBytes = 4;

std::uint32_t number_at(std::string_view data, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(data[at + i]);
  return value;
}

// The text up to the next NUL, which is taken off; nullopt: none ends.
std::optional<std::string> take_text(std::string_view& data) {
  const std::size_t end = data.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  std::string text(data.substr(0, end));
  data.remove_prefix(end + 1);
  return text;
}

// Each line without its code, in what is one reply's text.
std::optional<smtp::Reply> parse_reply(std::string_view text) {
  smtp::Reply reply;
  reply.code = 0;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const auto code = line.size() >= 3 ? parse_u64(line.substr(0, 3)) : std::nullopt;
    if (!code || *code < 400 || *code > 599) return std::nullopt;
    if (reply.code != 0 && reply.code != *code) return std::nullopt;
    if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return std::nullopt;
    if (reply.code != 0) reply.text += '\n';
    reply.code = static_cast<std::uint16_t>(*code);
    if (line.size() > 4) {
      for (const char c : line.substr(4)) {
        const auto octet = static_cast<unsigned char>(c);
        reply.text += octet < 0x20 || octet >= 0x7f ? '?' : c;
      }
    }
  }
  if (reply.code == 0) return std::nullopt;
  if (reply.text.empty())
    reply.text = reply.code >= 500 ? "5.7.1 Rejected" : "4.7.1 Try again later";
  return reply;
}

std::optional<Answer> one_text(Kind kind, std::string_view data) {
  auto text = take_text(data);
  if (!text) return std::nullopt;
  return Answer{.kind = kind, .value = std::move(*text)};
}

// [index] name value.
std::optional<Answer> header(Kind kind, std::string_view data) {
  Answer answer{.kind = kind};
  if (kind != Kind::kAddHeader) {
    if (data.size() < kLengthBytes) return std::nullopt;
    answer.index = number_at(data, 0);
    data.remove_prefix(kLengthBytes);
  }
  auto name = take_text(data);
  auto value = take_text(data);
  const bool sound = name && value && !name->empty() && std::ranges::all_of(*name, [](char c) {
                       return c > ' ' && c < 0x7f && c != ':';
                     });
  if (!sound) return std::nullopt;
  answer.name = std::move(*name);
  answer.value = std::move(*value);
  return answer;
}

}  // namespace

std::string number(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::string packet(char letter, std::string_view data) {
  std::string out = number(static_cast<std::uint32_t>(data.size() + 1));
  out += letter;
  return out.append(data);
}

std::string texts(std::initializer_list<std::string_view> all) {
  std::string out;
  for (const std::string_view text : all) {
    out.append(text.substr(0, text.find('\0')));
    out += '\0';
  }
  return out;
}

std::optional<Packet> take_packet(std::string& bytes, bool& broken) {
  broken = false;
  if (bytes.size() < kLengthBytes) return std::nullopt;
  const std::size_t size = number_at(bytes, 0);
  if (size == 0 || size > kPacketBytesMax) {
    broken = true;
    return std::nullopt;
  }
  if (bytes.size() < kLengthBytes + size) return std::nullopt;
  Packet packet{bytes[kLengthBytes], bytes.substr(kLengthBytes + 1, size - 1)};
  bytes.erase(0, kLengthBytes + size);
  return packet;
}

std::optional<Options> parse_options(std::string_view data) {
  if (data.size() < 3 * kLengthBytes) return std::nullopt;
  return Options{number_at(data, 0), number_at(data, 4), number_at(data, 8)};
}

std::optional<Answer> parse_answer(const Packet& packet) {
  const std::string_view data = packet.data;
  switch (packet.letter) {
    case 'c': return Answer{.kind = Kind::kContinue};
    case 'a': return Answer{.kind = Kind::kAccept};
    case 'r': return Answer{.kind = Kind::kReject};
    case 't': return Answer{.kind = Kind::kTempfail};
    case 'f': return Answer{.kind = Kind::kTempfail};
    case '4': return Answer{.kind = Kind::kTempfail};
    case 'd': return Answer{.kind = Kind::kDiscard};
    case 's': return Answer{.kind = Kind::kSkip};
    case 'p': return Answer{.kind = Kind::kProgress};
    case 'b': return Answer{.kind = Kind::kReplaceBody, .value = packet.data};
    case 'h': return header(Kind::kAddHeader, data);
    case 'i': return header(Kind::kInsertHeader, data);
    case 'm': return header(Kind::kChangeHeader, data);
    case '+':
    case '2': return one_text(Kind::kAddRecipient, data);
    case '-': return one_text(Kind::kDeleteRecipient, data);
    case 'e': return one_text(Kind::kChangeSender, data);
    case 'q': return one_text(Kind::kQuarantine, data);
    case 'y': {
      std::string_view rest = data;
      const auto text = take_text(rest);
      auto reply = parse_reply(text ? *text : std::string(data));
      if (!reply) return std::nullopt;
      return Answer{.kind = Kind::kReply, .reply = std::move(*reply)};
    }
    default: return std::nullopt;
  }
}

}  // namespace hauspost::transport::milter
