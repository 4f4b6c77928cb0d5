// The milter protocol, version 6, as octets: packets of a length, a letter and data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/smtp/reply.h"

namespace hauspost::transport::milter {

// What a filter may do to a message (SMFIF_*).
inline constexpr std::uint32_t kAddHeaders = 0x1;
inline constexpr std::uint32_t kChangeBody = 0x2;
inline constexpr std::uint32_t kAddRecipients = 0x4;
inline constexpr std::uint32_t kDeleteRecipients = 0x8;
inline constexpr std::uint32_t kChangeHeaders = 0x10;
inline constexpr std::uint32_t kQuarantine = 0x20;
inline constexpr std::uint32_t kChangeSender = 0x40;
inline constexpr std::uint32_t kAddRecipientsWith = 0x80;
inline constexpr std::uint32_t kAllActions = 0xff;

// What a filter does not want to hear (SMFIP_NO*) and does not answer (SMFIP_NR_*).
inline constexpr std::uint32_t kNoConnect = 0x1;
inline constexpr std::uint32_t kNoHello = 0x2;
inline constexpr std::uint32_t kNoMail = 0x4;
inline constexpr std::uint32_t kNoRcpt = 0x8;
inline constexpr std::uint32_t kNoBody = 0x10;
inline constexpr std::uint32_t kNoHeaders = 0x20;
inline constexpr std::uint32_t kNoEndOfHeaders = 0x40;
inline constexpr std::uint32_t kSilentHeaders = 0x80;
inline constexpr std::uint32_t kNoData = 0x200;
inline constexpr std::uint32_t kSkip = 0x400;
inline constexpr std::uint32_t kSilentConnect = 0x1000;
inline constexpr std::uint32_t kSilentHello = 0x2000;
inline constexpr std::uint32_t kSilentMail = 0x4000;
inline constexpr std::uint32_t kSilentRcpt = 0x8000;
inline constexpr std::uint32_t kSilentData = 0x10000;
inline constexpr std::uint32_t kSilentEndOfHeaders = 0x40000;
inline constexpr std::uint32_t kSilentBody = 0x80000;
inline constexpr std::uint32_t kLeadingSpace = 0x100000;  // values keep the space behind the colon
// All but SMFIP_RCPT_REJ and larger chunks.
inline constexpr std::uint32_t kAllSteps = 0x1ff7ff;

inline constexpr std::uint32_t kVersion = 6;
inline constexpr std::uint32_t kVersionLeast = 2;
inline constexpr std::size_t kChunkBytes = 65535;        // of a body
inline constexpr std::size_t kPacketBytesMax = 1 << 20;  // of an answer

std::string packet(char letter, std::string_view data = {});
// Texts, each with its NUL; what stands behind a NUL inside one is cut.
std::string texts(std::initializer_list<std::string_view> all);
std::string number(std::uint32_t value);

struct Packet {
  char letter = 0;
  std::string data;
};
// Takes the first packet off `bytes`. nullopt: not all of it is there yet, unless `broken`, when no
// packet can start so.
std::optional<Packet> take_packet(std::string& bytes, bool& broken);

struct Options {
  std::uint32_t version = 0;
  std::uint32_t actions = 0;
  std::uint32_t steps = 0;
};
std::optional<Options> parse_options(std::string_view data);

struct Answer {
  enum class Kind : std::uint8_t {
    kContinue,
    kAccept,
    kReject,
    kTempfail,
    kDiscard,
    kReply,     // `reply` refuses
    kSkip,      // no more of the body
    kProgress,  // still at work
    // Changes; more follows
    kAddHeader,     // name, value
    kInsertHeader,  // index, name, value
    kChangeHeader,  // index, name, value
    kReplaceBody,   // value: one piece
    kAddRecipient,  // value
    kDeleteRecipient,
    kChangeSender,
    kQuarantine,  // value: why
  };
  Kind kind = Kind::kContinue;
  std::uint32_t index = 0;
  std::string name;
  std::string value;
  smtp::Reply reply;

  bool is_change() const { return kind >= Kind::kAddHeader; }
};
// nullopt: no answer of the protocol.
std::optional<Answer> parse_answer(const Packet& packet);

}  // namespace hauspost::transport::milter
