#include "transport/dns/message.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"
#include "transport/dns/dane.h"

namespace hauspost::dns {

namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kNameBytesMax = 255;  // on the wire
constexpr std::size_t kLabelBytesMax = 63;
constexpr std::size_t kChainMax = 16;  // CNAMEs of one message
constexpr std::uint16_t kClassInternet = 1;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint8_t kNxDomain = 3;
constexpr Seconds kTtlMost{86'400};
constexpr Seconds kNegativeTtlMost{3'600};

constexpr std::pair<RecordType, std::string_view> kTypes[] = {
    {RecordType::kA, "A"},       {RecordType::kCname, "CNAME"}, {RecordType::kSoa, "SOA"},
    {RecordType::kPtr, "PTR"},   {RecordType::kMx, "MX"},       {RecordType::kTxt, "TXT"},
    {RecordType::kAaaa, "AAAA"}, {RecordType::kSrv, "SRV"},
    {RecordType::kTlsa, "TLSA"}, {RecordType::kCaa, "CAA"}};

std::uint16_t u16(std::string_view bytes) {
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[0]) << 8 |
                                    static_cast<std::uint8_t>(bytes[1]));
}

std::uint32_t u32(std::string_view bytes) {
  return static_cast<std::uint32_t>(u16(bytes)) << 16 | u16(bytes.substr(2));
}

void put_u16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

// A reader of a whole message: names point back into it.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool good() const { return good_; }
  std::size_t at() const { return at_; }
  void move_to(std::size_t at) { at_ = at; }

