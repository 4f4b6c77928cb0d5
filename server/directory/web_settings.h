// What an administrator sets for hauspost-web: the policy of MTA-STS (RFC 8461) that it publishes
// and what its pages say. Asked at each request.
#pragma once

#include <string>
#include <vector>

#include "server/directory/frontend_settings.h"

namespace hauspost::directory {

enum class StsMode : std::uint8_t { kOff, kTesting, kEnforce };
std::string_view to_string(StsMode mode);
std::optional<StsMode> parse_sts_mode(std::string_view word);

struct WebSettings {
  StsMode sts_mode = StsMode::kOff;       // off: no policy is published
  std::uint32_t sts_max_age_s = 604'800;  // how long senders remember it
  std::vector<std::string> sts_mx = {};   // "mail.example.org", "*.example.org"; none: our own name
  std::string title = {};                 // above the pages; empty: the name of the domain
  bool operator==(const WebSettings&) const = default;
};
inline constexpr std::uint32_t kStsMaxAgeLeast = 86'400;
inline constexpr std::uint32_t kStsMaxAgeMost = 31'557'600;  // RFC 8461 section 3.2
inline constexpr std::size_t kStsMxMax = 20;
inline constexpr std::size_t kWebTitleMax = 100;  // bytes of UTF-8

WebSettings web_settings(const AskSetting& ask);
// kInvalid: out of range, no host name, no line of text.
Result<> check(const WebSettings& settings);
Result<> set_web_settings(DirectoryWriter& writer, const WebSettings& settings);

// mta-sts.txt, its lines ended by CRLF; empty while the mode is off.
std::string web_policy_text(const WebSettings& settings, std::string_view hostname);
// `id` of the record _mta-sts.DOMAIN: another one whenever the policy is; empty while it is off.
std::string web_policy_id(const WebSettings& settings, std::string_view hostname);

}  // namespace hauspost::directory
