// The commands of POP3 as typed values: RFC 1939, CAPA (RFC 2449), STLS (RFC 2595), AUTH (RFC
// 5034), UTF8 and LANG (RFC 6856). APOP is not among them: it needs the password itself, of which
// the server keeps none.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"

namespace hauspost::pop3 {

enum class CommandName : std::uint8_t {
  kAuth,
  kCapa,
  kDele,
  kLang,
  kList,
  kNoop,
  kPass,
  kQuit,
  kRetr,
  kRset,
  kStat,
  kStls,
  kTop,
  kUidl,
  kUser,
  kUtf8,
};

// "RETR".
std::string_view word_of(CommandName name);

struct Command {
  CommandName name = CommandName::kNoop;
  // DELE, LIST, RETR, TOP, UIDL. What is too large for a number became the largest.
  std::optional<std::uint32_t> message;
  std::uint32_t lines = 0;       // TOP; likewise
  std::string word;              // AUTH: mechanism, LANG: language, USER: name; empty: none given
  std::optional<Secret> secret;  // AUTH: initial response, PASS: password
};

struct ParseError {
  std::string_view text;  // fit for the client
};

// `line` has no CRLF. Keywords in any case. Arguments are parted by spaces, those of USER and PASS
// by one: the rest, spaces and all, is theirs (RFC 1939 section 7).
std::expected<Command, ParseError> parse_command(std::string_view line);

}  // namespace hauspost::pop3
