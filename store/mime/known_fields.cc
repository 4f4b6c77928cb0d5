#include "store/mime/known_fields.h"

#include "base/text.h"
#include "store/mime/header_scanner.h"

namespace hauspost::mime {

namespace {

constexpr std::array<std::string_view, kKnownFieldCount> kNames = {
    "date",
    "subject",
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "in-reply-to",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "content-id",
    "content-description",
    "content-disposition",
    "content-language",
    "content-location",
    "content-md5",
};

std::optional<KnownField> find_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i].size() == name.size() && kNames[i][0] == ascii_lower(name[0]) &&
        iequals(kNames[i], name)) {
      return static_cast<KnownField>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(KnownField field) { return kNames[static_cast<std::size_t>(field)]; }

KnownFields scan_known_fields(std::string_view header) {
  KnownFields found;
  found.header_ = header;
  HeaderScanner scanner(header);
  for (HeaderField field; scanner.next(field);) {
    if (field.name.empty()) continue;
    const auto known = find_name(field.name);
    if (!known) continue;
    std::string_view& slot = found.first_[static_cast<std::size_t>(*known)];
    if (slot.data() == nullptr) {
      slot = field.value;
    } else {
      found.repeated_ |= 1U << static_cast<unsigned>(*known);
    }
  }
  return found;
}

}  // namespace hauspost::mime
