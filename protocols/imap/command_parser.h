// The grammar of IMAP commands: from a RawCommand to a typed Command. Pure.
#pragma once

#include <expected>
#include <string>

#include "protocols/imap/command.h"
#include "protocols/imap/command_reader.h"
#include "protocols/imap/extensions.h"
#include "protocols/imap/limits.h"

namespace hauspost::imap {

// Why a command was not understood, ready to be a tagged reply: "TAG BAD [code] text".
struct ParseError {
  bool no = false;   // NO instead of BAD: the grammar is right, the value cannot be had
  std::string code;  // response code without brackets, such as "BADCHARSET (UTF-8)"; may be empty
  std::string text;
  std::size_t offset = 0;  // in RawCommand::text
  // A SEARCH RETURN (SAVE) that is answered NO: "$" names nothing from now on (RFC 5182 section 2.1).
  bool forgets_saved = false;
  // Grammar of that extension which the client broke; kCount: none in particular.
  Extension breaks = Extension::kCount;
};

struct ParsedCommand {
  std::string tag;  // "*" when the line does not start with a tag
  std::expected<Command, ParseError> command;
};

// `utf8`: the client has enabled UTF8=ACCEPT (RFC 6855) or IMAP4rev2: mailbox names are UTF-8 and
// not UTF-7. Commands of the extensions in `without` are unknown.
ParsedCommand parse_command(RawCommand raw, const Limits& limits, bool utf8 = false,
                            Extensions without = {});

}  // namespace hauspost::imap
