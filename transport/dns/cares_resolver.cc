#include "transport/dns/cares_resolver.h"

#include <sys/stat.h>

#include <asio/post.hpp>

#include <algorithm>

#include "base/log.h"
#include "base/metrics.h"
#include "base/network.h"
#include "base/random.h"

namespace hauspost::dns {

namespace {

constexpr std::size_t kQuestionsOfChainMax = 8;  // RFC 1034 asks for a bound, not for which
constexpr char kSystemFile[] = "/etc/resolv.conf";
constexpr std::chrono::seconds kSystemLookEvery(30);
constexpr std::uint8_t kFormErr = 1;
constexpr std::uint8_t kNotImplemented = 4;

std::int64_t system_stamp() {
  struct stat status{};
  if (::stat(kSystemFile, &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
}

Cache::Entry temporary(const Cache::Key& key) { return {key, {}, false}; }

metrics::CounterFamily g_answers("hauspost_dns_answers_total",
                                 "Answers to questions of transport, from the cache too, by outcome.",
                                 {"outcome"});

std::string_view word_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kFound: return "found";
    case Outcome::kNoData: return "no_data";
    case Outcome::kNoName: return "no_name";
    case Outcome::kTemporary: return "temporary";
  }
  return "temporary";
}

template <class Record>
Answer<Record> typed(Answer<std::string> from, std::optional<Record> (*convert)(std::string_view)) {
  Answer<Record> to{from.outcome, {}, from.ttl, from.authentic, std::move(from.canonical)};
  for (const std::string& text : from.records)
    if (auto record = convert(text)) to.records.push_back(std::move(*record));
  if (to.found() && to.records.empty()) to.outcome = Outcome::kNoData;
  g_answers.with({word_of(to.outcome)}).add();
  return to;
}

}  // namespace

struct CaresResolver::Pending {
  Pending(Executor executor, Cache::Key asked, std::function<void()> expired)
      : key(std::move(asked)), done(executor), deadline(executor, std::move(expired)) {}
  Cache::Key key;
  std::optional<Cache::Entry> entry;
  Condition done;
  Deadline deadline;
  bool edns = true;
  bool started = false;
  bool trusted = false;  // AD counts for it
};

CaresResolver::CaresResolver(Executor executor, ResolverOptions options, ResolverLimits limits)
    : executor_(executor), options_(std::move(options)), limits_(limits), cache_(limits.cache) {
  open();
}

CaresResolver::~CaresResolver() {
  alive_.reset();
  waiting_.clear();
  channel_.reset();
  retired_.clear();
}

void CaresResolver::open() {
  Channel::Options how;
  how.servers = options_.servers;
  how.timeout = options_.timeout;
  how.tries = static_cast<int>(options_.tries);
  system_stamp_ = system_stamp();
  auto channel = Channel::open(executor_, how);
  if (channel_) retired_.push_back(std::move(channel_));
  if (!channel) log::error("dns.servers_unusable", {{"cause", channel.error()}});
  channel_ = channel ? std::move(*channel) : nullptr;
  const auto loopback = parse_networks("127.0.0.0/8 ::1").value_or(std::vector<Network>());
  trusts_ad_ = options_.trust_ad == TrustAd::kYes;
  if (options_.trust_ad == TrustAd::kAuto && channel_)
    trusts_ad_ = std::ranges::all_of(channel_->servers(), [&](const std::string& server) {
      return contains(loopback, server_address(server));
    });
}

void CaresResolver::configure(ResolverOptions options) {
  if (options == options_) return;
  const bool others = options.servers != options_.servers || options.trust_ad != options_.trust_ad;
  options_ = std::move(options);
  open();
  if (others) cache_.forget("");
}

// A laptop's or a DHCP client's resolv.conf changes under a running server.
void CaresResolver::follow_system() {
  std::erase_if(retired_, [](const auto& channel) { return channel->under_way() == 0; });
  const auto now = std::chrono::steady_clock::now();
  if (!options_.servers.empty() || now - looked_at_system_ < kSystemLookEvery) return;
  looked_at_system_ = now;
  if (system_stamp() != system_stamp_) open();
}

std::vector<std::string> CaresResolver::servers() const {
  return channel_ ? channel_->servers() : std::vector<std::string>();
}

Task<Answer<Mx>> CaresResolver::mx(std::string name) {
  auto answer = typed<Mx>(co_await records(std::move(name), RecordType::kMx), mx_from);
  std::ranges::sort(answer.records, {}, &Mx::preference);
  co_return answer;
}

Task<Answer<std::string>> CaresResolver::a(std::string name) {
  return records(std::move(name), RecordType::kA);
}

Task<Answer<std::string>> CaresResolver::aaaa(std::string name) {
  return records(std::move(name), RecordType::kAaaa);
}

Task<Answer<std::string>> CaresResolver::txt(std::string name) {
  return records(std::move(name), RecordType::kTxt);
}

Task<Answer<Tlsa>> CaresResolver::tlsa(std::string name) {
  co_return typed<Tlsa>(co_await records(std::move(name), RecordType::kTlsa), tlsa_from);
}

Task<Answer<std::string>> CaresResolver::ptr(std::string address) {
  auto name = reverse_name(address);
  if (!name) co_return Answer<std::string>{.outcome = Outcome::kNoName};
  co_return co_await records(std::move(*name), RecordType::kPtr);
}

Task<Answer<std::string>> CaresResolver::records(std::string name, RecordType type) {
  const auto asked = normal_name(name);
  if (!asked) co_return Answer<std::string>{.outcome = Outcome::kNoName};
  Cache::Entry entry = co_await look({type, *asked});
  for (std::size_t i = 1; entry.open_end; ++i) {
    const auto next = normal_name(entry.answer.canonical);
    if (!next || i >= kQuestionsOfChainMax) co_return Answer<std::string>{};
    Cache::Entry rest = co_await look({type, *next});
    rest.answer.ttl = std::min(rest.answer.ttl, entry.answer.ttl);
    rest.answer.authentic = rest.answer.authentic && entry.answer.authentic;
    if (rest.answer.canonical.empty()) rest.answer.canonical = *next;
    entry = std::move(rest);
  }
  co_return std::move(entry.answer);
}

Task<Cache::Entry> CaresResolver::look(Cache::Key key) {
  if (const auto* kept = cache_.find(key, std::chrono::steady_clock::now())) co_return *kept;
  std::shared_ptr<Pending> pending;
  if (const auto same = pending_.find(key); same != pending_.end()) {
    pending = same->second;
  } else {
    follow_system();
    if (waiting_.size() >= limits_.waiting_max) co_return temporary(key);
    // It outlives its entry in the map while somebody waits; the deadline ends with it.
    pending = std::make_shared<Pending>(executor_, key, [this, key] {
      const auto late = pending_.find(key);
      if (late != pending_.end()) finish(std::shared_ptr(late->second), temporary(key));
    });
    pending_.emplace(key, pending);
    pending->deadline.start(limits_.deadline);
    waiting_.push_back(pending);
    start_waiting();
  }
  while (!pending->entry)
    if (!co_await pending->done.wait()) co_return temporary(key);
  co_return *pending->entry;
}

void CaresResolver::start_waiting() {
  while (under_way_ < limits_.under_way_max && !waiting_.empty()) {
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    if (!next->entry) start(next);  // else its time was up
  }
}

void CaresResolver::start(const std::shared_ptr<Pending>& pending) {
  if (!channel_) {
    finish(pending, temporary(pending->key));
    return;
  }
  ++under_way_;
  pending->trusted = trusts_ad_;
  const auto id = static_cast<std::uint16_t>(random_u64());
  channel_->ask(make_question(id, pending->key.second, pending->key.first, pending->edns,
                              pending->edns && trusts_ad_),
                [this, pending](std::string_view bytes) {
                  --under_way_;
                  answered(pending, bytes);
                });
}

void CaresResolver::answered(const std::shared_ptr<Pending>& pending, std::string_view bytes) {
  const auto& [type, name] = pending->key;
  auto message = bytes.empty() ? std::nullopt : parse_message(bytes, name, type);
  const bool no_edns =
      message && pending->edns && (message->rcode == kFormErr || message->rcode == kNotImplemented);
  if (no_edns) {
    // RFC 6891 section 7: an old server is asked without. Not from within c-ares's own callback.
    pending->edns = false;
    if (!pending->entry) waiting_.push_front(pending);
  } else {
    Cache::Entry entry = temporary(pending->key);
    if (message && !message->truncated) {
      entry.answer = std::move(message->answer);
      entry.answer.authentic = message->authentic && pending->trusted;
      entry.open_end = message->open_end;
    }
    cache_.put(entry, std::chrono::steady_clock::now());
    finish(pending, std::move(entry));
  }
  asio::post(executor_, [this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) start_waiting();
  });
}

void CaresResolver::finish(const std::shared_ptr<Pending>& pending, Cache::Entry entry) {
  if (pending->entry) return;
  pending->entry = std::move(entry);
  pending->deadline.stop();
  pending->done.notify_all();
  const auto mine = pending_.find(pending->key);
  if (mine != pending_.end() && mine->second == pending) pending_.erase(mine);
}

}  // namespace hauspost::dns
