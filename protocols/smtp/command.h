// SMTP commands as values (RFC 5321 section 4.1, RFC 1870, 2033, 2852, 3030, 3461, 4865, 4954,
// 6152, 6531, 6710, 8689).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocols/smtp/address.h"
#include "protocols/smtp/reply.h"

namespace hauspost::smtp {

enum class Verb : std::uint8_t {
  kEhlo,
  kHelo,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kQuit,
  kVrfy,
  kExpn,
  kHelp,
  kStartTls,
  kAuth,
  kLhlo,  // LMTP
};

enum class BodyType : std::uint8_t { k7Bit, k8BitMime, kBinaryMime };
enum class Ret : std::uint8_t { kFull, kHeaders };

// NOTIFY (RFC 3461 section 4.1) as bits.
using NotifyBits = std::uint8_t;
inline constexpr NotifyBits kNotifyNever = 1;
inline constexpr NotifyBits kNotifySuccess = 2;
inline constexpr NotifyBits kNotifyFailure = 4;
inline constexpr NotifyBits kNotifyDelay = 8;

struct EhloCommand {
  std::string name;
  bool extended = true;  // false: HELO
  bool lmtp = false;     // LHLO (RFC 2033)
};

// BY= (RFC 2852 section 4)
struct DeliverBy {
  std::int32_t seconds = 0;  // from MAIL on; negative: it was late when it came
  bool notify = false;       // mode N: report and go on; else R: return
  bool trace = false;
  bool operator==(const DeliverBy&) const = default;
};
struct MailCommand {
  Path from;  // nullopt: the null reverse-path
  std::optional<std::uint64_t> size;
  std::optional<BodyType> body;
  bool smtputf8 = false;
  std::optional<Ret> ret;
  std::string envid;                // decoded
  std::optional<std::string> auth;  // decoded; empty for <>
  bool require_tls = false;
  std::optional<std::int8_t> priority;       // MT-PRIORITY, -9 to 9
  std::optional<std::uint32_t> hold_for_s;   // HOLDFOR
  std::optional<std::int64_t> hold_until_s;  // HOLDUNTIL, Unix time; never with hold_for_s
  std::optional<DeliverBy> deliver_by;

  // Bits of protocols/smtp/extensions.h: whose parameters were given, beside SIZE, 8BITMIME and
  // DSN, which do no harm where they are not offered.
  std::uint32_t extensions_used() const;
};
struct RcptCommand {
  Address to;
  std::optional<NotifyBits> notify;
  std::string orcpt;  // as written: "rfc822;" and xtext, or "utf-8;" and its form
};
struct DataCommand {};
struct BdatCommand {
  std::uint64_t bytes = 0;
  bool last = false;
};
struct RsetCommand {};
struct NoopCommand {};
struct QuitCommand {};
struct VrfyCommand {
  std::string argument;
};
struct ExpnCommand {
  std::string argument;
};
struct HelpCommand {};
struct StartTlsCommand {};
struct AuthCommand {
  std::string mechanism;                // upper case
  std::optional<std::string> response;  // the initial response as sent: base64, or "=" for empty
};

using Command = std::variant<EhloCommand, MailCommand, RcptCommand, DataCommand, BdatCommand,
                             RsetCommand, NoopCommand, QuitCommand, VrfyCommand, ExpnCommand,
                             HelpCommand, StartTlsCommand, AuthCommand>;

struct CommandError {
  Reply reply;               // what the client is told
  std::size_t offset = 0;    // into the line, for the log
  std::optional<Verb> verb;  // nullopt: no command of SMTP (junk)
};

// The verb that starts `line`, in any case, followed by a space or the end.
std::optional<Verb> find_verb(std::string_view line);
std::string_view name_of(Verb verb);
Verb verb_of(const Command& command);

// `line` without its CRLF. Trailing spaces are ignored (section 4.1.1). Control octets and bytes
// that are not UTF-8 are refused before anything else is read.
// After an error in BDAT the octets that follow have no known length: close the connection.
std::expected<Command, CommandError> parse_command(std::string_view line);

}  // namespace hauspost::smtp
