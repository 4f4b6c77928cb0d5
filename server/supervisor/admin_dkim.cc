// dkim create, list, show, check, activate, rotate and remove. Keys are files that the supervisor
// writes and transport reads.
#include <fmt/format.h>

#include <algorithm>

#include "base/side_thread.h"
#include "base/text.h"
#include "server/child/mailauth.pb.h"
#include "server/child/transport_secrets.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/ask_transport.h"
#include "transport/authentication/domains.h"
#include "transport/authentication/signing_keys.h"

namespace hauspost::supervisor {

namespace {

using mailauth::Algorithm;
using mailauth::KeyState;
using mailauth::SigningKey;
using mailauth::SigningKeys;

constexpr Duration kPublishedTime = std::chrono::seconds(60);  // the DNS may be slow
constexpr Duration kReloadTime = std::chrono::seconds(5);
constexpr unsigned kBitsDefault = 2048;

std::string keys_folder(const Supervisor& supervisor) {
  return child::transport_secrets_folder(supervisor.options().data_root) + "/dkim";
}

std::string_view algorithm_word(Algorithm algorithm) {
  return algorithm == Algorithm::kRsaSha256 ? "rsa" : "ed25519";
}

void to_wire(const SigningKey& from, admin::DkimKey& to) {
  to.set_domain(from.domain);
  to.set_selector(from.selector);
  to.set_algorithm(std::string(algorithm_word(from.algorithm())));
  to.set_bits(from.key.bits());
  to.set_state(std::string(to_string(from.state)));
  to.set_created_s(from.created_s);
  to.set_changed_s(from.changed_s);
  to.set_record_name(from.record_name());
  to.set_record(from.record());
}

Result<std::string> domain_from(const std::string& name) {
  auto domain = mailauth::to_a_labels(name);
  if (!domain || domain->find('.') == std::string::npos)
    return fail(ErrorCode::kInvalid, escape_for_log(name, 80) + " is not a domain");
  return std::move(*domain);
}

// Those of a domain, or of all; of one selector, or of all.
std::vector<SigningKey> keys_of(const SigningKeys& keys, std::string_view domain,
                                std::string_view selector) {
  std::vector<SigningKey> out;
  for (const SigningKey& key : keys.all()) {
    if (!domain.empty() && key.domain != domain) continue;
    if (!selector.empty() && !iequals(key.selector, selector)) continue;
    out.push_back(key);
  }
  return out;
}

Result<std::vector<SigningKey>> find_keys(const SigningKeys& keys, const std::string& name,
                                          const std::string& selector) {
  TRY_ASSIGN(const std::string domain, domain_from(name));
  auto found = keys_of(keys, domain, selector);
  if (!found.empty()) return found;
  const std::string of = selector.empty() ? "" : " of selector " + escape_for_log(selector, 80);
  return fail(ErrorCode::kNotFound,
              fmt::format("{} has no DKIM key{}; see: hauspost dkim list", domain, of));
}

// What is to be made: algorithms and the bits of RSA.
struct Wish {
  std::vector<Algorithm> algorithms;
  unsigned bits = kBitsDefault;
};

Result<Wish> wish_from(const admin::DkimCreateRequest& request,
                       const std::vector<SigningKey>& existing) {
  Wish wish;
  for (const SigningKey& key : existing) {
    if (key.state != KeyState::kActive) continue;
    if (request.rotate() && request.algorithm().empty()) wish.algorithms.push_back(key.algorithm());
    if (key.algorithm() == Algorithm::kRsaSha256)
      wish.bits = std::max(kBitsDefault, key.key.bits());
  }
  if (request.rotate() && wish.algorithms.empty() && request.algorithm().empty())
    return fail(ErrorCode::kNotFound, fmt::format("{} has no active DKIM key to rotate; see: "
                                                  "hauspost dkim create",
                                                  escape_for_log(request.name(), 80)));
  const std::string& word = request.algorithm();
  if (word == "rsa" || word == "both") wish.algorithms.push_back(Algorithm::kRsaSha256);
  if (word == "ed25519" || word == "both") wish.algorithms.push_back(Algorithm::kEd25519Sha256);
  if (wish.algorithms.empty() && !word.empty())
    return fail(ErrorCode::kInvalid, "an algorithm is rsa, ed25519 or both");
  if (wish.algorithms.empty()) wish.algorithms.push_back(Algorithm::kRsaSha256);
  if (request.bits() != 0) wish.bits = request.bits();
  if (wish.bits < crypto::PrivateKey::kRsaBitsLeast || wish.bits > crypto::PrivateKey::kRsaBitsMost)
    return fail(ErrorCode::kInvalid,
                fmt::format("RSA keys have from {} to {} bits", crypto::PrivateKey::kRsaBitsLeast,
                            crypto::PrivateKey::kRsaBitsMost));
  return wish;
}

// "hp20261122", with "-ed" for Ed25519, and a number behind it where that is taken.
std::string free_selector(const std::vector<SigningKey>& existing, Algorithm algorithm) {
  const std::chrono::year_month_day today(
      std::chrono::floor<std::chrono::days>(system_clock().now()));
  const std::string base = fmt::format(
      "hp{:04}{:02}{:02}{}", static_cast<int>(today.year()), static_cast<unsigned>(today.month()),
      static_cast<unsigned>(today.day()), algorithm == Algorithm::kRsaSha256 ? "" : "-ed");
  std::string selector = base;
  for (int i = 2; std::ranges::find(existing, selector, &SigningKey::selector) != existing.end();
       ++i)
    selector = fmt::format("{}-{}", base, i);
  return selector;
}

// With several algorithms a selector that was given gets "-ed" for the second.
Result<std::string> selector_for(const std::string& given, const Wish& wish, Algorithm algorithm,
                                 const std::vector<SigningKey>& existing) {
  if (given.empty()) return free_selector(existing, algorithm);
  std::string selector = ascii_lower(given);
  if (wish.algorithms.size() > 1 && algorithm == Algorithm::kEd25519Sha256) selector += "-ed";
  if (!mailauth::is_dns_name(selector) || selector.find("_domainkey") != std::string::npos)
    return fail(ErrorCode::kInvalid, escape_for_log(given, 80) + " cannot be a selector");
  if (std::ranges::find(existing, selector, &SigningKey::selector) != existing.end())
    return fail(ErrorCode::kExists,
                fmt::format("the selector {} is taken; leave it away and one is chosen", selector));
  return selector;
}

// Keys take seconds where they are long: made beside.
Task<Result<crypto::PrivateKey>> make_key(Algorithm algorithm, unsigned bits) {
  if (algorithm == Algorithm::kEd25519Sha256) co_return crypto::PrivateKey::make_ed25519();
  SideThread side(co_await asio::this_coro::executor);
  // Shared: who waits may leave before the work has ended.
  const auto made = std::make_shared<std::optional<Result<crypto::PrivateKey>>>();
  CO_TRY(co_await side.perform([made, bits](const std::atomic<bool>&) {
    made->emplace(crypto::PrivateKey::make_rsa(bits));
  }));
  co_return std::move(**made);
}

Task<void> reload_keys(Supervisor& supervisor) {
  const auto control = supervisor.transport().control();
  if (!control) co_return;  // it reads them when it starts
  const auto told =
      co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kMailauthReload),
                             std::string_view(), kReloadTime);
  if (!told) log::warning("dkim.reload_failed", {{"cause", told.error()}});
}

