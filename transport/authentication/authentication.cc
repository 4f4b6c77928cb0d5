#include "transport/authentication/authentication.h"

#include <algorithm>

#include "base/deadline.h"
#include "base/random.h"
#include "base/text.h"

namespace hauspost::mailauth {

namespace {

// What the questions about one message share. Each has its place; what was not answered keeps what
// stands there at first: a temporary error.
struct Inquiry {
  Inquiry(Executor executor, std::string_view message)
      : parts(split_message(message)), hashes(parts.body), done(executor) {}

  MessageParts parts;
  BodyHashes hashes;
  Condition done;
  std::size_t open = 0;

  std::optional<SpfVerdict> spf;
  std::vector<FoundSignature> signatures;
  std::optional<ArcChain> arc;
  struct From {
    std::string domain;
    DmarcFound found;
  };
  std::vector<From> from;
  bool more_from = false;  // From may name domains beyond those

  void ended() {
    --open;
    done.notify_all();
  }
};

Task<void> ask_spf(dns::Resolver& resolver, SpfQuestion question, Inquiry& inquiry) {
  inquiry.spf = co_await check_spf(resolver, std::move(question));
  inquiry.ended();
}

// A task each: a signer whose DNS is slow must not keep the others from being looked at.
Task<void> ask_signature(dns::Resolver& resolver, WallTime now, FoundSignature& one,
                         Inquiry& inquiry) {
  const std::int64_t now_s = std::chrono::floor<Seconds>(now).time_since_epoch().count();
  one.result = co_await check_signature(resolver, inquiry.parts, inquiry.hashes,
                                        std::move(*one.signature), one.own, now_s);
  inquiry.ended();
}

Task<void> ask_chain(dns::Resolver& resolver, WallTime now, Inquiry& inquiry) {
  inquiry.arc = co_await verify_arc(resolver, inquiry.parts, inquiry.hashes, now);
  inquiry.ended();
}

Task<void> ask_policy(dns::Resolver& resolver, const PublicSuffixes& suffixes, Inquiry::From& from,
                      Inquiry& inquiry) {
  from.found = co_await find_dmarc(resolver, suffixes, from.domain);
  inquiry.ended();
}

// Of several From domains the worst verdict counts: a second one must not cover the first.
DmarcVerdict worst(std::vector<DmarcVerdict> all) {
  const auto rank = [](const DmarcVerdict& one) {
    return std::pair(one.status == DmarcStatus::kFail   ? 2
                     : one.status == DmarcStatus::kPass ? 0
                                                        : 1,
                     one.applied);
  };
  if (all.empty()) return {};
  return *std::ranges::max_element(all, {}, rank);
}

bool is_trusted(const Settings& settings, const Verdicts& verdicts) {
  if (!verdicts.arc || verdicts.arc->status != ArcStatus::kPass) return false;
  // A seal says that its set is as it was, not that its sealer tells the truth: from the newest
  // down only those count who are trusted one after the other, and what the first of them saw.
  const std::vector<std::string>& sealers = verdicts.arc->sealers;
  std::size_t first = sealers.size();
  while (first > 0 && std::ranges::find(settings.trusted_sealers, sealers[first - 1]) !=
                          settings.trusted_sealers.end()) {
    --first;
  }
  return first < sealers.size() && says_dmarc_pass(verdicts.arc->results[first]);
}

Action action_by_policy(const Settings& settings, const Verdicts& verdicts) {
  if (!verdicts.dmarc || verdicts.dmarc->status != DmarcStatus::kFail ||
      settings.enforcement == Enforcement::kMonitor || !verdicts.override_reason.empty()) {
    return Action::kAccept;
  }
  switch (verdicts.dmarc->applied) {
    case DmarcPolicy::kNone: return Action::kAccept;
    case DmarcPolicy::kQuarantine: return Action::kJunk;
    case DmarcPolicy::kReject: break;
  }
  return settings.enforcement == Enforcement::kReject ? Action::kReject : Action::kJunk;
}

// More authors' domains than anybody means hide one that would fail (RFC 7489 section 6.6.1).
Action action_for(const Settings& settings, const Verdicts& verdicts) {
  const Action action = action_by_policy(settings, verdicts);
  const bool hidden = verdicts.dmarc && verdicts.dmarc->hidden;
  if (action != Action::kAccept || !hidden || settings.enforcement == Enforcement::kMonitor)
    return action;
  return Action::kJunk;
}

SpfVerdict unanswered_spf(const Question& question) {
  SpfVerdict verdict;
  verdict.result = SpfResult::kTempError;
  verdict.of_helo = question.sender.empty();
  const std::string& who = verdict.of_helo ? question.helo : question.sender;
  verdict.domain = who.substr(who.rfind('@') + 1);
  verdict.problem = "no answer in time";
  return verdict;
}

Verdicts collect(Inquiry& inquiry, const Settings& settings, const PublicSuffixes& suffixes,
                 Question question) {
  Verdicts verdicts;
  verdicts.spf = std::move(inquiry.spf);
  if (settings.dkim) verdicts.dkim.emplace();
  for (FoundSignature& one : inquiry.signatures) verdicts.dkim->push_back(std::move(one.result));
  verdicts.arc = std::move(inquiry.arc);
  // What had no time.
  if (settings.spf && !verdicts.spf) verdicts.spf = unanswered_spf(question);
  if (settings.arc && !verdicts.arc) verdicts.arc = ArcChain{.status = ArcStatus::kTempError};
  if (settings.dmarc) {
    const SpfVerdict spf = verdicts.spf.value_or(SpfVerdict{});
    const auto dkim = verdicts.dkim.value_or(std::vector<DkimResult>());
    const auto roll = static_cast<unsigned>(random_u64() % 100);
    std::vector<DmarcVerdict> all;
    for (Inquiry::From& from : inquiry.from) {
      all.push_back(judge_dmarc(suffixes, std::move(from.domain), from.found, spf, dkim, roll));
      if (all.back().status != DmarcStatus::kFail) continue;
      // Who was not asked cannot have failed to vouch for it.
      if (!settings.spf || !settings.dkim) all.back().status = DmarcStatus::kNone;
    }
    verdicts.dmarc = worst(std::move(all));
    verdicts.dmarc->hidden = inquiry.more_from && settings.spf && settings.dkim;
    if (verdicts.dmarc->hidden && verdicts.dmarc->status != DmarcStatus::kFail)
      verdicts.dmarc->status = DmarcStatus::kPermError;
  }
  verdicts.sender = std::move(question.sender);
  verdicts.helo = std::move(question.helo);
  verdicts.client = std::move(question.client);
  return verdicts;
}

Finding conclude(const Settings& settings, const PublicSuffixes& suffixes, Question question,
                 Inquiry& inquiry) {
  Finding finding;
  finding.verdicts = collect(inquiry, settings, suffixes, std::move(question));
  const bool failed =
      finding.verdicts.dmarc && finding.verdicts.dmarc->status == DmarcStatus::kFail;
  if (failed && is_trusted(settings, finding.verdicts)) {
    finding.verdicts.override_reason =
        "ARC chain of " + finding.verdicts.arc->sealers.back() + " is trusted";
  }
  finding.action = action_for(settings, finding.verdicts);
  return finding;
}

// Returns when all is answered, the time is over or the caller was cancelled.
Task<void> ask_all(dns::Resolver& resolver, const PublicSuffixes& suffixes,
                   const Settings& settings, SpfQuestion spf, Inquiry& inquiry) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup tasks(executor);
  const WallTime now = spf.now;
  if (settings.dkim) inquiry.signatures = find_signatures(inquiry.parts);
  const auto is_open = [](const FoundSignature& one) { return one.signature.has_value(); };
  inquiry.open = inquiry.from.size() + (settings.spf ? 1 : 0) + (settings.arc ? 1 : 0) +
                 static_cast<std::size_t>(std::ranges::count_if(inquiry.signatures, is_open));
  if (settings.spf) tasks.spawn("mailauth.spf", ask_spf(resolver, std::move(spf), inquiry));
  for (Inquiry::From& from : inquiry.from)
    tasks.spawn("mailauth.dmarc", ask_policy(resolver, suffixes, from, inquiry));
  for (FoundSignature& one : inquiry.signatures)
    if (one.signature) tasks.spawn("mailauth.dkim", ask_signature(resolver, now, one, inquiry));
  if (settings.arc) tasks.spawn("mailauth.arc", ask_chain(resolver, now, inquiry));
  Deadline limit(executor, [&tasks, &inquiry] {
    tasks.stop();
    inquiry.done.notify_all();
  });
  limit.start(settings.time_limit);
  while (inquiry.open > 0 && !tasks.stopping()) {
    if (!co_await inquiry.done.wait()) break;
  }
  if (inquiry.open > 0) tasks.stop();
  co_await tasks.join();
}

// Whose key is asked for.
std::string signing_domain(const MessageParts& parts, const Outgoing& outgoing) {
  if (!outgoing.ours) return to_a_labels(outgoing.via).value_or(std::string());
  const std::vector<std::string> from = from_domains(parts);
  if (!from.empty()) return from.front();
  return to_a_labels(outgoing.sender.substr(outgoing.sender.rfind('@') + 1))
      .value_or(std::string());
}

const std::vector<SigningKey>* keys_for(const SigningKeys& keys, std::string domain) {
  // A key of a parent signs for its subdomains too, and is aligned in DMARC's relaxed mode.
  while (domain.find('.') != std::string::npos) {
    if (const auto* found = keys.active(domain)) return found;
    domain.erase(0, domain.find('.') + 1);
  }
  return nullptr;
}

}  // namespace

