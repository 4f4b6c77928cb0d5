// VerifierStore: mailbox GUID to verifier, durable. One LMDB environment that no other process
// opens.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "store/environment.h"

namespace hauspost::auth {

// Thread-safe. Changes are durable when they return, and all or nothing; they block for a disk
// flush. Errors are Environment's.
class VerifierStore {
 public:
  // Makes the folder (mode 0700) and the environment in it when there is none.
  static Result<std::unique_ptr<VerifierStore>> open(const std::string& folder);

  Result<std::optional<std::string>> get(const Guid& mailbox) const;
  Result<> put(const Guid& mailbox, std::string_view verifier);
  // Only when the stored verifier is still `from`; false when it is not.
  Result<bool> replace(const Guid& mailbox, std::string_view from, std::string_view to);
  Result<> remove(const Guid& mailbox);

 private:
  VerifierStore(std::unique_ptr<store::Environment> environment, store::Table table)
      : environment_(std::move(environment)), table_(table) {}

  std::unique_ptr<store::Environment> environment_;
  store::Table table_;
};

}  // namespace hauspost::auth
