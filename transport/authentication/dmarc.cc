#include "transport/authentication/dmarc.h"

#include <algorithm>

#include "base/text.h"
#include "store/mime/addresses.h"
#include "store/mime/header_scanner.h"
#include "transport/authentication/tag_list.h"

namespace hauspost::mailauth {

namespace {

using Fault = std::unexpected<std::string>;

std::optional<DmarcPolicy> parse_policy(std::string_view word) {
  if (iequals(word, "none")) return DmarcPolicy::kNone;
  if (iequals(word, "quarantine")) return DmarcPolicy::kQuarantine;
  if (iequals(word, "reject")) return DmarcPolicy::kReject;
  return std::nullopt;
}

// What is not a policy is as if it were not there (section 6.3).
std::optional<DmarcPolicy> policy_of(const TagList& tags, std::string_view name) {
  const Tag* tag = tags.find(name);
  return tag == nullptr ? std::nullopt : parse_policy(tag->value);
}

std::vector<std::string> mail_addresses(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view piece : split(text, ',')) {
    std::string_view uri = trim_folds(piece);
    if (!istarts_with(uri, "mailto:") || out.size() >= kReportAddressesMax) continue;
    uri.remove_prefix(7);
    const std::string_view address = uri.substr(0, uri.find('!'));
    if (address.find('@') != std::string_view::npos && address.find('%') == std::string_view::npos)
      out.emplace_back(address);
  }
  return out;
}

struct Lookup {
  DmarcStatus status = DmarcStatus::kNone;
  DmarcRecord record;
};

// Section 6.6.3: other TXT records are passed over; several DMARC ones are none.
Task<Lookup> look_up(dns::Resolver& resolver, std::string domain) {
  const auto answer = co_await resolver.txt("_dmarc." + domain);
  if (answer.outcome == dns::Outcome::kTemporary) co_return Lookup{DmarcStatus::kTempError, {}};
  Lookup out;
  for (const std::string& text : answer.records) {
    auto record = parse_dmarc_record(text);
    if (!record && record.error().empty()) continue;
    if (out.status != DmarcStatus::kNone) co_return Lookup{};
    out.status = record ? DmarcStatus::kPass : DmarcStatus::kPermError;
    if (record) out.record = std::move(*record);
  }
  co_return out;
}

Task<bool> does_not_exist(dns::Resolver& resolver, std::string domain) {
  const auto mx = co_await resolver.mx(domain);
  if (mx.outcome != dns::Outcome::kNoName) co_return false;
  const auto a = co_await resolver.a(domain);
  if (a.outcome != dns::Outcome::kNoName) co_return false;
  const auto aaaa = co_await resolver.aaaa(domain);
  co_return aaaa.outcome == dns::Outcome::kNoName;
}

DmarcPolicy policy_for(const DmarcFound& found) {
  const DmarcRecord& record = found.record;
  if (!found.below) return record.policy;
  const DmarcPolicy of_subdomains = record.subdomains.value_or(record.policy);
  return found.nonexistent ? record.nonexistent.value_or(of_subdomains) : of_subdomains;
}

bool is_aligned(const PublicSuffixes& suffixes, std::string_view authenticated,
                std::string_view from, bool strict) {
  const auto domain = to_a_labels(authenticated);
  if (!domain) return false;
  if (*domain == from) return true;
  return !strict && suffixes.organisational(*domain) == suffixes.organisational(from);
}

}  // namespace

std::string_view to_string(DmarcPolicy policy) {
  switch (policy) {
    case DmarcPolicy::kNone: return "none";
    case DmarcPolicy::kQuarantine: return "quarantine";
    case DmarcPolicy::kReject: return "reject";
  }
  return "none";
}

std::string_view to_string(DmarcStatus status) {
  switch (status) {
    case DmarcStatus::kNone: return "none";
    case DmarcStatus::kPass: return "pass";
    case DmarcStatus::kFail: return "fail";
    case DmarcStatus::kTempError: return "temperror";
    case DmarcStatus::kPermError: return "permerror";
  }
  return "none";
}