// Notes in `keys` what the DNS has of each. kUnavailable: transport does not run.
Task<Result<>> compare_published(Supervisor& supervisor,
                                 google::protobuf::RepeatedPtrField<admin::DkimKey>& keys) {
  child::wire::DkimCheckRequest request;
  for (const admin::DkimKey& key : keys) {
    auto* one = request.add_keys();
    one->set_name(key.record_name());
    one->set_record(key.record());
  }
  CO_TRY_ASSIGN(
      const auto reply,
      co_await ask_transport<child::wire::DkimCheckReply>(
          supervisor, {child::ControlMethod::kDkimCheck, kPublishedTime, "nobody asks the DNS"},
          request.SerializeAsString()));
  if (reply.results_size() != keys.size())
    co_return fail(ErrorCode::kCorrupt, "transport's answer does not parse");
  for (int i = 0; i < keys.size(); ++i) {
    keys[i].set_published(reply.results(i).outcome());
    for (const std::string& text : reply.results(i).found()) keys[i].add_found(text);
  }
  co_return Result<>{};
}

std::string why_not_yet(const admin::DkimKey& key) {
  const std::string cause = key.published() == "missing"     ? "the DNS has no record "
                            : key.published() == "no answer" ? "the DNS does not answer about "
                                                             : "the DNS has something else at ";
  return fmt::format(
      "{}{} ({}): receivers could not check signatures. Publish it as shown by: "
      "hauspost dkim show {} {}; or activate it with --force",
      cause, key.record_name(), key.published(), key.domain(), key.selector());
}

}  // namespace

Task<Result<admin::DkimCreateReply>> AdminService::dkim_create(admin::DkimCreateRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(const std::string domain, domain_from(request.name()));
  CO_TRY_ASSIGN(const auto entry, supervisor_.directory().reader().domain(domain));
  if (!entry)
    co_return fail(ErrorCode::kNotFound, fmt::format("{0} is not a domain of this server; see: "
                                                     "hauspost domain add {0}",
                                                     domain));
  const std::string folder = keys_folder(supervisor_);
  auto existing = keys_of(SigningKeys::load(folder), domain, {});
  CO_TRY_ASSIGN(const Wish wish, wish_from(request, existing));
  if (existing.size() + wish.algorithms.size() > mailauth::kKeysOfDomainMax)
    co_return fail(ErrorCode::kExhausted,
                   fmt::format("{0} has {1} DKIM keys: remove old ones first; see: hauspost dkim "
                               "list {0}",
                               domain, existing.size()));
  admin::DkimCreateReply reply;
  std::vector<SigningKey> fresh;
  for (const Algorithm algorithm : wish.algorithms) {
    CO_TRY_ASSIGN(std::string selector,
                  selector_for(request.selector(), wish, algorithm, existing));
    CO_TRY_ASSIGN(auto key, co_await make_key(algorithm, wish.bits));
    const std::int64_t now = unix_now();
    existing.push_back({domain, std::move(selector), KeyState::kStaged, now, now, std::move(key)});
    fresh.push_back(existing.back());
  }
  for (const SigningKey& key : fresh) {
    to_wire(key, *reply.add_keys());
    if (request.dry_run()) continue;
    CO_TRY(mailauth::write_key(folder, key));
    CO_TRY(supervisor_.ownership().give_secrets());
  }
  if (!request.dry_run()) co_await reload_keys(supervisor_);
  co_return reply;
}

