// Authentication: what transport asks about who a message is from, and its signature under what
// leaves.
#pragma once

#include "base/network.h"
#include "base/task_group.h"
#include "transport/authentication/results_field.h"

namespace hauspost::mailauth {

class AggregateReports;

enum class Enforcement : std::uint8_t {
  kMonitor,     // a DMARC failure is written down, and no more
  kQuarantine,  // p=quarantine and p=reject: into the folder Junk
  kReject,      // p=reject is refused, p=quarantine goes into Junk
};

inline constexpr Milliseconds kTimeLimitLeast{500};
inline constexpr Milliseconds kTimeLimitMost{60'000};

struct Settings {
  bool spf = true;
  bool dkim = true;
  bool arc = true;
  bool dmarc = true;  // fails nothing unless SPF and DKIM are on
  bool sign = true;   // with the keys there are
  bool seal = true;   // likewise
  Enforcement enforcement = Enforcement::kQuarantine;
  std::vector<Network> skip;                 // clients that are not checked
  std::vector<std::string> trusted_sealers;  // domains whose ARC seals outweigh a DMARC failure
  std::string authserv_id;                   // empty: the host's name
  Milliseconds time_limit{5000};             // for all questions about one message
};

// What stands in for the senders of private networks and of this host when nothing was set.
std::vector<Network> private_networks();

struct Question {
  std::string client;  // its address; empty: SPF is left out
  std::string helo;
  std::string sender;        // as it stands between <>
  std::string_view message;  // as it came, CRLF throughout; outlives the call
};

// What to do with the message.
enum class Action : std::uint8_t { kAccept, kJunk, kReject };

struct Finding {
  Verdicts verdicts;
  Action action = Action::kAccept;
};

struct Outgoing {
  std::string_view message;            // whole, as it will leave; outlives the call
  bool ours = true;                    // written here: signed. Else passed on: sealed
  std::string sender;                  // of the envelope, where From names no domain
  std::string via;                     // of what is passed on: the domain of ours it came to
  const Verdicts* verdicts = nullptr;  // of what is passed on; null: it was not checked
};

// REQUIRES: one thread. `clock` and `resolver` outlive it.
class Authentication {
 public:
  Authentication(const Clock& clock, dns::Resolver* resolver, std::string hostname);

  // From here on. A check that is under way keeps what it began with.
  void set(Settings settings) { settings_ = std::make_shared<const Settings>(std::move(settings)); }
  void set_keys(SigningKeys keys) { keys_ = std::make_shared<const SigningKeys>(std::move(keys)); }

  const Settings& settings() const { return *settings_; }
  const SigningKeys& keys() const { return *keys_; }
  const PublicSuffixes& suffixes() const { return suffixes_; }
  const std::string& authserv_id() const {
    return settings_->authserv_id.empty() ? hostname_ : settings_->authserv_id;
  }
  dns::Resolver* resolver() const { return resolver_; }

  // Where what was found is counted; null: nowhere. It outlives this.
  void report_to(AggregateReports* reports) { reports_ = reports; }
  AggregateReports* reports() const { return reports_; }

  // True when a message from `client` is to be looked at.
  bool checks(std::string_view client) const;
  // Never fails: what the DNS does not answer in time is a temporary error, and no reason to
  // refuse. Cancelled: likewise, at once.
  Task<Finding> check(Question question);

  // The field(s) to put in front of `message`; empty when there is no key for it.
  Task<std::string> sign(Outgoing outgoing) const;

 private:
  const Clock& clock_;
  dns::Resolver* resolver_;
  std::string hostname_;
  PublicSuffixes suffixes_;
  AggregateReports* reports_ = nullptr;
  std::shared_ptr<const Settings> settings_;  // shared with checks under way
  std::shared_ptr<const SigningKeys> keys_;   // likewise
};

}  // namespace hauspost::mailauth
