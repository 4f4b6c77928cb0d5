#include "server/auth/verifier_store.h"

#include <sys/stat.h>

namespace hauspost::auth {

namespace {

constexpr std::uint64_t kMapBytes = 1ULL << 30;  // about three million verifiers
constexpr char kFile[] = "/verifiers.mdb";
constexpr char kTable[] = "verifiers";

}  // namespace

Result<std::unique_ptr<VerifierStore>> VerifierStore::open(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(errno_error(folder));
  store::Environment::Options options;
  options.path = folder + kFile;
  options.map_bytes = kMapBytes;
  TRY_ASSIGN(auto environment, store::Environment::open(options));
  TRY_ASSIGN(const store::Table table, environment->open_table(kTable, true));
  // Slots of a predecessor that was killed would keep old pages from being reused.
  TRY(environment->clear_dead_readers());
  return std::unique_ptr<VerifierStore>(new VerifierStore(std::move(environment), table));
}

Result<std::optional<std::string>> VerifierStore::get(const Guid& mailbox) const {
  TRY_ASSIGN(const store::ReadTxn txn, environment_->read());
  TRY_ASSIGN(const auto found, txn.get(table_, mailbox.as_bytes()));
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(std::string(*found));
}

Result<> VerifierStore::put(const Guid& mailbox, std::string_view verifier) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY(txn.put(table_, mailbox.as_bytes(), verifier));
  return txn.commit();
}

Result<bool> VerifierStore::replace(const Guid& mailbox, std::string_view from,
                                    std::string_view to) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY_ASSIGN(const auto found, txn.get(table_, mailbox.as_bytes()));
  if (!found || *found != from) return false;
  TRY(txn.put(table_, mailbox.as_bytes(), to));
  TRY(txn.commit());
  return true;
}

Result<> VerifierStore::remove(const Guid& mailbox) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY(txn.remove(table_, mailbox.as_bytes()));
  return txn.commit();
}

}  // namespace hauspost::auth
