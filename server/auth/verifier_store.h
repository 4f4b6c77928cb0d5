// VerifierStore: mailbox GUID to what shows that a password is right, durable. One LMDB environment
// that no other process opens.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/log.h"
#include "server/auth/credentials.h"
#include "store/environment.h"

namespace hauspost::auth {

// Where copy() leaves it, below the folder.
inline constexpr std::string_view kVerifiersCopy = "verifiers.copy";

// Thread-safe. Changes are durable when they return, and all or nothing; they block for a disk
// flush. Errors are Environment's, and kCorrupt for an entry that does not parse.
class VerifierStore {
 public:
  // Makes the folder (mode 0700) and the environment in it when there is none.
  static Result<std::unique_ptr<VerifierStore>> open(const std::string& folder);

  Result<std::optional<std::string>> get(const Guid& mailbox) const;
  Result<StoredCredentials> credentials(const Guid& mailbox) const;
  // nullopt: no SCRAM with it.
  Result<> put(const Guid& mailbox, std::string_view verifier,
               const std::optional<Scram>& scram = {});
  // Only when the stored verifier is still `from`; false when it is not.
  Result<bool> replace(const Guid& mailbox, std::string_view from, std::string_view to,
                       const std::optional<Scram>& scram = {});
  // Everything of the mailbox, app passwords too.
  Result<> remove(const Guid& mailbox);

  // Gives it its id. `scram` is what it was made with, stored when the mailbox has none. kExists:
  // the name is taken; kExhausted: the mailbox has kAppPasswordsMax.
  Result<AppPassword> add_app_password(const Guid& mailbox, AppPassword made, const Scram& scram);
  // By its name; kNotFound.
  Result<AppPassword> remove_app_password(const Guid& mailbox, std::string_view name);
  // Nothing when it was revoked meanwhile.
  Result<> note_use(const Guid& mailbox, std::uint64_t id, std::int64_t now_s,
                    std::string_view from);

  // Writes a copy of the whole into a new file beside it, durably; an older one is replaced. Blocks.
  Result<> copy() const;

  // Keys of this installation, made once.
  std::string app_password_tag(const Guid& mailbox, const Secret& password) const;
  // Sixteen bytes that stand for the salt of a mailbox that has none, or that does not exist: the
  // same for a name for ever, and not to be told from a real one.
  std::string stand_in_salt(std::string_view name) const;

 private:
  struct Tables {
    store::Table verifiers, scram, app_passwords, secrets;
  };
  VerifierStore(std::string folder, std::unique_ptr<store::Environment> environment, Tables tables)
      : folder_(std::move(folder)), environment_(std::move(environment)), tables_(tables) {}
  Result<Secret> secret(std::string_view name);

  std::string folder_;
  std::unique_ptr<store::Environment> environment_;
  Tables tables_;
  Secret app_password_key_;
  Secret salt_key_;
};

}  // namespace hauspost::auth
