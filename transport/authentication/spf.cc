#include "transport/authentication/spf.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::mailauth {

namespace {

using dns::Answer;
using dns::Outcome;
using Kind = SpfMechanism::Kind;

constexpr std::size_t kExplanationMax = 400;

// One check with all that its limits count.
class Check {
 public:
  Check(dns::Resolver& resolver, IpAddress client, SpfMacros macros)
      : resolver_(resolver), client_(client), macros_(std::move(macros)) {}

  // `depth` counts includes and redirects; those of the record itself are counted apart.
  Task<SpfResult> host(std::string domain, bool top);
  Task<std::string> explanation();
  const std::string& problem() const { return problem_; }

 private:
  enum class Match : std::uint8_t { kYes, kNo, kTempError, kPermError };

  Task<SpfResult> run(SpfRecord record, std::string domain, bool top);
  Task<Match> matches(const SpfMechanism& mechanism, const std::string& domain);
  Task<Match> include(std::string target);
  Task<Match> addresses(std::string name, const SpfMechanism& mechanism, bool counted);
  Task<Match> mx(std::string name, const SpfMechanism& mechanism);
  Task<Match> ptr(std::string name);
  Task<Match> exists(std::string name);
  Task<std::string> expand_domain(std::string spec, std::string domain);
  Task<std::vector<std::string>> validated_names();
  Task<std::string> validated_name(std::string domain);

  bool count_lookup();
  template <class Record>
  bool count_void(const Answer<Record>& answer);
  SpfResult perm_error(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
    return SpfResult::kPermError;
  }

