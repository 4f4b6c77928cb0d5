// CaresResolver: the Resolver of the server: asks by c-ares, keeps answers, asks the same thing
// once.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/condition.h"
#include "base/deadline.h"
#include "transport/dns/cache.h"
#include "transport/dns/channel.h"
#include "transport/dns/resolver.h"

namespace hauspost::dns {

enum class TrustAd : std::uint8_t {
  kAuto,  // where every server is on this machine: nobody can have changed its answers
  kYes,
  kNo,
};

struct ResolverOptions {
  std::vector<std::string> servers;  // as Channel::Options; empty: those of /etc/resolv.conf
  Milliseconds timeout{5'000};       // of the first try of a server
  std::uint32_t tries = 3;
  TrustAd trust_ad = TrustAd::kAuto;
  bool operator==(const ResolverOptions&) const = default;
};

struct ResolverLimits {
  Cache::Limits cache;
  std::size_t under_way_max = 200;   // questions; further ones wait
  std::size_t waiting_max = 10'000;  // those that wait; further ones are kTemporary at once
  Milliseconds deadline{30'000};     // of a question, waiting included
};

// REQUIRES: one thread; nobody awaits a call when it is destroyed.
class CaresResolver final : public Resolver {
 public:
  CaresResolver(Executor executor, ResolverOptions options, ResolverLimits limits = {});
  ~CaresResolver() override;

  Task<Answer<Mx>> mx(std::string name) override;
  Task<Answer<std::string>> a(std::string name) override;
  Task<Answer<std::string>> aaaa(std::string name) override;
  Task<Answer<std::string>> txt(std::string name) override;
  Task<Answer<Tlsa>> tlsa(std::string name) override;
  Task<Answer<std::string>> ptr(std::string address) override;
  // Records as parse_message() has them.
  Task<Answer<std::string>> records(std::string name, RecordType type);

  // Questions under way end with the servers they were asked of; the cache is emptied when the
  // servers changed.
  void configure(ResolverOptions options);
  const ResolverOptions& options() const { return options_; }
  std::vector<std::string> servers() const;
  bool trusts_ad() const { return trusts_ad_; }
  Cache& cache() { return cache_; }

 private:
  struct Pending;
  Task<Cache::Entry> look(Cache::Key key);
  void start(const std::shared_ptr<Pending>& pending);
  void answered(const std::shared_ptr<Pending>& pending, std::string_view bytes);
  void finish(const std::shared_ptr<Pending>& pending, Cache::Entry entry);
  void start_waiting();
  void open();
  void follow_system();

  Executor executor_;
  ResolverOptions options_;
  ResolverLimits limits_;
  Cache cache_;
  std::unique_ptr<Channel> channel_;               // null: the servers are not usable
  std::vector<std::unique_ptr<Channel>> retired_;  // with questions under way
  bool trusts_ad_ = false;
  // Shared with the callbacks of questions that nobody waits for any more.
  std::map<Cache::Key, std::shared_ptr<Pending>> pending_;
  std::deque<std::shared_ptr<Pending>> waiting_;
  std::size_t under_way_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // for what is posted and comes too late
  std::chrono::steady_clock::time_point looked_at_system_{};
  std::int64_t system_stamp_ = 0;  // of /etc/resolv.conf's last change
};

}  // namespace hauspost::dns
