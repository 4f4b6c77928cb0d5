// Relative IMAP URLs of messages and their parts (RFC 5092, as CATENATE wants them: RFC 4469
// section 3). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/imap/command.h"
#include "protocols/imap/limits.h"

namespace hauspost::imap {

struct ImapUrl {
  std::optional<std::string> mailbox;  // a path; nullopt: the selected mailbox
  std::optional<std::uint32_t> uid_validity;
  std::uint32_t uid = 0;
  mime::Section section;  // the whole message when the URL names none
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> count;  // of octets
};

// nullopt: no relative URL of a message, or one that asks for authorization (URLAUTH).
std::optional<ImapUrl> parse_imap_url(std::string_view url, const Limits& limits);

}  // namespace hauspost::imap
