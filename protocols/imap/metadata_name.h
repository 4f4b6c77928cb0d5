// Names of metadata entries as clients write them (RFC 5464 section 3.2), and how they are told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace hauspost::imap {

struct MetadataName {
  bool is_private = false;
  std::string_view name;  // behind "/private" or "/shared": "/comment"; may be empty
};

// nullopt: neither private nor shared, or no name that the store takes.
std::optional<MetadataName> metadata_name(std::string_view entry);

// "/private" or "/shared", then `name`.
std::string metadata_entry(const Guid& owner, std::string_view name);

// An entry as an astring.
void append_entry(std::string& out, std::string_view entry);
// nstring, or a literal8 when there is a NUL in it.
void append_value(std::string& out, const std::optional<std::string>& value);

}  // namespace hauspost::imap
