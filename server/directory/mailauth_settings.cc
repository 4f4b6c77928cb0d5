#include "server/directory/mailauth_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/names.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kKeyPrefix = "mailauth.";
constexpr std::string_view kNone = "none";
constexpr std::size_t kTextMax = 250;

using mailauth::Enforcement;
using mailauth::Settings;

constexpr std::pair<std::string_view, bool Settings::*> kSwitches[] = {
    {"spf", &Settings::spf}, {"dkim", &Settings::dkim}, {"dmarc", &Settings::dmarc},
    {"arc", &Settings::arc}, {"sign", &Settings::sign}, {"seal", &Settings::seal}};
constexpr std::pair<std::string_view, Enforcement> kEnforcements[] = {
    {"monitor", Enforcement::kMonitor},
    {"quarantine", Enforcement::kQuarantine},
    {"reject", Enforcement::kReject}};
constexpr std::string_view kEnforce = "enforce";
constexpr std::string_view kSkip = "skip";
constexpr std::string_view kTrustedSealers = "trusted-sealers";
constexpr std::string_view kAuthservId = "authserv-id";
constexpr std::string_view kTimeLimit = "time-limit-ms";
constexpr std::string_view kReports = "reports";
constexpr std::string_view kReportFrom = "report-from";
constexpr std::string_view kReportOrganization = "report-organization";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

std::string networks_in_words(const std::vector<Network>& networks) {
  std::string text;
  for (const Network& network : networks) text += (text.empty() ? "" : " ") + network.to_string();
  return text.empty() ? std::string(kNone) : text;
}

Result<> change_switch(bool& value, std::string_view name, std::string_view text) {
  if (text != "on" && text != "off")
    return fail(ErrorCode::kInvalid, fmt::format("{}: on or off", name));
  value = text == "on";
  return {};
}

Result<> change_skip(std::vector<Network>& skip, std::string_view text) {
  if (text == kNone) {
    skip.clear();
    return {};
  }
  auto networks = parse_networks(text);
  if (!networks || networks->size() > kSkippedNetworksMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("skip: at most {} networks, as 192.0.2.0/24, or \"none\"; got {}",
                            kSkippedNetworksMax, escape_for_log(text, 80)));
  }
  skip = std::move(*networks);
  return {};
}

Result<> change_sealers(std::vector<std::string>& sealers, std::string_view text) {
  std::vector<std::string> domains;
  for (const std::string& word : words_of(text)) {
    auto domain = mailauth::to_a_labels(word);
    if (!domain) return fail(ErrorCode::kInvalid, escape_for_log(word, 80) + " is not a domain");
    if (std::ranges::find(domains, *domain) == domains.end()) domains.push_back(std::move(*domain));
  }
  if (domains.size() > kTrustedSealersMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} sealers", kTrustedSealersMax));
  sealers = std::move(domains);
  return {};
}

Result<> change_time_limit(Milliseconds& limit, std::string_view text) {
  const auto value = parse_u64(text);
  const auto least = static_cast<std::uint64_t>(mailauth::kTimeLimitLeast.count());
  const auto most = static_cast<std::uint64_t>(mailauth::kTimeLimitMost.count());
  if (!value || *value < least || *value > most)
    return fail(ErrorCode::kInvalid, fmt::format("time limit: from {} to {} ms", least, most));
  limit = Milliseconds(static_cast<std::int64_t>(*value));
  return {};
}

Result<> change_enforcement(Enforcement& enforcement, std::string_view text) {
  for (const auto& [word, value] : kEnforcements) {
    if (text != word) continue;
    enforcement = value;
    return {};
  }
  return fail(ErrorCode::kInvalid, "enforce: monitor, quarantine or reject");
}

std::string_view word_of(Enforcement enforcement) {
  for (const auto& [word, value] : kEnforcements)
    if (value == enforcement) return word;
  return kEnforcements[0].first;
}

Result<> change_line(std::string& value, std::string_view name, std::string_view text) {
  const bool one_line =
      std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (text.size() > kTextMax || !one_line)
    return fail(ErrorCode::kInvalid, fmt::format("{}: too long or more than a line", name));
  value = text;
  return {};
}

