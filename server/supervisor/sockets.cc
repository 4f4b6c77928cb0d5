#include "server/supervisor/sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/ip/tcp.hpp>
#include <fmt/format.h>

#include <cstring>

#include "base/log.h"

namespace hauspost::supervisor {

namespace {

constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr mode_t kGroupSocket = 0660;

void set_option(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

Error bind_error(const ListenerSettings& listener, int error) {
  const std::string what = fmt::format("listener {} on {}", listener.service, listener.endpoint());
  switch (error) {
    case EADDRINUSE:
      return {
          ErrorCode::kExists,
          fmt::format("{}: another program listens there; stop it (see: ss -ltnp 'sport = :{}') "
                      "or change [listeners] {} in {}",
                      what, listener.port, listener.service, kSettingsFile)};
    case EACCES:
      return {ErrorCode::kDenied,
              fmt::format("{}: not allowed; start as root or choose a port above 1023 in {}", what,
                          kSettingsFile)};
    case EADDRNOTAVAIL:
      return {
          ErrorCode::kInvalid,
          fmt::format("{}: this machine does not have that address; change [listeners] {} in {}",
                      what, listener.service, kSettingsFile)};
    default: return errno_error(what, error);
  }
}

}  // namespace

Result<UniqueFd> listen_tcp(const ListenerSettings& listener, AbsentAddress absent) {
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(listener.address), listener.port);
  UniqueFd fd(::socket(endpoint.protocol().family(), kSocketFlags, 0));
  if (!fd) return fail(bind_error(listener, errno));
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (endpoint.address().is_v6()) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  const auto bind = [&] {
    return ::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
  };
  bool bound = bind();
  if (!bound && errno == EADDRNOTAVAIL && absent == AbsentAddress::kAwaited &&
      !listener.connector.empty()) {
    log::warning("listener.address_absent",
                 {{"connector", listener.connector}, {"endpoint", listener.endpoint()}});
    if (endpoint.address().is_v6()) {
      set_option(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND);
    } else {
      set_option(fd.get(), IPPROTO_IP, IP_FREEBIND);
    }
    bound = bind();
  }
  if (!bound || ::listen(fd.get(), kBacklog) != 0) return fail(bind_error(listener, errno));
  return fd;
}

Result<UniqueFd> listen_unix(const std::string& path, std::optional<gid_t> group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid,
                fmt::format("socket {}: the path is longer than {} octets; use a data root with a "
                            "shorter path",
                            path, sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, kSocketFlags, 0));
  if (!fd) return fail(errno_error("socket " + path));
  ::unlink(path.c_str());
  // The mode of the socket file is decided at bind: never open to others, not even for a moment.
  const mode_t before = ::umask(0177);
  const bool bound =
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int bind_errno = errno;
  ::umask(before);
  if (!bound) return fail(errno_error("socket " + path, bind_errno));
  if (group && (::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0 ||
                ::chmod(path.c_str(), kGroupSocket) != 0))
    return fail(errno_error("socket " + path));
  if (::listen(fd.get(), kBacklog) != 0) return fail(errno_error("socket " + path));
  return fd;
}

}  // namespace hauspost::supervisor
