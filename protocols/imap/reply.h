// Tagged replies as values, and how the store's errors become them (RFC 5530).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocols/imap/command_parser.h"

namespace hauspost::imap {

enum class ReplyStatus : std::uint8_t { kOk, kNo, kBad };

struct Reply {
  ReplyStatus status = ReplyStatus::kOk;
  std::string code;  // without brackets; empty: none
  std::string text;  // printable ASCII
  // The client learns with it up to which mod-sequence it knows the mailbox: after its own expunges
  // (RFC 7162 sections 3.2.7 and 3.2.9). Not together with a code.
  bool tells_modseq = false;
  bool written = false;  // by the command itself, which had to
};

Reply ok(std::string text, std::string code = "");
Reply no(std::string code, std::string text);
Reply bad(std::string text);
// BAD [UIDREQUIRED]: a sequence number from a client that has forsworn them (RFC 9586).
Reply uid_required();

Reply reply_for(const ParseError& error);
// NO with the code that says why. Details of our own faults stay in the log, where this writes them
// as event imap.command.failed. `exhausted` is the code of a limit that was reached.
Reply reply_for(const Error& error, std::string_view exhausted = "LIMIT");

// "TAG OK [code] text" CRLF.
void append_tagged(std::string& out, std::string_view tag, const Reply& reply);

}  // namespace hauspost::imap
