#include "protocols/smtp/peer_extensions.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::smtp {

namespace {

constexpr std::size_t kMechanismsMax = 32;

using Words = std::vector<std::string_view>;

void apply_size(const Words& words, PeerExtensions& out) {
  out.size = true;
  if (words.size() > 1) out.message_bytes_max = parse_u64(words[1]).value_or(0);
}

void apply_auth(const Words& words, PeerExtensions& out) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!words[i].empty() && out.auth.size() < kMechanismsMax)
      out.auth.push_back(ascii_upper(words[i]));
  }
}

void apply_limits(const Words& words, PeerExtensions& out) {
  for (const std::string_view word : words) {
    const std::size_t equals = word.find('=');
    if (equals == word.npos) continue;
    const std::uint64_t value = parse_u64(word.substr(equals + 1)).value_or(0);
    const std::string_view name = word.substr(0, equals);
    if (iequals(name, "RCPTMAX")) out.recipients_max = value;
    if (iequals(name, "RCPTDOMAINMAX")) out.recipient_domains_max = value;
    if (iequals(name, "MAILMAX")) out.messages_max = value;
  }
}

void apply_deliver_by(const Words& words, PeerExtensions& out) {
  out.deliver_by = true;
  if (words.size() > 1) out.deliver_by_least_s = parse_u64(words[1]).value_or(0);
}

struct Flag {
  std::string_view keyword;
  bool PeerExtensions::* member;
};
constexpr Flag kFlags[] = {
    {"8BITMIME", &PeerExtensions::eight_bit_mime},
    {"BINARYMIME", &PeerExtensions::binary_mime},
    {"CHUNKING", &PeerExtensions::chunking},
    {"DSN", &PeerExtensions::dsn},
    {"ENHANCEDSTATUSCODES", &PeerExtensions::enhanced_codes},
    {"MT-PRIORITY", &PeerExtensions::mt_priority},
    {"PIPELINING", &PeerExtensions::pipelining},
    {"REQUIRETLS", &PeerExtensions::require_tls},
    {"SMTPUTF8", &PeerExtensions::smtputf8},
    {"STARTTLS", &PeerExtensions::starttls},
};

void take_line(std::string_view line, PeerExtensions& out) {
  // "AUTH=PLAIN" is how the draft before RFC 2554 had it; some servers say only that.
  std::string spaced(line);
  if (istarts_with(line, "AUTH=")) spaced[4] = ' ';
  const Words words = split(trim(spaced), ' ');
  const std::string_view keyword = words.front();
  if (iequals(keyword, "SIZE")) return apply_size(words, out);
  if (iequals(keyword, "AUTH")) return apply_auth(words, out);
  if (iequals(keyword, "LIMITS")) return apply_limits(words, out);
  if (iequals(keyword, "DELIVERBY")) return apply_deliver_by(words, out);
  for (const Flag& flag : kFlags) {
    if (iequals(keyword, flag.keyword)) out.*flag.member = true;
  }
}

}  // namespace

bool PeerExtensions::offers_auth(std::string_view mechanism) const {
  return std::ranges::find(auth, mechanism) != auth.end();
}

PeerExtensions parse_extensions(const ReceivedReply& reply) {
  PeerExtensions out;
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    if (i > 0) {
      take_line(reply.lines[i], out);
      continue;
    }
    const std::string_view line = trim(reply.lines[0]);
    out.name = ascii_lower(line.substr(0, line.find(' ')));
  }
  out.binary_mime = out.binary_mime && out.chunking;
  return out;
}

}  // namespace hauspost::smtp