Result<> change_given(MailauthSettings& settings, std::string_view name, std::string_view value) {
  for (const auto& [known, member] : kSwitches)
    if (name == known) return change_switch(settings.checks.*member, name, value);
  if (name == kReports) return change_switch(settings.reports, name, value);
  if (name == kEnforce) return change_enforcement(settings.checks.enforcement, value);
  if (name == kSkip) return change_skip(settings.checks.skip, value);
  if (name == kTrustedSealers) return change_sealers(settings.checks.trusted_sealers, value);
  if (name == kTimeLimit) return change_time_limit(settings.checks.time_limit, value);
  if (name == kReportOrganization) return change_line(settings.report_organization, name, value);
  if (name == kAuthservId) {
    if (!mailauth::is_dns_name(value))
      return fail(ErrorCode::kInvalid, "authserv-id: a name like mail.example.org");
    settings.checks.authserv_id = value;
    return {};
  }
  if (name == kReportFrom) {
    if (!split_address(value))
      return fail(ErrorCode::kInvalid, "the sender of reports is not an address");
    return change_line(settings.report_from, name, value);
  }
  return fail(ErrorCode::kInvalid, "no setting is named " + escape_for_log(name, 40));
}

}  // namespace

std::vector<std::pair<std::string_view, std::string>> in_words(const MailauthSettings& settings) {
  std::vector<std::pair<std::string_view, std::string>> out;
  const Settings& checks = settings.checks;
  for (const auto& [name, member] : kSwitches)
    out.emplace_back(name, checks.*member ? "on" : "off");
  std::string sealers;
  for (const std::string& domain : checks.trusted_sealers)
    sealers += (sealers.empty() ? "" : " ") + domain;
  out.emplace_back(kEnforce, word_of(checks.enforcement));
  out.emplace_back(kSkip, networks_in_words(checks.skip));
  out.emplace_back(kTrustedSealers, std::move(sealers));
  out.emplace_back(kAuthservId, checks.authserv_id);
  out.emplace_back(kTimeLimit, std::to_string(checks.time_limit.count()));
  out.emplace_back(kReports, settings.reports ? "on" : "off");
  out.emplace_back(kReportFrom, settings.report_from);
  out.emplace_back(kReportOrganization, settings.report_organization);
  return out;
}

Result<> change(MailauthSettings& settings, std::string_view name, std::string_view value) {
  if (!value.empty()) return change_given(settings, name, value);
  for (const auto& [known, words] : in_words(MailauthSettings())) {
    if (known != name) continue;
    if (!words.empty()) return change_given(settings, name, words);
    if (name == kTrustedSealers) settings.checks.trusted_sealers.clear();
    if (name == kAuthservId) settings.checks.authserv_id.clear();
    if (name == kReportFrom) settings.report_from.clear();
    if (name == kReportOrganization) settings.report_organization.clear();
    return {};
  }
  return fail(ErrorCode::kInvalid, "no setting is named " + escape_for_log(name, 40));
}

Result<MailauthSettings> mailauth_settings(const DirectoryReader& reader) {
  MailauthSettings settings;
  for (const auto& [name, words] : in_words(MailauthSettings())) {
    TRY_ASSIGN(const std::string text, reader.setting(std::string(kKeyPrefix) + std::string(name)));
    // What a later version wrote and this one does not know is as if it were not there.
    if (!text.empty()) [[maybe_unused]]
      const auto changed = change_given(settings, name, text);
  }
  return settings;
}

Result<> set_mailauth_settings(DirectoryWriter& writer, const MailauthSettings& settings) {
  const auto defaults = in_words(MailauthSettings());
  const auto words = in_words(settings);
  for (std::size_t i = 0; i < words.size(); ++i) {
    // A default that is not written can be a better one later.
    const bool is_default = words[i].second == defaults[i].second;
    const std::string text = is_default ? std::string() : words[i].second;
    TRY(writer.set_setting(std::string(kKeyPrefix) + std::string(words[i].first), text));
  }
  return {};
}

}  // namespace hauspost::directory
