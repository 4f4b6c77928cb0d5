// AcmeOrders: certificates that the server orders by itself. Keeps the orders, has hauspost-acme
// ask the certificate authority, places the proofs that it wants in hauspost-web or in the
// front-end, and gives the front-end what was issued. Whatever fails, the certificate in use stays.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "server/child/control.h"
#include "server/directory/acme_settings.h"
#include "server/supervisor/acme_files.h"
#include "server/supervisor/child_process.h"

namespace hauspost::child::wire {
class AcmeAccount;
class AcmeBeginReply;
class AcmeFailure;
class AcmeFinishReply;
}  // namespace hauspost::child::wire

namespace hauspost::supervisor {

class Supervisor;

// What is known of an order.
struct AcmeFacts {
  directory::AcmeOrder order;
  AcmeState state;
  std::string certificate_file;
  bool under_way = false;
  std::string step;         // of the try under way, for people
  std::uint64_t tries = 0;  // that have ended, since the server started
};

// REQUIRES: the main thread; stop() before destruction; `supervisor` outlives it.
class AcmeOrders {
 public:
  // `child`: how hauspost-acme is started.
  AcmeOrders(Executor executor, Supervisor& supervisor, ChildSpec child);

  void start();
  // Ends the try under way and waits for it.
  Task<void> stop();

  // kCorrupt: the settings cannot be read.
  Result<std::vector<AcmeFacts>> list() const;
  // kNotFound.
  Result<AcmeFacts> show(const std::string& name) const;
  // Begins an order, or changes the one of that name, and tries at once; `eab_key` empty: as it
  // was, or none. kInvalid as directory::check(); kNotFound: an external account without a key.
  Task<Result<AcmeFacts>> enable(directory::AcmeOrder order, Secret eab_key);
  // Tries at once, whatever the state says.
  Result<AcmeFacts> renew(const std::string& name);
  // Orders no more. What was issued stays in use.
  Task<Result<AcmeFacts>> disable(std::string name);
  // Has the server revoke what is in use, and orders another with another key. Errors are the
  // server's own, kNotFound: nothing was issued; kUnavailable: a try is under way.
  Task<Result<AcmeFacts>> revoke(std::string name, unsigned reason);

  // Those who keep proofs have started again: they get them anew.
  Task<void> place_again();

  // Files of certificate authorities that hauspost-acme has to read.
  std::vector<std::string> authority_files() const;

 private:
  struct Issued;
  struct Failed;
  template <class T>
  using Outcome = std::expected<T, Failed>;
  struct Proofs {
    directory::AcmeChallenge kind = directory::AcmeChallenge::kHttp01;
    std::vector<std::pair<std::string, std::string>> answers;  // token or name, key authorization
  };

  Task<void> keep_going();
  // Of the order that is due first; none: there are no orders.
  struct Due {
    std::string name;
    std::int64_t at_s = 0;
  };
  Result<std::optional<Due>> next_due() const;
  Task<void> pause(Duration delay);
  bool is_draining(const AcmeState& state) const;
  Task<void> try_order(std::string name);
  Task<Outcome<Issued>> attempt(const directory::AcmeOrder& order);
  Task<Outcome<Issued>> attempt_once(const directory::AcmeOrder& order);
  Task<Outcome<std::shared_ptr<link::RpcClient>>> wake_child();
  Result<> fill_account(const directory::AcmeOrder& order, child::wire::AcmeAccount& out) const;
  Task<Outcome<int>> place(Proofs proofs);
  Task<Result<>> send_proofs();
  Task<Result<>> install(const directory::AcmeOrder& order, const Issued& issued);
  Task<Result<>> use(const std::string& file);
  Task<std::optional<std::string>> refusal_of_frontend(const std::string& file);
  void settle(const std::string& name, AcmeState state, const Outcome<Issued>& outcome);
  void enter(std::string step);
  AcmeFacts facts_of(directory::AcmeOrder order) const;

  Executor executor_;
  Supervisor& supervisor_;
  AcmeFiles files_;
  ChildProcess child_;
  Proofs proofs_;
  std::string under_way_;  // the name of the order; empty: none
  std::string step_;
  bool revoking_ = false;
  std::set<std::string> asked_;  // to be tried at once
  std::map<std::string, std::uint64_t> tries_;
  Timer pause_;
  TaskGroup tasks_;
};

}  // namespace hauspost::supervisor