std::expected<DmarcRecord, std::string> parse_dmarc_record(std::string_view text) {
  const std::string_view start = trim_folds(text.substr(0, text.find(';')));
  const std::size_t equals = start.find('=');
  if (equals == std::string_view::npos || trim_folds(start.substr(0, equals)) != "v" ||
      trim_folds(start.substr(equals + 1)) != "DMARC1") {
    return Fault(std::string());
  }
  const auto tags = TagList::parse(text);
  if (!tags) return Fault("syntax error");
  DmarcRecord record;
  if (const Tag* rua = tags->find("rua")) record.report_to = mail_addresses(rua->value);
  const auto policy = policy_of(*tags, "p");
  // Without a policy, a record that asks for reports is one that only watches.
  if (!policy && record.report_to.empty()) return Fault("no p=");
  record.policy = policy.value_or(DmarcPolicy::kNone);
  record.subdomains = policy_of(*tags, "sp");
  record.nonexistent = policy_of(*tags, "np");
  const Tag* dkim = tags->find("adkim");
  record.strict_dkim = dkim != nullptr && iequals(dkim->value, "s");
  const Tag* spf = tags->find("aspf");
  record.strict_spf = spf != nullptr && iequals(spf->value, "s");
  if (const Tag* percent = tags->find("pct")) {
    const auto number = parse_u64(percent->value);
    if (number && *number <= 100) record.percent = static_cast<unsigned>(*number);
  }
  // DMARCbis: a domain that is testing wants the next milder policy.
  const Tag* testing = tags->find("t");
  if (testing != nullptr && iequals(testing->value, "y")) record.percent = 0;
  return record;
}

Task<DmarcFound> find_dmarc(dns::Resolver& resolver, const PublicSuffixes& suffixes,
                            std::string domain) {
  DmarcFound found;
  Lookup own = co_await look_up(resolver, domain);
  found.owner = domain;
  if (own.status == DmarcStatus::kNone) {
    std::string organisation = suffixes.organisational(domain);
    if (organisation != domain) {
      own = co_await look_up(resolver, organisation);
      found.owner = std::move(organisation);
      found.below = true;
    }
  }
  found.status = own.status;
  found.record = std::move(own.record);
  if (found.status == DmarcStatus::kPass && found.below && found.record.nonexistent)
    found.nonexistent = co_await does_not_exist(resolver, domain);
  co_return found;
}

DmarcVerdict judge_dmarc(const PublicSuffixes& suffixes, std::string domain,
                         const DmarcFound& found, const SpfVerdict& spf,
                         const std::vector<DkimResult>& dkim, unsigned roll) {
  DmarcVerdict verdict;
  verdict.status = found.status;
  verdict.domain = std::move(domain);
  if (found.status != DmarcStatus::kPass) return verdict;
  verdict.owner = found.owner;
  verdict.record = found.record;
  verdict.spf_aligned = spf.result == SpfResult::kPass &&
                        is_aligned(suffixes, spf.domain, verdict.domain, found.record.strict_spf);
  bool unsure = spf.result == SpfResult::kTempError &&
                is_aligned(suffixes, spf.domain, verdict.domain, found.record.strict_spf);
  for (const DkimResult& one : dkim) {
    const bool aligned = !one.domain.empty() &&
                         is_aligned(suffixes, one.domain, verdict.domain, found.record.strict_dkim);
    if (aligned && one.status == DkimStatus::kPass) verdict.dkim_aligned = true;
    if (aligned && one.status == DkimStatus::kTempError) unsure = true;
  }
  if (verdict.spf_aligned || verdict.dkim_aligned) return verdict;
  // What might have passed had the DNS answered is nobody's forgery.
  verdict.status = unsure ? DmarcStatus::kTempError : DmarcStatus::kFail;
  if (unsure) return verdict;
  verdict.wanted = policy_for(found);
  verdict.applied = verdict.wanted;
  if (roll >= found.record.percent && verdict.wanted != DmarcPolicy::kNone) {
    verdict.applied =
        verdict.wanted == DmarcPolicy::kReject ? DmarcPolicy::kQuarantine : DmarcPolicy::kNone;
  }
  return verdict;
}

std::vector<std::string> from_domains(const MessageParts& parts, bool* left_out) {
  constexpr std::size_t kAddressesMax = 50;
  std::vector<std::string> out;
  bool more = parts.fields.size() >= kFieldsMax;
  for (const MessageParts::Field& field : parts.fields) {
    if (!iequals(field.name, "From")) continue;
    const auto addresses = mime::parse_addresses(mime::unfold(field.value), kAddressesMax);
    more = more || addresses.size() >= kAddressesMax || field.value.size() > mime::kFieldBytesMax;
    for (const mime::Address& address : addresses) {
      if (address.kind != mime::Address::Kind::kMailbox) continue;
      auto domain = to_a_labels(address.domain);
      if (!domain || std::ranges::find(out, *domain) != out.end()) continue;
      if (out.size() < kFromDomainsMax)
        out.push_back(std::move(*domain));
      else
        more = true;
    }
  }
  if (left_out != nullptr) *left_out = more;
  return out;
}

}  // namespace hauspost::mailauth
