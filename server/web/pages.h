// What the pages say, out of what may be said: pure functions from settings to text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/directory/client_settings.h"

namespace hauspost::web {

using Settings = std::vector<directory::Advertised>;

// For text and for attributes in XML and HTML: what XML 1.0 does not allow is left out.
std::string escape_xml(std::string_view text);

// Thunderbird's clientConfig 1.1. REQUIRES: settings has something.
std::string autoconfig_xml(const Settings& settings, std::string_view domain,
                           std::string_view title);

struct AutodiscoverAsked {
  std::string address;  // empty: none was given
  std::string schema;   // AcceptableResponseSchema
};
// Outlook's request schema 2006, as far as it matters. Tolerant: it is only a question.
AutodiscoverAsked parse_autodiscover(std::string_view body);
std::string autodiscover_xml(const Settings& settings, std::string_view address,
                             std::string_view display_name);
// An answer that says no (MS-OXDSCLI section 2.2.4.1.1.1.1): 500 no such address, 600 no question
// that can be answered, 601 not in this schema.
std::string autodiscover_error_xml(unsigned code, std::string_view message,
                                   std::string_view time_of_day, std::uint64_t id);

// Apple's configuration profile, without a password and without a signature; empty when the
// settings do not have a way in and a way out. Its identifiers are the same each time.
std::string mobileconfig(const Settings& settings, std::string_view address,
                         std::string_view title);

struct PageFacts {
  std::string title;
  std::string address;      // empty: it is asked for
  std::string domain;       // empty: any of ours
  std::string profile_url;  // of mobileconfig; empty: there is none
};
// "Settings for POP or IMAP": plain HTML without scripts.
std::string settings_page(const Settings& settings, const PageFacts& facts);
// The text as a QR code in SVG; empty when it is too long for one.
std::string qr_svg(const std::string& text);

}  // namespace hauspost::web
