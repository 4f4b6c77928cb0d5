#include "server/frontend/smtp_connectors.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace hauspost::frontend {

transport::ReceiveConnector::Binding local_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(v6.sin6_port)};
  }
  return {};
}

void apply_connector(const transport::ReceiveConnector& connector,
                     const directory::ListenerRules& rules, const AskNumber& number,
                     Limits& limits) {
  const transport::ConnectorLimits& own = connector.limits;
  if (rules.per_address_max == 0 && !(number && number("frontend.smtp_per_address_max"))) {
    const std::uint64_t share = own.connections * own.per_source_percent / 100;
    limits.smtp_per_address_max = std::min(own.per_source, std::max<std::uint64_t>(share, 1));
  }
  limits.smtp_errors_max = static_cast<unsigned>(own.protocol_errors);
  limits.smtp_errors_free = static_cast<unsigned>(own.protocol_errors / 2);
  limits.bad_passwords_max = static_cast<unsigned>(own.logon_failures);
  limits.bad_password_delay = std::chrono::milliseconds(own.auth_tarpit_ms);
  limits.command_time = std::chrono::seconds(own.inactivity_s);
  limits.greeter_time = std::chrono::seconds(own.connection_s);
}

}  // namespace hauspost::frontend
