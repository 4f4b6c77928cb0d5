#include "transport/dns/sts_policies.h"


#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/durable_file.h"
#include "base/log.h"
#include "base/text.h"

namespace hauspost::dns {

namespace {

namespace fs = std::filesystem;

constexpr Seconds kRenewAfter{86'400};  // RFC 8461 section 10.2 asks for "daily"

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count();
}

// The domain is a file name: nothing but what a host name has.
bool is_file_name(std::string_view domain) {
  const auto fits = [](char c) {
    return is_digit(c) || is_alpha(c) || c == '-' || c == '_' || c == '.';
  };
  return !domain.empty() && domain.size() <= 200 && domain.front() != '.' &&
         std::ranges::all_of(domain, fits);
}

// "id: ", "fetched: " and the policy's own lines, which have no such keys.
std::string to_file(const std::string& id, WallTime fetched, const StsPolicy& policy) {
  std::string text = "id: " + id + "\nfetched: " + std::to_string(seconds_of(fetched)) + "\n";
  for (const std::string& line : lines_of(policy)) text += line + "\n";
  return text;
}

std::optional<std::string> head_line(std::istream& in, std::string_view key) {
  std::string line;
  if (!std::getline(in, line) || !line.starts_with(key)) return std::nullopt;
  return line.substr(key.size());
}

}  // namespace

StsPolicies::StsPolicies(Executor executor, Resolver& resolver, PolicyFetcher& fetcher,
                         const Clock& clock, Options options)
    : resolver_(resolver),
      fetcher_(fetcher),
      clock_(clock),
      options_(std::move(options)),
      fetched_(executor) {
  if (!options_.folder.empty()) read_folder();
}

const StsPolicies::Entry* StsPolicies::valid(const std::string& domain) const {
  const auto found = policies_.find(domain);
  if (found == policies_.end()) return nullptr;
  const Entry& entry = found->second;
  const WallTime now = clock_.now();
  // A clock that was set back makes no policy young again.
  const bool holds =
      now >= entry.fetched - Seconds(3600) && now < entry.fetched + entry.policy.max_age;
  return holds ? &entry : nullptr;
}

Task<StsAnswer> StsPolicies::find(std::string domain) {
  const Answer<std::string> record = co_await resolver_.txt("_mta-sts." + domain);
  const auto id = record.found() ? sts_id(record.records) : std::nullopt;
  const Entry* kept = valid(domain);
  if (id) {
    const bool current = kept != nullptr && kept->id == *id;
    const Seconds renew_after =
        kept != nullptr ? std::min(kRenewAfter, kept->policy.max_age / 2) : Seconds(0);
    if (!current || clock_.now() - kept->fetched >= renew_after) co_await renew(domain, *id);
  }
  kept = valid(domain);
  StsAnswer answer;
  if (kept != nullptr) answer.policy = kept->policy;
  const auto missed = missed_.find(domain);
  if (id && missed != missed_.end()) {
    answer.failure = missed->second.failure;
    answer.detail = missed->second.detail;
  }
  co_return answer;
}

Task<void> StsPolicies::renew(std::string domain, std::string id) {
  if (fetching_.contains(domain)) {
    // Somebody else's fetch is as good as ours.
    while (fetching_.contains(domain))
      if (!co_await fetched_.wait()) co_return;
    co_return;
  }
  const auto missed = missed_.find(domain);
  if (missed != missed_.end() && missed->second.id == id &&
      clock_.steady() - missed->second.when < options_.retry_after)
    co_return;
  struct Mark {
    Mark(StsPolicies& of, std::string what) : owner(of), name(std::move(what)) {
      owner.fetching_.insert(name);
    }
    ~Mark() {
      owner.fetching_.erase(name);
      owner.fetched_.notify_all();
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    StsPolicies& owner;
    std::string name;
  };
  const Mark mark(*this, domain);
  const auto body =
      co_await fetcher_.fetch("https://mta-sts." + domain + "/.well-known/mta-sts.txt");
  if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
  if (body)
    take(domain, id, *body);
  else
    miss(domain, id, body.error().kind, body.error().text);
}

void StsPolicies::take(const std::string& domain, const std::string& id, std::string_view body) {
  auto policy = parse_sts_policy(body);
  if (!policy) {
    miss(domain, id, TlsFailure::kStsPolicyInvalid, policy.error().text);
    return;
  }
  missed_.erase(domain);
  if (!policies_.contains(domain)) make_room();
  Entry& entry = policies_[domain];
  entry = Entry{id, std::move(*policy), clock_.now()};
  log::info("sts.policy_fetched", {{"domain", domain},
                                   {"id", id},
                                   {"mode", to_string(entry.policy.mode)},
                                   {"max_age_s", entry.policy.max_age.count()}});
  write_file(domain, entry);
}

void StsPolicies::miss(const std::string& domain, const std::string& id, TlsFailure failure,
                       std::string detail) {
  log::warning("sts.policy_unavailable", {{"domain", domain}, {"cause", detail}});
  if (missed_.size() >= options_.policies_max) missed_.clear();
  missed_[domain] = Missed{clock_.steady(), id, failure, std::move(detail)};
}

// The one that would end first makes room for another.
void StsPolicies::make_room() {
  while (policies_.size() >= std::max<std::size_t>(options_.policies_max, 1)) {
    const auto first = std::ranges::min_element(policies_, {}, [](const auto& entry) {
      return entry.second.fetched + entry.second.policy.max_age;
    });
    remove(std::string(first->first));
  }
}

void StsPolicies::remove(const std::string& domain) {
  policies_.erase(domain);
  std::error_code ignored;
  if (!options_.folder.empty()) fs::remove(fs::path(options_.folder) / domain, ignored);
}

std::vector<StsPolicies::Kept> StsPolicies::kept() const {
  std::vector<Kept> all;
  for (const auto& [domain, entry] : policies_)
    all.push_back({domain, entry.id, entry.policy, entry.fetched});
  return all;
}

std::size_t StsPolicies::forget(std::string_view domain) {
  std::vector<std::string> gone;
  for (const auto& [name, entry] : policies_)
    if (domain.empty() || name == domain) gone.push_back(name);
  for (const std::string& name : gone) remove(name);
  if (domain.empty())
    missed_.clear();
  else if (const auto missed = missed_.find(domain); missed != missed_.end())
    missed_.erase(missed);
  return gone.size();
}

void StsPolicies::read_folder() {
  std::error_code failed;
  fs::create_directories(options_.folder, failed);
  for (fs::directory_iterator it(options_.folder, failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string domain = it->path().filename().string();
    if (!is_file_name(domain)) continue;
    std::ifstream in(it->path());
    auto id = head_line(in, "id: ");
    const auto fetched_text = head_line(in, "fetched: ");
    const auto fetched = fetched_text ? parse_u64(*fetched_text) : std::nullopt;
    std::ostringstream rest;
    if (in) rest << in.rdbuf();
    auto policy = parse_sts_policy(rest.str());
    if (!id || !fetched || *fetched > UINT32_MAX || !policy) {
      log::warning("sts.file_unreadable", {{"file", it->path().string()}});
      continue;
    }
    policies_[domain] = Entry{std::move(*id), std::move(*policy),
                              WallTime(Seconds(static_cast<std::int64_t>(*fetched)))};
    if (policies_.size() >= options_.policies_max) break;
  }
  if (failed)
    log::warning("sts.folder_unreadable",
                 {{"folder", options_.folder}, {"cause", failed.message()}});
}

// A policy that is lost is fetched again: what cannot be written is only logged.
void StsPolicies::write_file(const std::string& domain, const Entry& entry) const {
  if (options_.folder.empty() || !is_file_name(domain)) return;
  const std::string path = options_.folder + "/" + domain;
  if (const auto written = replace_file(path, to_file(entry.id, entry.fetched, entry.policy)); !written)
    log::warning("sts.file_unwritable", {{"cause", written.error()}});
}

}  // namespace hauspost::dns
