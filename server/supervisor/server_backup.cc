#include "server/supervisor/server_backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

#include "base/crypto/sha256.h"
#include "base/durable_file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "server/supervisor/settings.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kList = "server-backup.json";
constexpr std::string_view kSettings = "settings.toml";
constexpr std::string_view kRoot = "root/";
constexpr std::string_view kPrefix = "server-";
constexpr int kVersion = 1;
constexpr std::size_t kListBytesMax = 256ULL << 20;  // a quarantine may hold many messages
constexpr std::size_t kPart = 256ULL << 10;

constexpr std::string_view kQuarantine = "filters/quarantine";
// Of the data root: the rest is mail, made anew, or gone with the process.
constexpr std::string_view kFolders[] = {"secrets", "tls", kQuarantine};
constexpr std::string_view kAuditLog = "audit.log";

// Folders above a file of ours are the owner's alone, whatever the umask is.
Result<> make_folders(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT || !folder.has_parent_path()) return fail(errno_error(folder.string()));
  TRY(make_folders(folder.parent_path()));
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(errno_error(folder.string()));
}

Result<UniqueFd> create(const std::string& path) {
  TRY(make_folders(fs::path(path).parent_path()));
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail(errno_error(path));
  return fd;
}

// Reads the file from where it stands; `take` gets each part.
Result<ServerBackup::File> read_through(const UniqueFd& from, const std::string& path,
                                        const std::function<Result<>(std::string_view)>& take) {
  ServerBackup::File file;
  crypto::Sha256 hash;
  std::string part(kPart, '\0');
  for (;;) {
    const ssize_t count = ::read(from.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error(path));
    if (count == 0) break;
    const std::string_view bytes(part.data(), static_cast<std::size_t>(count));
    hash.update(bytes);
    file.bytes += bytes.size();
    TRY(take(bytes));
  }
  file.sha256 = to_hex(hash.finish());
  return file;
}

