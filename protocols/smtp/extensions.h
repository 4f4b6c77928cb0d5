// The service extensions of SMTP that we know (RFC 5321 section 2.2), as a set.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace hauspost::smtp {

using ExtensionBits = std::uint32_t;

inline constexpr ExtensionBits kSizeExtension = 1U << 0;            // RFC 1870
inline constexpr ExtensionBits kPipeliningExtension = 1U << 1;      // RFC 2920
inline constexpr ExtensionBits k8BitMimeExtension = 1U << 2;        // RFC 6152
inline constexpr ExtensionBits kSmtpUtf8Extension = 1U << 3;        // RFC 6531
inline constexpr ExtensionBits kChunkingExtension = 1U << 4;        // RFC 3030
inline constexpr ExtensionBits kBinaryMimeExtension = 1U << 5;      // RFC 3030
inline constexpr ExtensionBits kEnhancedCodesExtension = 1U << 6;   // RFC 2034
inline constexpr ExtensionBits kDsnExtension = 1U << 7;             // RFC 3461
inline constexpr ExtensionBits kLimitsExtension = 1U << 8;          // RFC 9422
inline constexpr ExtensionBits kRequireTlsExtension = 1U << 9;      // RFC 8689: under TLS only
inline constexpr ExtensionBits kPriorityExtension = 1U << 10;       // RFC 6710
inline constexpr ExtensionBits kFutureReleaseExtension = 1U << 11;  // RFC 4865: submission only
inline constexpr ExtensionBits kDeliverByExtension = 1U << 12;      // RFC 2852

struct ExtensionName {
  std::string_view name;
  ExtensionBits bit;
};
// In the order in which they are announced.
inline constexpr ExtensionName kExtensions[] = {
    {"SIZE", kSizeExtension},
    {"PIPELINING", kPipeliningExtension},
    {"8BITMIME", k8BitMimeExtension},
    {"SMTPUTF8", kSmtpUtf8Extension},
    {"CHUNKING", kChunkingExtension},
    {"BINARYMIME", kBinaryMimeExtension},
    {"ENHANCEDSTATUSCODES", kEnhancedCodesExtension},
    {"DSN", kDsnExtension},
    {"LIMITS", kLimitsExtension},
    {"REQUIRETLS", kRequireTlsExtension},
    {"MT-PRIORITY", kPriorityExtension},
    {"FUTURERELEASE", kFutureReleaseExtension},
    {"DELIVERBY", kDeliverByExtension},
};

// What a receive connector offers unless it is told not to: all of which the whole of transport
// does as its RFC wants it. The one place that decides.
inline constexpr ExtensionBits kOfferedExtensions =
    kSizeExtension | kPipeliningExtension | k8BitMimeExtension | kSmtpUtf8Extension |
    kChunkingExtension | kBinaryMimeExtension | kEnhancedCodesExtension | kDsnExtension |
    kLimitsExtension | kRequireTlsExtension | kPriorityExtension | kFutureReleaseExtension |
    kDeliverByExtension;

// `name` in any case.
constexpr std::optional<ExtensionBits> find_extension(std::string_view name) {
  for (const ExtensionName& known : kExtensions) {
    if (known.name.size() != name.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < name.size(); ++i)
      same = same && ascii_upper(name[i]) == known.name[i];
    if (same) return known.bit;
  }
  return std::nullopt;
}

}  // namespace hauspost::smtp
