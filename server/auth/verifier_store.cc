#include "server/auth/verifier_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/crypto/mac.h"
#include "base/random.h"
#include "base/text.h"
#include "server/auth/stored_credentials.h"

namespace hauspost::auth {

namespace {

constexpr std::uint64_t kMapBytes = 1ULL << 30;  // about a million mailboxes
constexpr char kFile[] = "/verifiers.mdb";
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSaltBytes = 16;

// GUID and id, so that a mailbox's lie together and in order.
std::string app_password_key(const Guid& mailbox, std::uint64_t id) {
  std::string key(mailbox.as_bytes());
  put_be(key, id);
  return key;
}

std::optional<std::uint64_t> id_of(std::string_view key, const Guid& mailbox) {
  const std::size_t id_at = mailbox.bytes.size();
  if (key.size() != id_at + sizeof(std::uint64_t) || !key.starts_with(mailbox.as_bytes()))
    return std::nullopt;
  return load_be<std::uint64_t>(key.data() + id_at);
}

Result<std::vector<AppPassword>> app_passwords_of(const store::Txn& txn, store::Table table,
                                                  const Guid& mailbox) {
  std::vector<AppPassword> all;
  TRY_ASSIGN(auto cursor, store::Cursor::open(txn, table));
  TRY_ASSIGN(bool here, cursor.seek(mailbox.as_bytes()));
  while (here) {
    const auto id = id_of(cursor.key(), mailbox);
    if (!id) break;
    TRY_ASSIGN(AppPassword password, app_password_from_stored(*id, cursor.value()));
    all.push_back(std::move(password));
    TRY_ASSIGN(here, cursor.next());
  }
  return all;
}

Result<> write_scram(store::WriteTxn& txn, store::Table table, const Guid& mailbox,
                     const std::optional<Scram>& scram) {
  if (scram) return txn.put(table, mailbox.as_bytes(), to_stored(*scram));
  TRY(txn.remove(table, mailbox.as_bytes()));
  return {};
}

}  // namespace

Result<std::unique_ptr<VerifierStore>> VerifierStore::open(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(errno_error(folder));
  store::Environment::Options options;
  options.path = folder + kFile;
  options.map_bytes = kMapBytes;
  TRY_ASSIGN(auto environment, store::Environment::open(options));
  Tables tables{};
  const std::pair<const char*, store::Table*> named[] = {{"verifiers", &tables.verifiers},
                                                         {"scram", &tables.scram},
                                                         {"app_passwords", &tables.app_passwords},
                                                         {"secrets", &tables.secrets}};
  for (const auto& [name, table] : named) {
    TRY_ASSIGN(*table, environment->open_table(name, true));
  }
  // Slots of a predecessor that was killed would keep old pages from being reused.
  TRY(environment->clear_dead_readers());
  std::unique_ptr<VerifierStore> opened(new VerifierStore(folder, std::move(environment), tables));
  TRY_ASSIGN(opened->app_password_key_, opened->secret("app-password"));
  TRY_ASSIGN(opened->salt_key_, opened->secret("stand-in-salt"));
  return opened;
}

Result<> VerifierStore::copy() const {
  const std::string path = fmt::format("{}/{}", folder_, kVerifiersCopy);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(errno_error(path));
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail(errno_error(path));
  auto copied = environment_->copy_to(fd, true);
  if (copied && ::fsync(fd) != 0) copied = fail(errno_error(path));
  ::close(fd);
  return copied;
}

Result<Secret> VerifierStore::secret(std::string_view name) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY_ASSIGN(const auto found, txn.get(tables_.secrets, name));
  if (found) return Secret(std::string(*found));
  std::uint8_t bytes[kSecretBytes];
  random_bytes(bytes);
  Secret made(std::string(reinterpret_cast<const char*>(bytes), sizeof bytes));
  TRY(txn.put(tables_.secrets, name, made.reveal()));
  TRY(txn.commit());
  return made;
}

Result<std::optional<std::string>> VerifierStore::get(const Guid& mailbox) const {
  TRY_ASSIGN(const store::ReadTxn txn, environment_->read());
  TRY_ASSIGN(const auto found, txn.get(tables_.verifiers, mailbox.as_bytes()));
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(std::string(*found));
}

