#include "server/child/transport_secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace hauspost::child {

namespace {

// A descriptor that is closed when it goes.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<> check_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 200 && name.front() != '.' &&
                    std::ranges::all_of(name, [](char c) {
                      return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
                    });
  if (good) return {};
  return fail(ErrorCode::kInvalid, "\"" + escape_for_log(name) + "\" cannot name a secret");
}

Result<> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(errno_error(path));
}

Result<> sync_folder(const std::string& path) {
  const File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return fail(errno_error(path));
  return {};
}

Result<> write_file(const std::string& path, std::string_view bytes) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.get() < 0) return fail(errno_error(path));
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(errno_error(path));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.get()) != 0) return fail(errno_error(path));
  return {};
}

}  // namespace

std::string transport_secrets_folder(const std::string& data_root) {
  return data_root + "/secrets/transport";
}

Result<> write_transport_secret(const std::string& data_root, std::string_view name,
                                const Secret& secret) {
  TRY(check_name(name));
  if (secret.reveal().size() > kTransportSecretMax)
    return fail(ErrorCode::kInvalid, "a secret of transport is too long");
  const std::string folder = transport_secrets_folder(data_root);
  TRY(make_folder(data_root + "/secrets"));
  TRY(make_folder(folder));
  const std::string path = folder + "/" + std::string(name);
  const std::string fresh = folder + "/.new-" + std::string(name);
  if (auto written = write_file(fresh, secret.reveal()); !written) {
    ::unlink(fresh.c_str());
    return written;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(errno_error(path));
  return sync_folder(folder);
}

Result<Secret> read_transport_secret(const std::string& data_root, std::string_view name) {
  TRY(check_name(name));
  const std::string path = transport_secrets_folder(data_root) + "/" + std::string(name);
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail(errno_error(path));
  std::string bytes(kTransportSecretMax + 1, '\0');
  std::size_t have = 0;
  for (;;) {
    const ssize_t count = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error(path));
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
    if (have == bytes.size()) return fail(ErrorCode::kCorrupt, path + ": too long");
  }
  Secret whole(bytes.substr(0, have));
  std::ranges::fill(bytes, '\0');
  return whole;
}

Result<> remove_transport_secret(const std::string& data_root, std::string_view name) {
  TRY(check_name(name));
  const std::string path = transport_secrets_folder(data_root) + "/" + std::string(name);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail(errno_error(path));
}

std::string send_password_name(std::string_view connector) {
  return "send-" + to_hex(ascii_lower(connector));
}

}  // namespace hauspost::child
