// What `hauspost setup` is going to do: what is wanted, less what is there already. Pure, so that a
// second run can be seen to do nothing.
#pragma once

#include <string>
#include <vector>

#include "server/supervisor/admin_setup_api.h"
#include "tools/cli/dns_records.h"
#include "tools/cli/setup_answers.h"

namespace hauspost::cli {

// What set-up found. Without a server nothing else is known.
struct SetupState {
  std::string root;
  bool root_there = false;
  bool running = false;
  std::string hostname;
  std::vector<std::string> domains;
  std::vector<std::string> databases;
  std::vector<std::string> services;   // that are on
  std::vector<std::string> addresses;  // of those that set-up would make: which exist
  bool any_mailbox = false;
  bool sends_everywhere = false;  // a send connector for "*" is there
  std::vector<DkimRecord> dkim;
  std::vector<std::string> certificate_files;
  admin::SetupSettings settings;
  std::string sts_mode = "off";
  bool acme = false;  // certificates are ordered already

  // Nobody uses it yet, also where a first set-up broke off.
  bool fresh() const { return (domains.empty() && !any_mailbox) || settings.under_way(); }
};

enum class StepKind : std::uint8_t {
  kInit,
  kStart,
  kDatabase,
  kDomain,
  kMailbox,
  kRoleAddresses,
  kEnable,
  kDisable,
  kSendConnector,
  kDkimKey,
  kDkimActivate,
  kCertificate,
  kSettings,
  kLookups,
  kStsMode,
  kAcme,
};

struct SetupStep {
  StepKind kind = StepKind::kInit;
  std::string object;  // "example.org"
  std::string text;    // for people: "accept mail for example.org"
};

// What stands for answers that are not given: a fresh server's usual, or what an old one has.
void propose_answers(const SetupState& state, const std::string& machine_name,
                     const std::string& login, Answers& answers);
// The addresses whose owners SetupState::addresses has to name: the first mailbox, and postmaster
// and abuse of each domain.
std::vector<std::string> addresses_wanted(const Answers& answers);
// In the order to do them. What an answer does not name stays as it is.
std::vector<SetupStep> setup_plan(const Answers& answers, const SetupState& state);
// The settings as they are to be.
admin::SetupSettings settings_wanted(const Answers& answers, const SetupState& state);
// Service names behind the answers imap, pop3 and web.
std::vector<std::string> services_of(std::string_view answer);

}  // namespace hauspost::cli