  dns::Resolver& resolver_;
  IpAddress client_;
  SpfMacros macros_;
  unsigned lookups_ = 0;
  unsigned void_lookups_ = 0;
  std::optional<std::vector<std::string>> validated_;  // names of the client, once asked for
  std::string problem_;
  std::string exp_;         // domain-spec of the policy that failed
  std::string exp_domain_;  // and its domain
};

SpfResult result_of(char qualifier) {
  switch (qualifier) {
    case '-': return SpfResult::kFail;
    case '~': return SpfResult::kSoftFail;
    case '?': return SpfResult::kNeutral;
    default: return SpfResult::kPass;
  }
}

bool Check::count_lookup() {
  if (++lookups_ <= kSpfLookupsMax) return true;
  perm_error("more than 10 look-ups");
  return false;
}

// False: there were too many.
template <class Record>
bool Check::count_void(const Answer<Record>& answer) {
  const bool nothing = answer.outcome == Outcome::kNoData || answer.outcome == Outcome::kNoName;
  if (!nothing || ++void_lookups_ <= kSpfVoidLookupsMax) return true;
  perm_error("more than 2 look-ups without an answer");
  return false;
}

Task<SpfResult> Check::host(std::string domain, bool top) {
  if (!is_checkable_domain(domain)) co_return SpfResult::kNone;
  const auto answer = co_await resolver_.txt(fit_domain(domain));
  if (answer.outcome == Outcome::kTemporary) {
    if (problem_.empty()) problem_ = "no answer from the DNS";
    co_return SpfResult::kTempError;
  }
  const std::string* found = nullptr;
  for (const std::string& text : answer.records) {
    if (!is_spf_record(text)) continue;
    if (found != nullptr) co_return perm_error("more than one record");
    found = &text;
  }
  if (found == nullptr) co_return SpfResult::kNone;
  auto record = parse_spf_record(*found);
  if (!record) co_return perm_error(std::move(record).error());
  co_return co_await run(std::move(*record), std::move(domain), top);
}

Task<SpfResult> Check::run(SpfRecord record, std::string domain, bool top) {
  for (const SpfMechanism& mechanism : record.mechanisms) {
    const Match match = co_await matches(mechanism, domain);
    if (match == Match::kTempError) {
      if (problem_.empty()) problem_ = "no answer from the DNS";
      co_return SpfResult::kTempError;
    }
    if (match == Match::kPermError) co_return perm_error("a mechanism fails");
    if (match == Match::kNo) continue;
    const SpfResult result = result_of(mechanism.qualifier);
    if (top && result == SpfResult::kFail) {
      exp_ = record.exp.value_or(std::string());
      exp_domain_ = domain;
    }
    co_return result;
  }
  if (!record.redirect) co_return SpfResult::kNeutral;
  if (!count_lookup()) co_return SpfResult::kPermError;
  const std::string target = co_await expand_domain(*record.redirect, domain);
  const SpfResult result = co_await host(target, top);
  if (result == SpfResult::kNone) co_return perm_error("redirect to a domain without a policy");
  co_return result;
}

Task<Check::Match> Check::matches(const SpfMechanism& mechanism, const std::string& domain) {
  switch (mechanism.kind) {
    case Kind::kAll: co_return Match::kYes;
    case Kind::kIp4:
      co_return client_.shares(mechanism.network, mechanism.prefix4) ? Match::kYes : Match::kNo;
    case Kind::kIp6:
      co_return client_.shares(mechanism.network, mechanism.prefix6) ? Match::kYes : Match::kNo;
    default: break;
  }
  if (!count_lookup()) co_return Match::kPermError;
  std::string name = mechanism.domain_spec.empty()
                         ? fit_domain(domain)
                         : co_await expand_domain(mechanism.domain_spec, domain);
  switch (mechanism.kind) {
    case Kind::kInclude: co_return co_await include(std::move(name));
    case Kind::kA: co_return co_await addresses(std::move(name), mechanism, true);
    case Kind::kMx: co_return co_await mx(std::move(name), mechanism);
    case Kind::kPtr: co_return co_await ptr(std::move(name));
    case Kind::kExists: co_return co_await exists(std::move(name));
    default: co_return Match::kNo;
  }
}

// Section 5.2.
Task<Check::Match> Check::include(std::string target) {
  switch (co_await host(std::move(target), false)) {
    case SpfResult::kPass: co_return Match::kYes;
    case SpfResult::kFail:
    case SpfResult::kSoftFail:
    case SpfResult::kNeutral: co_return Match::kNo;
    case SpfResult::kTempError: co_return Match::kTempError;
    case SpfResult::kPermError: co_return Match::kPermError;
    case SpfResult::kNone: break;
  }
  perm_error("include of a domain without a policy");
  co_return Match::kPermError;
}

Task<Check::Match> Check::addresses(std::string name, const SpfMechanism& mechanism, bool counted) {
  const auto answer =
      co_await (client_.v6 ? resolver_.aaaa(std::move(name)) : resolver_.a(std::move(name)));
  if (answer.outcome == Outcome::kTemporary) co_return Match::kTempError;
  if (counted && !count_void(answer)) co_return Match::kPermError;
  const unsigned prefix = client_.v6 ? mechanism.prefix6 : mechanism.prefix4;
  for (const std::string& text : answer.records) {
    const auto address = IpAddress::parse(text);
    if (address && client_.shares(*address, prefix)) co_return Match::kYes;
  }
  co_return Match::kNo;
}

Task<Check::Match> Check::mx(std::string name, const SpfMechanism& mechanism) {
  const auto answer = co_await resolver_.mx(std::move(name));
  if (answer.outcome == Outcome::kTemporary) co_return Match::kTempError;
  if (!count_void(answer)) co_return Match::kPermError;
  if (answer.records.size() > kSpfNamesMax) {
    perm_error("more than 10 MX records");
    co_return Match::kPermError;
  }
  for (const dns::Mx& record : answer.records) {
    if (record.host.empty()) continue;
    const Match match = co_await addresses(record.host, mechanism, false);
    if (match != Match::kNo) co_return match;
  }
  co_return Match::kNo;
}

// The client's names that lead back to it (section 5.5). Errors are no names.
Task<std::vector<std::string>> Check::validated_names() {
  if (validated_) co_return *validated_;
  validated_.emplace();
  const auto answer = co_await resolver_.ptr(client_.to_string());
  std::vector<std::string> good;
  for (std::size_t i = 0; i < std::min(answer.records.size(), kSpfNamesMax); ++i) {
    const std::string name = answer.records[i];
    if (co_await addresses(name, SpfMechanism{}, false) == Match::kYes)
      good.push_back(ascii_lower(name));
  }
  validated_ = good;
  co_return good;
}

bool is_name_below(std::string_view name, std::string_view domain) {
  return iequals(name, domain) || (name.size() > domain.size() &&
                                   iequals(name.substr(name.size() - domain.size()), domain) &&
                                   name[name.size() - domain.size() - 1] == '.');
}

Task<Check::Match> Check::ptr(std::string name) {
  for (const std::string& one : co_await validated_names()) {
    if (is_name_below(one, name)) co_return Match::kYes;
  }
  co_return Match::kNo;
}

Task<Check::Match> Check::exists(std::string name) {
  const auto answer = co_await resolver_.a(std::move(name));
  if (answer.outcome == Outcome::kTemporary) co_return Match::kTempError;
  if (!count_void(answer)) co_return Match::kPermError;
  co_return answer.found() && !answer.records.empty() ? Match::kYes : Match::kNo;
}

// Section 7.3: the domain itself if it is one of them, else one below it, else any.
Task<std::string> Check::validated_name(std::string domain) {
  const std::vector<std::string> names = co_await validated_names();
  const std::string* below = nullptr;
  for (const std::string& name : names) {
    if (iequals(name, domain)) co_return name;
    if (below == nullptr && is_name_below(name, domain)) below = &name;
  }
  if (below != nullptr) co_return *below;
  co_return names.empty() ? std::string("unknown") : names.front();
}

// Was checked when the record was parsed: it expands.
Task<std::string> Check::expand_domain(std::string spec, std::string domain) {
  macros_.domain = domain;
  if (uses_validated_name(spec)) macros_.validated = co_await validated_name(domain);
  macros_.domain = std::move(domain);
  co_return fit_domain(expand_macros(spec, macros_, false).value_or(std::string()));
}

// Section 6.2: every fault here leaves it empty.
Task<std::string> Check::explanation() {
  if (exp_.empty()) co_return std::string();
  const std::string name = co_await expand_domain(exp_, exp_domain_);
  const auto answer = co_await resolver_.txt(name);
  if (!answer.found() || answer.records.size() != 1) co_return std::string();
  const std::string text = answer.records.front();
  macros_.domain = exp_domain_;
  if (uses_validated_name(text)) macros_.validated = co_await validated_name(exp_domain_);
  std::string words = expand_macros(text, macros_, true).value_or(std::string());
  const bool ascii = std::ranges::all_of(words, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!ascii) co_return std::string();
  co_return words.substr(0, kExplanationMax);
}

}  // namespace

