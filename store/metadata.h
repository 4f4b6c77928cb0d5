// Metadata: named values that users and clients attach to folders and mailboxes (RFC 5464). The
// store gives them no meaning.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/types.h"

namespace hauspost::store {

inline constexpr std::size_t kMetadataNameMax = 256;
inline constexpr std::size_t kMetadataValueMax = 32 * 1024;
// Of one owner at one place.
inline constexpr std::size_t kMetadataEntriesMax = 100;
inline constexpr std::size_t kMetadataBytesMax = 256 * 1024;  // names and values

// What entries belong to.
struct MetadataPlace {
  MailboxId mailbox;
  FolderId folder;  // 0: the mailbox as a whole
  Guid owner;       // sees them alone; nil: everybody who sees the place
};

struct MetadataEntry {
  std::string name;  // as it was spelt when it was last set
  std::string value;
};

struct MetadataChange {
  Guid owner;
  std::string name;
  std::optional<std::string> value;  // nullopt: the entry goes
};

// Names are ASCII without control characters, "*" and "%"; each level begins with a "/" and holds
// something. Two that differ in case alone are one.
bool is_metadata_name(std::string_view name);

}  // namespace hauspost::store
