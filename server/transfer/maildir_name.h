// Names in a Maildir: of messages (time, flags) and of Maildir++ folders.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/types.h"

namespace hauspost::transfer {

inline constexpr std::size_t kMaildirKeywords = 26;  // letters a to z, as Dovecot gives them
using MaildirKeywords = std::array<std::string, kMaildirKeywords>;

struct MaildirName {
  std::string base;         // in front of ":2,": stays when flags change
  std::int64_t time_s = 0;  // 0: it does not begin with a time that mail can be of
  store::FlagBits flags = 0;
  std::vector<std::string> keywords;
};
MaildirName parse_maildir_name(std::string_view name, const MaildirKeywords& keywords);
// "1385061240.U17.hauspost,S=4096:2,FS"
std::string maildir_name(std::int64_t time_s, std::uint32_t uid, std::uint64_t size,
                         store::FlagBits flags, std::string_view keyword_letters, bool forwarded);

// "0 $Label1" a line. What is not so written is passed over.
MaildirKeywords parse_dovecot_keywords(std::string_view text);

// "Archive/2013" is ".Archive.2013" in modified UTF-7; dots and backslashes in a level are "\2e"
// and
// "\5c", as Dovecot's listescape has them.
std::string maildir_folder(std::string_view path);
// Modified UTF-7 where it is that, else UTF-8, else Latin-1. nullopt: not ".NAME".
std::optional<std::string> parse_maildir_folder(std::string_view name);

}  // namespace hauspost::transfer