std::string_view to_string(SpfResult result) {
  switch (result) {
    case SpfResult::kNone: return "none";
    case SpfResult::kNeutral: return "neutral";
    case SpfResult::kPass: return "pass";
    case SpfResult::kFail: return "fail";
    case SpfResult::kSoftFail: return "softfail";
    case SpfResult::kTempError: return "temperror";
    case SpfResult::kPermError: return "permerror";
  }
  return "permerror";
}

Task<SpfVerdict> check_spf(dns::Resolver& resolver, SpfQuestion question) {
  SpfVerdict verdict;
  const auto client = IpAddress::parse(question.client);
  if (!client) co_return verdict;
  verdict.of_helo = question.sender.empty();
  std::string sender = verdict.of_helo ? "postmaster@" + question.helo : std::move(question.sender);
  const std::size_t at = sender.rfind('@');
  if (at == std::string::npos) co_return verdict;
  if (at == 0) sender.insert(0, "postmaster");  // section 4.3
  verdict.domain = sender.substr(sender.rfind('@') + 1);
  SpfMacros macros;
  macros.sender = std::move(sender);
  macros.client = *client;
  macros.helo = std::move(question.helo);
  macros.receiver = std::move(question.receiver);
  macros.time_s = std::chrono::floor<Seconds>(question.now).time_since_epoch().count();
  Check check(resolver, *client, std::move(macros));
  verdict.result = co_await check.host(verdict.domain, true);
  if (verdict.result == SpfResult::kFail) verdict.explanation = co_await check.explanation();
  const bool error =
      verdict.result == SpfResult::kTempError || verdict.result == SpfResult::kPermError;
  if (error) verdict.problem = check.problem();
  co_return verdict;
}

}  // namespace hauspost::mailauth
