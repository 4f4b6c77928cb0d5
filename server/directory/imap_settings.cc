#include "server/directory/imap_settings.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kCommandMessagesKey = "imap.command_messages_max";

bool holds(std::uint64_t messages) {
  return messages == 0 ||
         (messages >= kImapCommandMessagesLeast && messages <= kImapCommandMessagesMost);
}

}  // namespace

Result<ImapSettings> imap_settings(const DirectoryReader& reader) {
  ImapSettings settings;
  TRY_ASSIGN(const std::string text, reader.setting(kCommandMessagesKey));
  const auto messages = parse_u64(text);
  if (messages && holds(*messages))
    settings.command_messages_max = static_cast<std::uint32_t>(*messages);
  return settings;
}

Result<> check(const ImapSettings& settings) {
  if (holds(settings.command_messages_max)) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{} messages of one command: must be from {} to {}, or 0 for no limit",
                          settings.command_messages_max, kImapCommandMessagesLeast,
                          kImapCommandMessagesMost));
}

Result<> set_imap_settings(DirectoryWriter& writer, const ImapSettings& settings) {
  TRY(check(settings));
  return writer.set_setting(kCommandMessagesKey, std::to_string(settings.command_messages_max));
}

}  // namespace hauspost::directory