  std::string_view take(std::size_t size) {
    if (!good_ || bytes_.size() - at_ < size) {
      good_ = false;
      return {};
    }
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  std::uint16_t take_u16() {
    const auto raw = take(2);
    return good_ ? u16(raw) : 0;
  }
  std::uint32_t take_u32() {
    const auto raw = take(4);
    return good_ ? u32(raw) : 0;
  }

  // Section 4.1.4. A pointer leads backwards only, so that every name ends.
  std::string take_name() {
    std::string name;
    std::size_t wire = 1;
    std::size_t place = at_;
    std::size_t lowest = at_;
    bool jumped = false;
    for (;;) {
      if (place >= bytes_.size()) return bad();
      const auto length = static_cast<std::uint8_t>(bytes_[place]);
      if ((length & 0xc0) == 0xc0) {
        if (bytes_.size() - place < 2) return bad();
        const std::size_t target = u16(bytes_.substr(place)) & 0x3fff;
        if (!jumped) at_ = place + 2;
        jumped = true;
        if (target >= lowest) return bad();
        lowest = place = target;
        continue;
      }
      if (length > kLabelBytesMax || bytes_.size() - place - 1 < length) return bad();
      wire += 1U + length;
      if (wire > kNameBytesMax) return bad();
      if (length == 0) break;
      if (!name.empty()) name += '.';
      append_label(name, bytes_.substr(place + 1, length));
      place += 1U + length;
    }
    if (!jumped) at_ = place + 1;
    return good_ ? name : std::string();
  }

 private:
  std::string bad() {
    good_ = false;
    return {};
  }
  // What no host name has becomes \DDD: a dot within a label must not look like one between two.
  static void append_label(std::string& name, std::string_view label) {
    for (const char c : label) {
      const auto byte = static_cast<std::uint8_t>(c);
      if (byte > 0x20 && byte < 0x7f && c != '.' && c != '\\') {
        name += ascii_lower(c);
      } else {
        name += '\\';
        for (const unsigned unit : {100U, 10U, 1U})
          name += static_cast<char>('0' + byte / unit % 10);
      }
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

struct Head {
  std::string owner;
  std::uint16_t type = 0;
  std::uint16_t family = 0;
  Seconds ttl{};
  std::size_t begin = 0;
  std::size_t end = 0;
};

Head take_head(Reader& in) {
  Head head;
  head.owner = in.take_name();
  head.type = in.take_u16();
  head.family = in.take_u16();
  const std::uint32_t ttl = in.take_u32();
  // RFC 2181 section 8: the first bit makes it zero.
  head.ttl = Seconds(ttl > INT32_MAX ? 0 : ttl);
  const std::size_t size = in.take_u16();
  head.begin = in.at();
  in.take(size);
  head.end = in.at();
  return head;
}

std::string joined_strings(std::string_view data) {
  std::string text;
  while (!data.empty()) {
    const std::size_t size = static_cast<std::uint8_t>(data[0]);
    if (data.size() - 1 < size) break;
    text += data.substr(1, size);
    data.remove_prefix(1 + size);
  }
  return text;
}

std::string address_text(int family, std::string_view data) {
  char text[INET6_ADDRSTRLEN] = "";
  return ::inet_ntop(family, data.data(), text, sizeof text) != nullptr ? text : "";
}

// The record's data in our form; nullopt: malformed.
std::optional<std::string> take_data(std::string_view bytes, const Head& head) {
  Reader in(bytes.substr(0, head.end));
  in.move_to(head.begin);
  const std::string_view data = bytes.substr(head.begin, head.end - head.begin);
  std::string out;
  switch (static_cast<RecordType>(head.type)) {
    case RecordType::kA:
      if (data.size() != 4) return std::nullopt;
      return address_text(AF_INET, data);
    case RecordType::kAaaa:
      if (data.size() != 16) return std::nullopt;
      return address_text(AF_INET6, data);
    case RecordType::kTxt: return joined_strings(data);
    case RecordType::kTlsa:
      if (data.size() < 3) return std::nullopt;
      return std::string(data);
    case RecordType::kCaa:
      if (data.size() < 2) return std::nullopt;
      return std::string(data);
    case RecordType::kSrv:
      out = in.take(6);
      out += in.take_name();
      break;
    case RecordType::kMx: out = in.take(2); [[fallthrough]];
    case RecordType::kCname:
    case RecordType::kPtr: out += in.take_name(); break;
    case RecordType::kSoa: return std::nullopt;
  }
  if (!in.good()) return std::nullopt;
  return out;
}

// How long "there is none" holds (RFC 2308 section 5): the lesser of the SOA's TTL and minimum.
std::optional<Seconds> negative_ttl(std::string_view bytes, const Head& head) {
  if (head.type != static_cast<std::uint16_t>(RecordType::kSoa) || head.end - head.begin < 20)
    return std::nullopt;
  const Seconds minimum(u32(bytes.substr(head.end - 4)));
  return std::min({head.ttl, minimum, kNegativeTtlMost});
}

struct Records {
  std::vector<std::pair<Head, std::string>> answers;
  std::optional<Seconds> negative;
};

bool take_records(Reader& in, std::string_view bytes, std::size_t answers, std::size_t authority,
                  Records& out) {
  for (std::size_t i = 0; i < std::min(answers + authority, kRecordsMax); ++i) {
    const Head head = take_head(in);
    if (!in.good()) return false;
    if (head.family != kClassInternet) continue;
    if (i >= answers) {
      if (const auto ttl = negative_ttl(bytes, head)) out.negative = ttl;
    } else if (auto data = take_data(bytes, head)) {
      out.answers.emplace_back(head, std::move(*data));
    }
  }
  return true;
}

// Follows the CNAMEs from `name`, then collects what stands at the end.
void choose(Message& message, Records& records, std::string_view name, RecordType type) {
  Answer<std::string>& answer = message.answer;
  answer.ttl = kTtlMost;
  std::string owner(name);
  for (std::size_t i = 0; i < kChainMax && type != RecordType::kCname; ++i) {
    const auto alias = std::ranges::find_if(records.answers, [&](const auto& record) {
      return record.first.type == static_cast<std::uint16_t>(RecordType::kCname) &&
             record.first.owner == owner;
    });
    if (alias == records.answers.end()) break;
    owner = answer.canonical = alias->second;
    answer.ttl = std::min(answer.ttl, alias->first.ttl);
  }
  for (auto& [head, data] : records.answers) {
    if (head.type != static_cast<std::uint16_t>(type) || head.owner != owner) continue;
    answer.ttl = std::min(answer.ttl, head.ttl);
    answer.records.push_back(std::move(data));
  }
  if (!answer.records.empty()) {
    answer.outcome = Outcome::kFound;
    return;
  }
  answer.outcome = message.rcode == kNxDomain ? Outcome::kNoName : Outcome::kNoData;
  message.open_end =
      answer.outcome == Outcome::kNoData && !answer.canonical.empty() && !records.negative;
  if (!message.open_end) answer.ttl = std::min(answer.ttl, records.negative.value_or(Seconds(0)));
}

}  // namespace

std::string_view to_string(RecordType type) {
  for (const auto& [known, word] : kTypes)
    if (known == type) return word;
  return "?";
}

std::optional<RecordType> parse_record_type(std::string_view word) {
  for (const auto& [type, known] : kTypes)
    if (iequals(known, word)) return type;
  return std::nullopt;
}

std::optional<std::string> normal_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kNameBytesMax - 2) return std::nullopt;
  for (const std::string_view label : split(name, '.')) {
    const auto fits = [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; };
    if (label.empty() || label.size() > kLabelBytesMax || !std::ranges::all_of(label, fits))
      return std::nullopt;
  }
  return ascii_lower(name);
}

std::optional<std::string> reverse_name(std::string_view address) {
  const std::string text(address);
  std::uint8_t bytes[16];
  std::string name;
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) {
    for (int i = 3; i >= 0; --i) name += std::to_string(bytes[i]) + ".";
    return name + "in-addr.arpa";
  }
  if (::inet_pton(AF_INET6, text.c_str(), bytes) != 1) return std::nullopt;
  constexpr char kDigits[] = "0123456789abcdef";
  for (int i = 15; i >= 0; --i) {
    name += kDigits[bytes[i] & 15];
    name += '.';
    name += kDigits[bytes[i] >> 4];
    name += '.';
  }
  return name + "ip6.arpa";
}

