#include "server/directory/web_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto/sha256.h"
#include "base/text.h"
#include "protocols/smtp/address.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kModeKey = "web.mta_sts_mode";
constexpr std::string_view kMaxAgeKey = "web.mta_sts_max_age_s";
constexpr std::string_view kMxKey = "web.mta_sts_mx";
constexpr std::string_view kTitleKey = "web.title";
constexpr std::size_t kPolicyIdLetters = 20;  // of the 32 that RFC 8461 section 3.1 allows

constexpr std::pair<StsMode, std::string_view> kModes[] = {
    {StsMode::kOff, "off"}, {StsMode::kTesting, "testing"}, {StsMode::kEnforce, "enforce"}};

// RFC 8461 section 4.1: a wildcard stands for the whole leftmost label.
bool is_mx_pattern(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  return smtp::is_host_name(text) && !text.starts_with('[') &&
         text.find('.') != std::string_view::npos;
}

bool is_title(std::string_view text) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return text.size() <= kWebTitleMax && is_valid_utf8(text) && std::ranges::none_of(text, control);
}

}  // namespace

std::string_view to_string(StsMode mode) {
  return std::ranges::find(kModes, mode, &std::pair<StsMode, std::string_view>::first)->second;
}

std::optional<StsMode> parse_sts_mode(std::string_view word) {
  for (const auto& [mode, name] : kModes) {
    if (name == word) return mode;
  }
  return std::nullopt;
}

WebSettings web_settings(const AskSetting& ask) {
  WebSettings settings;
  settings.sts_mode = parse_sts_mode(ask(kModeKey)).value_or(StsMode::kOff);
  const auto age = parse_u64(ask(kMaxAgeKey));
  if (age && *age >= kStsMaxAgeLeast && *age <= kStsMaxAgeMost)
    settings.sts_max_age_s = static_cast<std::uint32_t>(*age);
  const std::string mx = ask(kMxKey);
  for (const std::string_view one : split(mx, ' ')) {
    if (is_mx_pattern(one)) settings.sts_mx.emplace_back(one);
  }
  settings.title = ask(kTitleKey);
  return settings;
}

Result<> check(const WebSettings& settings) {
  if (settings.sts_max_age_s < kStsMaxAgeLeast || settings.sts_max_age_s > kStsMaxAgeMost) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} seconds that the policy of MTA-STS lasts: must be from {} to {}",
                            settings.sts_max_age_s, kStsMaxAgeLeast, kStsMaxAgeMost));
  }
  if (settings.sts_mx.size() > kStsMxMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} names of MX", kStsMxMax));
  for (const std::string& one : settings.sts_mx) {
    if (is_mx_pattern(one)) continue;
    return fail(ErrorCode::kInvalid,
                fmt::format("mx \"{}\": neither a host name nor one such as *.example.org",
                            escape_for_log(one)));
  }
  if (is_title(settings.title)) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("a title is one line of at most {} bytes of UTF-8", kWebTitleMax));
}

Result<> set_web_settings(DirectoryWriter& writer, const WebSettings& settings) {
  TRY(check(settings));
  TRY(writer.set_setting(kModeKey, to_string(settings.sts_mode)));
  TRY(writer.set_setting(kMaxAgeKey, std::to_string(settings.sts_max_age_s)));
  TRY(writer.set_setting(kMxKey, fmt::format("{}", fmt::join(settings.sts_mx, " "))));
  return writer.set_setting(kTitleKey, settings.title);
}

std::string web_policy_text(const WebSettings& settings, std::string_view hostname) {
  if (settings.sts_mode == StsMode::kOff) return {};
  std::string text = fmt::format("version: STSv1\r\nmode: {}\r\n", to_string(settings.sts_mode));
  if (settings.sts_mx.empty()) text += fmt::format("mx: {}\r\n", hostname);
  for (const std::string& one : settings.sts_mx) text += fmt::format("mx: {}\r\n", one);
  return text + fmt::format("max_age: {}\r\n", settings.sts_max_age_s);
}

std::string web_policy_id(const WebSettings& settings, std::string_view hostname) {
  const std::string text = web_policy_text(settings, hostname);
  if (text.empty()) return {};
  crypto::Sha256 hash;
  hash.update(text);
  return to_hex(hash.finish()).substr(0, kPolicyIdLetters);
}

}  // namespace hauspost::directory
