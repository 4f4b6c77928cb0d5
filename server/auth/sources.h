// Sources: everything outside of our own verifiers that can say who somebody is.
#pragma once

#include "base/log.h"
#include "server/child/helper_pool.h"
#include "server/auth/key_source.h"
#include "server/auth/source_settings.h"

namespace hauspost::auth {

using child::HelperPool;

// What a source says of a password.
struct SourceAnswer {
  enum class Kind { kGood, kBad, kUnavailable };
  Kind kind = Kind::kUnavailable;
  std::string reason;  // for the log and the administrator
};

// REQUIRES: one thread, the process's main one; `clock` outlives it; nobody awaits a call when it
// is destroyed.
class Sources {
 public:
  // Reads the search password. Errors name the file or what is missing.
  static Result<std::unique_ptr<Sources>> create(Executor executor, SourceSettings settings,
                                                 const Clock& clock);

  // From source_settings_to_wire()'s bytes.
  static Result<std::unique_ptr<Sources>> open(Executor executor, std::string_view settings,
                                               const Clock& clock);

  const SourceSettings& settings() const { return settings_; }
  // True when any domain has a source other than our verifiers.
  bool any_elsewhere() const;

  // `address` is the mailbox's primary one. REQUIRES: source != kLocal.
  Task<SourceAnswer> ask(Source source, std::string address, std::string client, Secret password);
  // Reads newer keys when the token's is unknown. kUnavailable: the issuer's keys are not known.
  Task<Result<BearerVerdict>> check_token(Secret token);

 private:
  Sources(Executor executor, SourceSettings settings, const Clock& clock);
  helpers::Fields ldap_question(std::string_view address) const;
  helpers::Fields pam_question(std::string_view address, std::string_view client) const;

  Executor executor_;
  SourceSettings settings_;
  const Clock& clock_;
  Secret search_password_;
  std::unique_ptr<HelperPool> ldap_;   // null: not used
  std::unique_ptr<HelperPool> pam_;    // null: not used
  std::unique_ptr<HelperPool> fetch_;  // null: not used
  std::unique_ptr<KeySource> keys_;    // null: no tokens here
};

}  // namespace hauspost::auth
