// Mailbox names: modified UTF-7 on the wire (RFC 3501 section 5.1.3), UTF-8 paths inside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hauspost::imap {

inline constexpr std::size_t kMailboxNameMax = 1000;  // bytes on the wire

// nullopt unless `name` is exactly what encode_utf7 would make of some text without U+0000.
std::optional<std::string> decode_utf7(std::string_view name);
// REQUIRES: valid UTF-8.
std::string encode_utf7(std::string_view utf8);

// A mailbox argument as a path: decoded, and with INBOX as first level in upper case. nullopt: not
// valid modified UTF-7, or too long.
std::optional<std::string> mailbox_path(std::string_view name);
// The same for a client that enabled UTF8=ACCEPT: its names are UTF-8 as they are (RFC 6855 section
// 3). nullopt: not UTF-8, too long, or with a control character or line separator.
std::optional<std::string> utf8_mailbox_path(std::string_view name);
// Composed as Net-Unicode wants it (RFC 5198, NFC). REQUIRES: valid UTF-8.
std::string net_unicode(std::string_view path);
// A path as the quoted string that replies carry, in modified UTF-7 unless `utf8`.
std::string quoted_mailbox(std::string_view path, bool utf8 = false);
// "LIST () "/" name", which tells a client of IMAP4rev2 what a mailbox is really called; with
// OLDNAME when the client knows it as `old` (RFC 9051 section 6.3.9.7).
std::string list_of_name(std::string_view path, std::string_view old, bool utf8);

}  // namespace hauspost::imap
