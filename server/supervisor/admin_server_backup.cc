// server backup.
#include <unistd.h>

#include "base/clock.h"
#include "base/side_thread.h"
#include "server/auth/auth_client.h"
#include "server/auth/verifier_store.h"
#include "server/directory/frontend_settings.h"
#include "server/supervisor/admin_server_backup_api.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/server_backup.h"

namespace hauspost::supervisor {

namespace {

// Certificates and keys that somebody else keeps, such as an ACME client.
std::vector<std::string> files_elsewhere(Supervisor& supervisor) {
  const ServerSettings& settings = supervisor.settings();
  std::vector<std::string> all = {settings.certificate_file, settings.key_file,
                                  settings.client_ca_file};
  const directory::AskSetting ask = directory::asking(supervisor.directory().reader());
  for (const auto& pair : directory::further_certificates(ask)) {
    all.push_back(pair.certificate_file);
    all.push_back(pair.key_file);
  }
  const std::string inside = supervisor.options().data_root + "/";
  std::erase_if(all, [&](const std::string& path) {
    return !path.starts_with('/') || path.starts_with(inside);
  });
  return all;
}

// The copy that hauspost-auth made for us, gone with this object.
class VerifiersCopy {
 public:
  explicit VerifiersCopy(const std::string& data_root)
      : path_(data_root + "/auth/" + std::string(auth::kVerifiersCopy)) {}
  VerifiersCopy(const VerifiersCopy&) = delete;
  VerifiersCopy& operator=(const VerifiersCopy&) = delete;
  ~VerifiersCopy() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

Task<Result<admin::ServerBackupReply>> AdminService::server_backup(
    admin::ServerBackupRequest request) {
  if (!request.folder().starts_with('/'))
    co_return fail(ErrorCode::kInvalid, "the folder of a backup is an absolute path");
  // One at a time, and nobody moves databases meanwhile.
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const auto control = supervisor_.auth().control();
  if (!control) co_return fail(ErrorCode::kUnavailable, "hauspost-auth does not run; try again");
  const auto copy = std::make_shared<VerifiersCopy>(supervisor_.options().data_root);
  CO_TRY(co_await auth::copy_verifiers(*control));
  ServerBackupSources sources;
  sources.data_root = supervisor_.options().data_root;
  sources.settings_file = supervisor_.options().settings_file;
  sources.hostname = supervisor_.settings().hostname;
  sources.elsewhere = files_elsewhere(supervisor_);
  sources.verifiers = copy->path();
  sources.copy_directory = [&directory = supervisor_.directory()](int descriptor) {
    return directory.copy_to(descriptor);
  };
  SideThread side(co_await asio::this_coro::executor);
  // Shared: who waits may leave before the work has ended.
  const auto made = std::make_shared<std::optional<Result<ServerBackup>>>();
  CO_TRY(co_await side.perform([made, copy, sources, folder = request.folder(),
                                keep = request.keep()](const std::atomic<bool>&) {
    made->emplace(back_up_server(sources, folder, keep, unix_now()));
  }));
  CO_TRY_ASSIGN(const ServerBackup backup, std::move(**made));
  admin::ServerBackupReply reply;
  reply.set_folder(backup.folder);
  reply.set_created_s(backup.created_s);
  reply.set_files(backup.files.size());
  std::uint64_t bytes = 0;
  for (const ServerBackup::File& file : backup.files) bytes += file.bytes;
  reply.set_bytes(bytes);
  for (const std::string& path : backup.elsewhere) reply.add_elsewhere(path);
  CO_TRY_ASSIGN(const auto databases, supervisor_.directory().reader().databases());
  for (const directory::DatabaseEntry& database : databases) reply.add_databases(database.name);
  co_return reply;
}

}  // namespace hauspost::supervisor