Result<> write_all(const UniqueFd& to, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(to.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(errno_error(path, count < 0 ? errno : ENOSPC));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// Copies what is a regular file and no link, durably. `owner`: what is somebody else's is kInvalid.
Result<ServerBackup::File> copy_file(const std::string& from, const std::string& to,
                                     std::optional<uid_t> owner = {}) {
  const UniqueFd source(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!source) return fail(errno_error(from));
  struct stat facts{};
  if (::fstat(source.get(), &facts) != 0) return fail(errno_error(from));
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::kInvalid, from + ": is not a file");
  if (owner && facts.st_uid != *owner)
    return fail(ErrorCode::kInvalid, from + ": is not of the folder's owner");
  TRY_ASSIGN(const UniqueFd target, create(to));
  TRY_ASSIGN(ServerBackup::File file, read_through(source, from, [&](std::string_view bytes) {
               return write_all(target, to, bytes);
             }));
  if (::fsync(target.get()) != 0) return fail(errno_error(to));
  return file;
}

// Every folder at and below `path`, so that no name in it is lost.
Result<> sync_tree(const std::string& path) {
  std::error_code code;
  for (fs::recursive_directory_iterator it(path, code), end; !code && it != end;
       it.increment(code)) {
    if (it->is_directory(code)) TRY(sync_folder(it->path().string()));
  }
  if (code) return fail(errno_error(path, code.value()));
  return sync_folder(path);
}

class Maker {
 public:
  Maker(const ServerBackupSources& sources, std::string folder)
      : sources_(sources), folder_(std::move(folder)) {}

  Result<std::vector<ServerBackup::File>> run() {
    TRY(copy(sources_.settings_file, std::string(kSettings)));
    TRY(copy(in_root(kMarkerFile), root_name(kMarkerFile)));
    TRY(copy_environment());
    TRY(copy(sources_.verifiers, root_name("auth/verifiers.mdb")));
    for (const std::string_view name : kFolders) TRY(copy_folder(std::string(name)));
    TRY(copy_audit_log());
    std::ranges::sort(files_, {}, &ServerBackup::File::name);
    return std::move(files_);
  }

 private:
  static std::string root_name(std::string_view name) {
    return std::string(kRoot) + std::string(name);
  }
  std::string in_root(std::string_view name) const {
    return fmt::format("{}/{}", sources_.data_root, name);
  }
  Result<> copy(const std::string& from, std::string name, std::optional<uid_t> owner = {}) {
    TRY_ASSIGN(ServerBackup::File file, copy_file(from, folder_ + "/" + name, owner));
    file.name = std::move(name);
    files_.push_back(std::move(file));
    return {};
  }
  Result<> copy_environment() {
    const std::string name = root_name("directory.mdb");
    const std::string path = folder_ + "/" + name;
    TRY_ASSIGN(const UniqueFd target, create(path));
    TRY(sources_.copy_directory(target.get()));
    if (::fsync(target.get()) != 0 || ::lseek(target.get(), 0, SEEK_SET) != 0)
      return fail(errno_error(path));
    TRY_ASSIGN(ServerBackup::File file,
               read_through(target, path, [](std::string_view) { return Result<>{}; }));
    file.name = name;
    files_.push_back(std::move(file));
    return {};
  }
  // What goes away meanwhile was released from quarantine, or replaced: it is not missed.
  Result<> copy_folder(const std::string& name) {
    std::error_code code;
    const fs::path top = in_root(name);
    if (!fs::exists(top, code)) return {};
    // Of transport's user: no link in it may bring anybody else's file into the copy, from where a
    // restore would give it to that user.
    std::optional<uid_t> owner;
    struct stat facts{};
    if (name == kQuarantine && ::lstat(top.parent_path().c_str(), &facts) == 0)
      owner = facts.st_uid;
    for (fs::recursive_directory_iterator it(top, code), end; !code && it != end;
         it.increment(code)) {
      const std::string below = it->path().lexically_relative(sources_.data_root).string();
      if (below.ends_with('~') || it->is_symlink(code) || !it->is_regular_file(code)) continue;
      if (!is_valid_utf8(below)) continue;  // none of ours, and no name for the list
      auto copied = copy(it->path().string(), root_name(below), owner);
      if (!copied && copied.error().code == ErrorCode::kInvalid) {
        log::warning("server.backup.left_out", {{"cause", copied.error()}});
        continue;
      }
      if (!copied && copied.error().code != ErrorCode::kNotFound) return copied;
    }
    if (code) return fail(errno_error(top.string(), code.value()));
    return {};
  }
  Result<> copy_audit_log() {
    std::error_code code;
    for (fs::directory_iterator it(sources_.data_root, code), end; !code && it != end;
         it.increment(code)) {
      const std::string name = it->path().filename().string();
      if (name.starts_with(kAuditLog)) TRY(copy(it->path().string(), root_name(name)));
    }
    if (code) return fail(errno_error(sources_.data_root, code.value()));
    return {};
  }

  const ServerBackupSources& sources_;
  std::string folder_;
  std::vector<ServerBackup::File> files_;
};

Json to_json(const ServerBackup& backup) {
  Json files = Json::array();
  for (const ServerBackup::File& file : backup.files)
    files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  return {{"version", kVersion},           {"created_s", backup.created_s},
          {"data_root", backup.data_root}, {"hostname", backup.hostname},
          {"files", std::move(files)},     {"elsewhere", backup.elsewhere}};
}

std::string name_of(std::int64_t now_s) {
  return fmt::format("{}{:%Y%m%dT%H%M%SZ}", kPrefix, fmt::gmtime(static_cast<std::time_t>(now_s)));
}

// A name that stays below the folder it is put under.
bool is_inside(const std::string& name) {
  const fs::path path(name);
  if (name.empty() || path.is_absolute()) return false;
  return std::ranges::none_of(path,
                              [](const fs::path& part) { return part == ".." || part == "."; });
}

Result<ServerBackup> parse_list(const std::string& folder) {
  const std::string path = fmt::format("{}/{}", folder, kList);
  TRY_ASSIGN(const std::string text, read_small_file(path, kListBytesMax));
  const Json json = Json::parse(text, nullptr, false);
  ServerBackup backup;
  backup.folder = folder;
  try {
    if (json.at("version") != kVersion)
      return fail(ErrorCode::kInvalid, path + ": was made by another version of Hauspost");
    backup.created_s = json.at("created_s");
    backup.data_root = json.at("data_root");
    backup.hostname = json.at("hostname");
    backup.elsewhere = json.at("elsewhere");
    for (const Json& file : json.at("files"))
      backup.files.push_back({file.at("name"), file.at("bytes"), file.at("sha256")});
  } catch (const Json::exception&) {
    return fail(ErrorCode::kCorrupt, path + ": is damaged");
  }
  for (const ServerBackup::File& file : backup.files) {
    if (!is_inside(file.name)) return fail(ErrorCode::kCorrupt, path + ": is damaged");
  }
  return backup;
}

// The data root's files, in a new folder.
Result<> fill_root(const ServerBackup& backup, const std::string& root, bool with_settings) {
  if (::mkdir(root.c_str(), 0700) != 0) return fail(errno_error(root));
  for (const ServerBackup::File& file : backup.files) {
    const std::string from = backup.folder + "/" + file.name;
    if (file.name == kSettings && with_settings)
      TRY(copy_file(from, fmt::format("{}/{}", root, kSettingsFile)));
    if (file.name.starts_with(kRoot))
      TRY(copy_file(from, root + "/" + file.name.substr(kRoot.size())));
  }
  std::error_code code;
  for (fs::recursive_directory_iterator it(root, code), end; !code && it != end;
       it.increment(code)) {
    if (it->is_directory(code)) fs::permissions(it->path(), fs::perms::owner_all, code);
  }
  if (code) return fail(errno_error(root, code.value()));
  return sync_tree(root);
}

Result<> place_settings(const ServerBackup& backup, const std::string& settings_file) {
  std::error_code code;
  const std::string folder = fs::path(settings_file).parent_path().string();
  fs::create_directories(folder, code);
  if (code) return fail(errno_error(folder, code.value()));
  TRY(copy_file(fmt::format("{}/{}", backup.folder, kSettings), settings_file));
  return sync_folder(folder);
}

void remove_old(const std::string& target, std::uint32_t keep) {
  std::error_code code;
  std::vector<fs::path> whole;
  for (fs::directory_iterator it(target, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with(kPrefix) && !name.ends_with('~') && fs::exists(it->path() / kList, code))
      whole.push_back(it->path());
  }
  std::ranges::sort(whole, std::ranges::greater());
  for (std::size_t i = keep; i < whole.size(); ++i) fs::remove_all(whole[i], code);
}

}  // namespace