Task<Result<admin::DkimListReply>> AdminService::dkim_list(admin::DkimListRequest request) {
  const SigningKeys keys = SigningKeys::load(keys_folder(supervisor_));
  admin::DkimListReply reply;
  for (const std::string& fault : keys.faults()) reply.add_faults(fault);
  if (request.name().empty()) {
    for (const SigningKey& key : keys.all()) to_wire(key, *reply.add_keys());
    co_return reply;
  }
  CO_TRY_ASSIGN(const auto found, find_keys(keys, request.name(), request.selector()));
  for (const SigningKey& key : found) to_wire(key, *reply.add_keys());
  co_return reply;
}

Task<Result<admin::DkimCheckReply>> AdminService::dkim_check(admin::DkimCheckRequest request) {
  const SigningKeys keys = SigningKeys::load(keys_folder(supervisor_));
  CO_TRY_ASSIGN(const auto found, find_keys(keys, request.name(), request.selector()));
  admin::DkimCheckReply reply;
  for (const SigningKey& key : found) to_wire(key, *reply.add_keys());
  CO_TRY(co_await compare_published(supervisor_, *reply.mutable_keys()));
  co_return reply;
}

Task<Result<admin::DkimActivateReply>> AdminService::dkim_activate(
    admin::DkimActivateRequest request) {
  const std::string folder = keys_folder(supervisor_);
  if (request.selector().empty()) co_return fail(ErrorCode::kInvalid, "name the selector");
  if (!request.force()) {  // before the turn: the DNS may take its time
    CO_TRY_ASSIGN(const auto found,
                  find_keys(SigningKeys::load(folder), request.name(), request.selector()));
    google::protobuf::RepeatedPtrField<admin::DkimKey> asked;
    to_wire(found.front(), *asked.Add());
    CO_TRY(co_await compare_published(supervisor_, asked));
    if (asked[0].published() != "good")
      co_return fail(ErrorCode::kUnavailable, why_not_yet(asked[0]));
  }
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const SigningKeys keys = SigningKeys::load(folder);
  CO_TRY_ASSIGN(auto found, find_keys(keys, request.name(), request.selector()));
  SigningKey& chosen = found.front();
  std::vector<SigningKey> changed;
  if (chosen.state != KeyState::kActive) changed.push_back(chosen);
  for (SigningKey& other : keys_of(keys, chosen.domain, {})) {
    const bool replaced = other.state == KeyState::kActive && other.selector != chosen.selector &&
                          other.algorithm() == chosen.algorithm();
    if (replaced) changed.push_back(std::move(other));
  }
  admin::DkimActivateReply reply;
  // The new one first: for a moment both sign rather than none.
  for (SigningKey& key : changed) {
    key.state = key.selector == chosen.selector ? KeyState::kActive : KeyState::kRetired;
    key.changed_s = unix_now();
    if (!request.dry_run()) {
      CO_TRY(mailauth::write_key(folder, key));
      CO_TRY(supervisor_.ownership().give_secrets());
    }
    to_wire(key, *reply.add_keys());
  }
  if (changed.empty()) to_wire(chosen, *reply.add_keys());
  if (!request.dry_run()) co_await reload_keys(supervisor_);
  co_return reply;
}

Task<Result<admin::DkimRemoveReply>> AdminService::dkim_remove(admin::DkimRemoveRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  if (request.selector().empty()) co_return fail(ErrorCode::kInvalid, "name the selector");
  const std::string folder = keys_folder(supervisor_);
  CO_TRY_ASSIGN(const auto found,
                find_keys(SigningKeys::load(folder), request.name(), request.selector()));
  const SigningKey& key = found.front();
  if (key.state == KeyState::kActive && !request.force()) {
    co_return fail(ErrorCode::kDenied,
                   fmt::format("the key {} of {} signs mail: activate another first, or give "
                               "--force and mail leaves without its signature",
                               key.selector, key.domain));
  }
  admin::DkimRemoveReply reply;
  to_wire(key, *reply.mutable_key());
  if (request.dry_run()) co_return reply;
  CO_TRY(mailauth::remove_key(folder, key.domain, key.selector));
  co_await reload_keys(supervisor_);
  co_return reply;
}

}  // namespace hauspost::supervisor
