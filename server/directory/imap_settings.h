// What an administrator sets for IMAP as a whole: free settings of the directory with a meaning.
// Store workers ask at each new session.
#pragma once

#include <cstdint>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

struct ImapSettings {
  std::uint32_t command_messages_max = 0;  // that one command may process (RFC 9738); 0: any
};

// RFC 9738 section 3 wants no lower limit than this.
inline constexpr std::uint32_t kImapCommandMessagesLeast = 1'000;
inline constexpr std::uint32_t kImapCommandMessagesMost = 10'000'000;

// What was never set, and what is out of its range, has its default.
Result<ImapSettings> imap_settings(const DirectoryReader& reader);
// kInvalid: out of range; nothing was written.
Result<> check(const ImapSettings& settings);
Result<> set_imap_settings(DirectoryWriter& writer, const ImapSettings& settings);

}  // namespace hauspost::directory