std::vector<Network> private_networks() {
  return parse_networks(
             "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 ::1 fc00::/7 "
             "fe80::/10")
      .value();
}

Authentication::Authentication(const Clock& clock, dns::Resolver* resolver, std::string hostname)
    : clock_(clock),
      resolver_(resolver),
      hostname_(std::move(hostname)),
      settings_(std::make_shared<const Settings>(Settings{.skip = private_networks()})),
      keys_(std::make_shared<const SigningKeys>()) {}

bool Authentication::checks(std::string_view client) const {
  const Settings& on = *settings_;
  return resolver_ != nullptr && (on.spf || on.dkim || on.arc || on.dmarc) &&
         IpAddress::parse(client) && !contains(on.skip, client);
}

Task<Finding> Authentication::check(Question question) {
  auto settings = settings_;
  if (question.client.empty()) {
    Settings without_spf = *settings;
    without_spf.spf = false;
    settings = std::make_shared<const Settings>(std::move(without_spf));
  }
  const auto executor = co_await asio::this_coro::executor;
  Inquiry inquiry(executor, question.message);
  if (settings->dmarc) {
    for (std::string& domain : from_domains(inquiry.parts, &inquiry.more_from))
      inquiry.from.push_back({std::move(domain), {.status = DmarcStatus::kTempError}});
  }
  co_await ask_all(*resolver_, suffixes_, *settings,
                   {question.client, question.helo, question.sender, hostname_, clock_.now()},
                   inquiry);
  co_return conclude(*settings, suffixes_, std::move(question), inquiry);
}

Task<std::string> Authentication::sign(Outgoing outgoing) const {
  const auto settings = settings_;
  const auto keys = keys_;
  const bool wanted = outgoing.ours ? settings->sign : settings->seal && outgoing.verdicts;
  if (!wanted || keys->all().empty()) co_return std::string();
  const MessageParts parts = split_message(outgoing.message);
  const auto* found = keys_for(*keys, signing_domain(parts, outgoing));
  if (found == nullptr) co_return std::string();
  BodyHashes hashes(parts.body);
  const std::string body = (co_await hashes.of(Canonical::kRelaxed))->octets;
  const WallTime now = clock_.now();
  std::string out;
  for (const SigningKey& key : *found) {
    if (outgoing.ours) {
      out +=
          dkim_field(parts, key, body, std::chrono::floor<Seconds>(now).time_since_epoch().count());
    } else if (key.algorithm() == Algorithm::kRsaSha256 && outgoing.verdicts->arc) {
      // RFC 8617 knows RSA alone.
      co_return seal(parts, *outgoing.verdicts->arc,
                     results_value(authserv_id(), *outgoing.verdicts), key, body, now);
    }
  }
  co_return out;
}

}  // namespace hauspost::mailauth
