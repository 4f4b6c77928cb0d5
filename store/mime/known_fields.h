// The header fields that ENVELOPE and BODYSTRUCTURE are made of, found in one pass.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hauspost::mime {

enum class KnownField : std::uint8_t {
  kDate,
  kSubject,
  kFrom,
  kSender,
  kReplyTo,
  kTo,
  kCc,
  kBcc,
  kInReplyTo,
  kMessageId,
  kContentType,
  kContentTransferEncoding,
  kContentId,
  kContentDescription,
  kContentDisposition,
  kContentLanguage,
  kContentLocation,
  kContentMd5,
};
inline constexpr std::size_t kKnownFieldCount = 18;

// Views into the header given to scan_known_fields.
class KnownFields {
 public:
  // The raw value of the first field of that name.
  std::optional<std::string_view> get(KnownField field) const {
    const std::string_view value = first_[static_cast<std::size_t>(field)];
    return value.data() == nullptr ? std::nullopt : std::optional(value);
  }
  bool repeated(KnownField field) const { return repeated_ >> static_cast<unsigned>(field) & 1; }
  std::string_view header() const { return header_; }

 private:
  friend KnownFields scan_known_fields(std::string_view header);
  std::array<std::string_view, kKnownFieldCount> first_{};
  std::uint32_t repeated_ = 0;
  std::string_view header_;
};

KnownFields scan_known_fields(std::string_view header);
std::string_view name_of(KnownField field);

}  // namespace hauspost::mime
