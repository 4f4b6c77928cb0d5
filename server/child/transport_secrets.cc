#include "server/child/transport_secrets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/durable_file.h"
#include "base/text.h"

namespace hauspost::child {

namespace {

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
  return replace_file(folder + "/" + std::string(name), secret.reveal());
}

Result<Secret> read_transport_secret(const std::string& data_root, std::string_view name) {
  TRY(check_name(name));
  const std::string path = transport_secrets_folder(data_root) + "/" + std::string(name);
  TRY_ASSIGN(std::string bytes, read_small_file(path, kTransportSecretMax));
  return Secret(std::move(bytes));
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
