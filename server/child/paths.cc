#include <fmt/format.h>

#include "base/bytes.h"
#include "base/text.h"
#include "server/child/child.h"

namespace hauspost::child {

namespace {

// A socket's path holds 107 bytes, a database's name up to 64: long ones are cut and told apart by
// a checksum. Names compare without case.
constexpr std::size_t kNamePart = 20;

std::string store_socket(const std::string& run_dir, std::string_view database,
                         std::string_view kind) {
  const std::string name = ascii_lower(database);
  std::string shown;
  for (const char c : std::string_view(name).substr(0, kNamePart)) shown += c == ' ' ? '_' : c;
  if (shown != name) shown += fmt::format("-{:08x}", crc32c(name));
  return fmt::format("{}/store-{}.{}", run_dir, shown, kind);
}

}  // namespace

std::string store_session_socket(const std::string& run_dir, std::string_view database) {
  return store_socket(run_dir, database, "session");
}

std::string store_delivery_socket(const std::string& run_dir, std::string_view database) {
  return store_socket(run_dir, database, "delivery");
}

std::string transport_session_socket(const std::string& run_dir) {
  return run_dir + "/transport.session";
}

std::string web_session_socket(const std::string& run_dir) { return run_dir + "/web.session"; }

std::string auth_socket(const std::string& run_dir) { return run_dir + "/auth.calls"; }

}  // namespace hauspost::child
