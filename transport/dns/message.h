// Messages of the DNS (RFC 1035): a question as bytes, an answer as what transport can use of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "transport/dns/resolver.h"

namespace hauspost::dns {

enum class RecordType : std::uint16_t {
  kA = 1,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kSrv = 33,
  kTlsa = 52,
  kCaa = 257,
};
std::string_view to_string(RecordType type);                         // "MX"
std::optional<RecordType> parse_record_type(std::string_view word);  // in any case

inline constexpr std::size_t kMessageBytesMax = 65'535;
inline constexpr std::size_t kRecordsMax = 1000;     // of a message; more are not looked at
inline constexpr std::uint16_t kUdpBytesMax = 1232;  // asked for by EDNS: fits into any packet

// Lower case, without the last dot. nullopt: nothing that can be asked for.
std::optional<std::string> normal_name(std::string_view name);
// "4.3.2.1.in-addr.arpa", "....ip6.arpa"; nullopt: not an address.
std::optional<std::string> reverse_name(std::string_view address);

// `dnssec`: EDNS with DO, and AD, so that the answer says whether it is authentic.
// REQUIRES: a name of normal_name().
std::string make_question(std::uint16_t id, std::string_view name, RecordType type, bool edns,
                          bool dnssec);

// Records of one type, each in a form of its own: A, AAAA, CNAME, PTR as text, lower case; TXT
// joined; MX two octets of preference and the host; SRV six octets of priority, weight and port and
// the host (RFC 2782); TLSA and CAA as they came.
struct Message {
  std::uint8_t rcode = 0;
  bool truncated = false;
  bool authentic = false;  // AD
  Answer<std::string> answer;
  // The chain of CNAMEs ends at answer.canonical, of which the message says nothing more: it is to
  // be asked for itself.
  bool open_end = false;
};

// nullopt: malformed, or not an answer to this question. `answer.authentic` is left to the caller.
std::optional<Message> parse_message(std::string_view bytes, std::string_view name,
                                     RecordType type);

// The typed forms of records of parse_message(); nullopt: too short.
std::optional<Mx> mx_from(std::string_view record);
std::optional<Tlsa> tlsa_from(std::string_view record);

struct Srv {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string host;  // lower case, without the last dot; empty: the service is decidedly not there
};
std::optional<Srv> srv_from(std::string_view record);

// RFC 8659 section 4.
struct Caa {
  bool critical = false;
  std::string tag;    // lower case
  std::string value;  // as it came
};
std::optional<Caa> caa_from(std::string_view record);
// As a zone file writes it, names without the last dot and texts without quotes.
std::string record_text(RecordType type, std::string_view record);

}  // namespace hauspost::dns
