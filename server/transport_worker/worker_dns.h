// WorkerDns: transport's look at names: resolvers as the directory's settings want them, next hops,
// MTA-STS policies, reports about TLS, and the questions about all of it.
#pragma once

#include <functional>
#include <memory>

#include "base/task_group.h"
#include "server/child/helper_pool.h"
#include "server/directory/dns_settings.h"
#include "transport/dns/cares_resolver.h"
#include "transport/dns/hop_finder.h"
#include "transport/dns/sts_policies.h"
#include "transport/dns/tls_reporter.h"

namespace hauspost::transport_worker {

// REQUIRES: one thread, the process's main one; the tasks of start() and all calls have ended
// before destruction.
class WorkerDns {
 public:
  // `reader` and `clock` outlive it; `mailer` is first called after start(). Reads DATA/mta-sts and
  // DATA/tls-reports: blocks shortly. Asks nobody anything.
  WorkerDns(Executor executor, const std::string& data_root, std::string hostname,
            const directory::DirectoryReader& reader, const Clock& clock,
            dns::TlsReporter::Mailer mailer);
  ~WorkerDns();

  dns::Resolver& resolver() { return resolver_; }
  // Asks the external servers about domains and the others about smart hosts.
  dns::HopFinder& hops() { return hops_; }
  dns::TlsResults& results() { return reports_; }

  // The tasks that follow the settings and send reports.
  void start(TaskGroup& tasks);
  // Writes what was counted: blocks shortly.
  void save();

  // dns.proto: the bodies of the requests and of their replies.
  Task<Result<std::string>> lookup(std::string body);
  Task<Result<std::string>> find_hops(std::string body);
  Result<std::string> cache(const std::string& body);
  Task<Result<std::string>> report(std::string body);

 private:
  class Fetcher;
  // The external servers where there are some, else the others, so that nothing is asked twice.
  class Outside final : public dns::Resolver {
   public:
    explicit Outside(dns::CaresResolver& resolver) : now_(&resolver) {}
    void turn_to(dns::CaresResolver& resolver) { now_ = &resolver; }
    dns::CaresResolver& now() { return *now_; }

    Task<dns::Answer<dns::Mx>> mx(std::string name) override;
    Task<dns::Answer<std::string>> a(std::string name) override;
    Task<dns::Answer<std::string>> aaaa(std::string name) override;
    Task<dns::Answer<std::string>> txt(std::string name) override;
    Task<dns::Answer<dns::Tlsa>> tlsa(std::string name) override;
    Task<dns::Answer<std::string>> ptr(std::string address) override;

   private:
    dns::CaresResolver* now_;
  };
  void apply_settings();
  Task<void> follow_settings();
  Task<void> send_reports();

  Executor executor_;
  const directory::DirectoryReader& reader_;
  const Clock& clock_;
  std::string hostname_;
  std::uint64_t version_ = 0;
  directory::DnsSettings settings_;
  dns::CaresResolver resolver_;
  dns::CaresResolver external_;
  Outside outside_;
  std::unique_ptr<Fetcher> fetcher_;
  dns::StsPolicies policies_;
  dns::TlsReports reports_;
  dns::TlsReporter reporter_;
  dns::HopFinder hops_;
};

}  // namespace hauspost::transport_worker
