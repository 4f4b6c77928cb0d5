#include "protocols/imap/metadata_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/imap/cursor.h"
#include "store/metadata.h"
#include "store/mime/imap_text.h"

namespace hauspost::imap {

std::optional<MetadataName> metadata_name(std::string_view entry) {
  for (const bool is_private : {true, false}) {
    const std::string_view prefix = is_private ? "/private" : "/shared";
    if (!istarts_with(entry, prefix)) continue;
    const std::string_view name = entry.substr(prefix.size());
    if (name.empty() || store::is_metadata_name(name)) return MetadataName{is_private, name};
  }
  return std::nullopt;
}

std::string metadata_entry(const Guid& owner, std::string_view name) {
  return std::string(owner.is_nil() ? "/shared" : "/private").append(name);
}

void append_entry(std::string& out, std::string_view entry) {
  if (std::ranges::all_of(entry, is_astring_char)) {
    out += entry;
  } else {
    mime::put_string(out, entry);
  }
}

void append_value(std::string& out, const std::optional<std::string>& value) {
  if (value && value->contains('\0')) {
    out += fmt::format("~{{{}}}\r\n{}", value->size(), *value);
  } else {
    mime::put_nstring(out, value);
  }
}

}  // namespace hauspost::imap