std::string make_question(std::uint16_t id, std::string_view name, RecordType type, bool edns,
                          bool dnssec) {
  std::string out;
  put_u16(out, id);
  put_u16(out, dnssec ? 0x0120U : 0x0100U);  // RD, AD
  put_u16(out, 1);
  put_u16(out, 0);
  put_u16(out, 0);
  put_u16(out, edns ? 1 : 0);
  for (const std::string_view label : split(name, '.')) {
    out += static_cast<char>(label.size());
    out += label;
  }
  out += '\0';
  put_u16(out, static_cast<std::uint16_t>(type));
  put_u16(out, kClassInternet);
  if (edns) {  // RFC 6891 section 6.1.2
    out += '\0';
    put_u16(out, kOpt);
    put_u16(out, kUdpBytesMax);
    put_u16(out, 0);
    put_u16(out, dnssec ? 0x8000U : 0);  // DO
    put_u16(out, 0);
  }
  return out;
}

std::optional<Message> parse_message(std::string_view bytes, std::string_view name,
                                     RecordType type) {
  if (bytes.size() < kHeaderBytes || bytes.size() > kMessageBytesMax) return std::nullopt;
  const std::uint16_t flags = u16(bytes.substr(2));
  const std::size_t questions = u16(bytes.substr(4));
  const std::size_t answers = u16(bytes.substr(6));
  const std::size_t authority = u16(bytes.substr(8));
  if ((flags & 0x8000) == 0) return std::nullopt;  // QR
  Message message;
  message.rcode = flags & 15;
  message.truncated = (flags & 0x0200) != 0;
  message.authentic = (flags & 0x0020) != 0;
  Reader in(bytes);
  in.take(kHeaderBytes);
  // A server that cannot read a question may answer without repeating it.
  if (questions == 0 && message.rcode != 0 && message.rcode != kNxDomain) return message;
  if (questions != 1) return std::nullopt;
  if (in.take_name() != name || in.take_u16() != static_cast<std::uint16_t>(type) ||
      in.take_u16() != kClassInternet || !in.good())
    return std::nullopt;
  if (message.rcode != 0 && message.rcode != kNxDomain) return message;
  Records records;
  if (!message.truncated && !take_records(in, bytes, answers, authority, records))
    return std::nullopt;
  choose(message, records, name, type);
  return message;
}

std::optional<Mx> mx_from(std::string_view record) {
  if (record.size() < 2) return std::nullopt;
  return Mx{u16(record), std::string(record.substr(2))};
}

std::optional<Tlsa> tlsa_from(std::string_view record) {
  if (record.size() < 3) return std::nullopt;
  return Tlsa{static_cast<std::uint8_t>(record[0]), static_cast<std::uint8_t>(record[1]),
              static_cast<std::uint8_t>(record[2]), std::string(record.substr(3))};
}

std::optional<Srv> srv_from(std::string_view record) {
  if (record.size() < 6) return std::nullopt;
  return Srv{u16(record), u16(record.substr(2)), u16(record.substr(4)),
             std::string(record.substr(6))};
}

std::optional<Caa> caa_from(std::string_view record) {
  if (record.size() < 2) return std::nullopt;
  const std::size_t tag = static_cast<std::uint8_t>(record[1]);
  if (tag == 0 || record.size() - 2 < tag) return std::nullopt;
  return Caa{(static_cast<std::uint8_t>(record[0]) & 0x80) != 0,
             ascii_lower(record.substr(2, tag)), std::string(record.substr(2 + tag))};
}

std::string record_text(RecordType type, std::string_view record) {
  if (type == RecordType::kSrv)
    if (const auto srv = srv_from(record))
      return std::to_string(srv->priority) + " " + std::to_string(srv->weight) + " " +
             std::to_string(srv->port) + " " + (srv->host.empty() ? "." : srv->host);
  if (type == RecordType::kCaa)
    if (const auto caa = caa_from(record))
      return std::string(caa->critical ? "128 " : "0 ") + escape_for_log(caa->tag) + " \"" +
             escape_for_log(caa->value, 4'000) + "\"";
  if (type == RecordType::kMx)
    if (const auto mx = mx_from(record))
      return std::to_string(mx->preference) + " " + (mx->host.empty() ? "." : mx->host);
  if (type == RecordType::kTlsa)
    if (const auto tlsa = tlsa_from(record)) return to_string(*tlsa);
  if (type == RecordType::kTxt) return escape_for_log(record, 4'000);
  return std::string(record);
}

}  // namespace hauspost::dns