Result<ServerBackup> back_up_server(const ServerBackupSources& sources, const std::string& target,
                                    std::uint32_t keep, std::int64_t now_s) {
  std::error_code code;
  fs::create_directories(target, code);
  if (code) return fail(errno_error(target, code.value()));
  ServerBackup backup;
  backup.folder = fmt::format("{}/{}", target, name_of(now_s));
  if (fs::exists(backup.folder, code))
    return fail(ErrorCode::kExists, backup.folder + " was made this very second; try again");
  backup.created_s = now_s;
  backup.data_root = sources.data_root;
  backup.hostname = sources.hostname;
  backup.elsewhere = sources.elsewhere;
  const std::string draft = backup.folder + "~";
  fs::remove_all(draft, code);
  if (::mkdir(draft.c_str(), 0700) != 0) return fail(errno_error(draft));
  const auto make = [&]() -> Result<> {
    TRY_ASSIGN(backup.files, Maker(sources, draft).run());
    TRY(write_new_file(fmt::format("{}/{}", draft, kList), to_json(backup).dump(1) + "\n"));
    TRY(sync_tree(draft));
    if (::rename(draft.c_str(), backup.folder.c_str()) != 0)
      return fail(errno_error(backup.folder));
    return sync_folder(target);
  };
  if (auto made = make(); !made) {
    fs::remove_all(draft, code);
    return fail(std::move(made).error());
  }
  if (keep != 0) remove_old(target, keep);
  return backup;
}

Result<ServerBackup> verify_server_backup(const std::string& folder) {
  auto backup = parse_list(folder);
  if (!backup && backup.error().code == ErrorCode::kNotFound)
    return fail(ErrorCode::kNotFound,
                fmt::format("{}: holds no server backup (no file {})", folder, kList));
  if (!backup) return backup;
  for (const ServerBackup::File& file : backup->files) {
    const std::string path = folder + "/" + file.name;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return fail(errno_error(path));
    TRY_ASSIGN(const ServerBackup::File found,
               read_through(fd, path, [](std::string_view) { return Result<>{}; }));
    if (found.bytes != file.bytes || found.sha256 != file.sha256)
      return fail(ErrorCode::kCorrupt, path + ": is not what was written; use another backup");
  }
  return backup;
}

Result<> restore_server(const ServerBackup& backup, const std::string& data_root,
                        const std::string& settings_file) {
  std::error_code code;
  const bool there = fs::exists(data_root, code);
  if (there && !(fs::is_directory(data_root, code) && fs::is_empty(data_root, code))) {
    return fail(ErrorCode::kExists,
                data_root + ": is not empty; name an empty or new folder with --data DIR");
  }
  if (fs::exists(settings_file, code))
    return fail(ErrorCode::kExists, settings_file + ": is there already; move it away first");
  const bool inside = fs::path(settings_file).parent_path() == fs::path(data_root);
  fs::create_directories(fs::path(data_root).parent_path(), code);
  const std::string draft = fmt::format("{}.restore-{:08x}", data_root, random_u64() & 0xffffffffU);
  auto made = fill_root(backup, draft, inside);
  bool settings_made = false;
  if (made && !inside) {
    made = place_settings(backup, settings_file);
    settings_made = made.has_value();
  }
  if (made && ::rename(draft.c_str(), data_root.c_str()) != 0) made = fail(errno_error(data_root));
  if (made) return sync_folder(fs::path(data_root).parent_path().string());
  fs::remove_all(draft, code);
  if (settings_made) fs::remove(settings_file, code);
  return made;
}

}  // namespace hauspost::supervisor