Result<StoredCredentials> VerifierStore::credentials(const Guid& mailbox) const {
  TRY_ASSIGN(const store::ReadTxn txn, environment_->read());
  StoredCredentials stored;
  TRY_ASSIGN(const auto verifier, txn.get(tables_.verifiers, mailbox.as_bytes()));
  if (verifier) stored.verifier = std::string(*verifier);
  TRY_ASSIGN(const auto scram, txn.get(tables_.scram, mailbox.as_bytes()));
  if (scram) {
    TRY_ASSIGN(stored.scram, scram_from_stored(*scram));
  }
  TRY_ASSIGN(stored.app_passwords, app_passwords_of(txn, tables_.app_passwords, mailbox));
  return stored;
}

Result<> VerifierStore::put(const Guid& mailbox, std::string_view verifier,
                            const std::optional<Scram>& scram) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY(txn.put(tables_.verifiers, mailbox.as_bytes(), verifier));
  TRY(write_scram(txn, tables_.scram, mailbox, scram));
  return txn.commit();
}

Result<bool> VerifierStore::replace(const Guid& mailbox, std::string_view from, std::string_view to,
                                    const std::optional<Scram>& scram) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY_ASSIGN(const auto found, txn.get(tables_.verifiers, mailbox.as_bytes()));
  if (!found || *found != from) return false;
  TRY(txn.put(tables_.verifiers, mailbox.as_bytes(), to));
  TRY(write_scram(txn, tables_.scram, mailbox, scram));
  TRY(txn.commit());
  return true;
}

Result<> VerifierStore::remove(const Guid& mailbox) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY(txn.remove(tables_.verifiers, mailbox.as_bytes()));
  TRY(txn.remove(tables_.scram, mailbox.as_bytes()));
  TRY_ASSIGN(const auto all, app_passwords_of(txn, tables_.app_passwords, mailbox));
  for (const AppPassword& password : all)
    TRY(txn.remove(tables_.app_passwords, app_password_key(mailbox, password.id)));
  return txn.commit();
}

Result<AppPassword> VerifierStore::add_app_password(const Guid& mailbox, AppPassword made,
                                                    const Scram& scram) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY_ASSIGN(const auto all, app_passwords_of(txn, tables_.app_passwords, mailbox));
  for (const AppPassword& other : all) {
    if (iequals(other.name, made.name))
      return fail(ErrorCode::kExists, "there is an app password of this name already");
  }
  if (all.size() >= kAppPasswordsMax)
    return fail(ErrorCode::kExhausted, "the mailbox has as many app passwords as it may have");
  made.id = all.empty() ? 1 : all.back().id + 1;
  TRY(txn.put(tables_.app_passwords, app_password_key(mailbox, made.id), to_stored(made)));
  TRY_ASSIGN(const auto there, txn.get(tables_.scram, mailbox.as_bytes()));
  if (!there) TRY(txn.put(tables_.scram, mailbox.as_bytes(), to_stored(scram)));
  TRY(txn.commit());
  return made;
}

Result<AppPassword> VerifierStore::remove_app_password(const Guid& mailbox, std::string_view name) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  TRY_ASSIGN(auto all, app_passwords_of(txn, tables_.app_passwords, mailbox));
  const auto found = std::ranges::find_if(
      all, [&](const AppPassword& password) { return iequals(password.name, name); });
  if (found == all.end())
    return fail(ErrorCode::kNotFound, "there is no app password of this name");
  TRY(txn.remove(tables_.app_passwords, app_password_key(mailbox, found->id)));
  TRY(txn.commit());
  return std::move(*found);
}

Result<> VerifierStore::note_use(const Guid& mailbox, std::uint64_t id, std::int64_t now_s,
                                 std::string_view from) {
  TRY_ASSIGN(store::WriteTxn txn, environment_->write());
  const std::string key = app_password_key(mailbox, id);
  TRY_ASSIGN(const auto found, txn.get(tables_.app_passwords, key));
  if (!found) return {};
  TRY_ASSIGN(AppPassword password, app_password_from_stored(id, *found));
  password.used_s = now_s;
  password.used_from = from;
  TRY(txn.put(tables_.app_passwords, key, to_stored(password)));
  return txn.commit();
}

std::string VerifierStore::app_password_tag(const Guid& mailbox, const Secret& password) const {
  std::string text(mailbox.as_bytes());
  text += password.reveal();
  const Secret wiped(std::move(text));
  return crypto::hmac(crypto::Digest::kSha256, app_password_key_.reveal(), wiped.reveal());
}

std::string VerifierStore::stand_in_salt(std::string_view name) const {
  return crypto::hmac(crypto::Digest::kSha256, salt_key_.reveal(), ascii_lower(name))
      .substr(0, kSaltBytes);
}

}  // namespace hauspost::auth
