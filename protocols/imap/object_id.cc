#include "protocols/imap/object_id.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hauspost::imap {

std::string email_id(std::string_view content_hash) { return "M" + to_hex(content_hash); }

std::string mailbox_id(const store::Folder& folder) {
  return fmt::format("F{}-{}", folder.id.value, folder.uid_validity);
}

}  // namespace hauspost::imap
