#include "server/directory/setup_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/network.h"
#include "base/text.h"
#include "server/directory/names.h"
#include "server/directory/writer.h"
#include "transport/authentication/spf_record.h"

namespace hauspost::directory {

namespace {

struct SetupText {
  std::string_view key;
  std::string SetupSettings::* value;
};
struct SetupList {
  std::string_view key;
  std::vector<std::string> SetupSettings::* value;
};
struct SetupSwitch {
  std::string_view key;
  bool SetupSettings::* value;
};
constexpr SetupText kTexts[] = {{"setup.dmarc_policy", &SetupSettings::dmarc_policy},
                                {"setup.dmarc_reports_to", &SetupSettings::dmarc_reports_to},
                                {"setup.tls_reports_to", &SetupSettings::tls_reports_to},
                                {"setup.administrator", &SetupSettings::administrator}};
constexpr SetupList kLists[] = {{"setup.public_addresses", &SetupSettings::public_addresses},
                                {"setup.authorities", &SetupSettings::authorities},
                                {"setup.spf", &SetupSettings::spf}};
constexpr SetupSwitch kSwitches[] = {{"setup.private_box", &SetupSettings::private_box},
                                     {"setup.tlsa", &SetupSettings::tlsa},
                                     {"setup.under_way", &SetupSettings::under_way}};

Result<> check_mail_address(std::string_view what, const std::string& address) {
  if (address.empty()) return {};
  if (const auto parsed = parse_address(address); !parsed) {
    Error error = parsed.error();
    return fail(std::move(error).within(what));
  }
  return {};
}

Result<> check_spf(const std::vector<std::string>& mechanisms) {
  if (mechanisms.size() > kSpfMechanismsMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} SPF mechanisms", kSpfMechanismsMax));
  for (const std::string& one : mechanisms) {
    const bool single = one.find_first_of(" \t\"") == std::string::npos && !one.empty();
    const auto record = single ? mailauth::parse_spf_record("v=spf1 " + one + " -all")
                               : std::unexpected(std::string("more than one word"));
    if (!record || record->mechanisms.size() != 2 || record->redirect)
      return fail(ErrorCode::kInvalid,
                  fmt::format("SPF \"{}\": not one mechanism such as include:relay.example.net",
                              escape_for_log(one)));
  }
  return {};
}

}  // namespace

Result<SetupSettings> setup_settings(const DirectoryReader& reader) {
  SetupSettings settings;
  for (const SetupText& one : kTexts) {
    TRY_ASSIGN(const std::string text, reader.setting(one.key));
    if (!text.empty()) settings.*one.value = text;
  }
  for (const SetupList& one : kLists) {
    TRY_ASSIGN(const std::string text, reader.setting(one.key));
    for (const std::string_view word : split(text, ' '))
      if (!word.empty()) (settings.*one.value).emplace_back(word);
  }
  for (const SetupSwitch& one : kSwitches) {
    TRY_ASSIGN(const std::string text, reader.setting(one.key));
    settings.*one.value = text == "on";
  }
  if (std::ranges::find(kDmarcPolicies, settings.dmarc_policy) == std::end(kDmarcPolicies))
    settings.dmarc_policy = "none";
  return settings;
}

Result<> check(const SetupSettings& settings) {
  if (settings.public_addresses.size() > kPublicAddressesMax)
    return fail(ErrorCode::kInvalid,
                fmt::format("at most {} public addresses", kPublicAddressesMax));
  for (const std::string& address : settings.public_addresses) {
    if (address.find('/') != std::string::npos || !Network::parse(address))
      return fail(ErrorCode::kInvalid,
                  fmt::format("public address \"{}\": not an IP address", escape_for_log(address)));
  }
  if (std::ranges::find(kDmarcPolicies, settings.dmarc_policy) == std::end(kDmarcPolicies))
    return fail(ErrorCode::kInvalid, fmt::format("DMARC policy \"{}\": must be one of {}",
                                                 escape_for_log(settings.dmarc_policy),
                                                 fmt::join(kDmarcPolicies, ", ")));
  TRY(check_mail_address("address for DMARC reports", settings.dmarc_reports_to));
  TRY(check_mail_address("address for TLS reports", settings.tls_reports_to));
  TRY(check_mail_address("administrator", settings.administrator));
  if (settings.authorities.size() > kAuthoritiesMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} authorities", kAuthoritiesMax));
  for (const std::string& authority : settings.authorities) {
    if (const auto name = canonical_domain(authority); !name || *name != authority)
      return fail(ErrorCode::kInvalid, fmt::format("authority \"{}\": name it by its domain, "
                                                   "as letsencrypt.org",
                                                   escape_for_log(authority)));
  }
  return check_spf(settings.spf);
}

Result<> set_setup_settings(DirectoryWriter& writer, const SetupSettings& settings) {
  TRY(check(settings));
  for (const SetupText& one : kTexts) TRY(writer.set_setting(one.key, settings.*one.value));
  for (const SetupList& one : kLists)
    TRY(writer.set_setting(one.key, fmt::format("{}", fmt::join(settings.*one.value, " "))));
  for (const SetupSwitch& one : kSwitches)
    TRY(writer.set_setting(one.key, settings.*one.value ? "on" : "off"));
  return {};
}

}  // namespace hauspost::directory
