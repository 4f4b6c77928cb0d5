// TlsDemand: how much TLS one connection has to have, out of what the connector, the recipient's
// domain (DANE, MTA-STS) and the message (REQUIRETLS) ask for.
#pragma once

#include <optional>
#include <string>

#include "base/tls/server_check.h"
#include "transport/dns/hop_finder.h"
#include "transport/route/send_connector.h"

namespace hauspost::transport {

struct TlsDemand {
  bool use = true;        // STARTTLS where it is offered
  bool required = false;  // no mail without it; without, a failed handshake is tried in the clear
  std::optional<tls::ServerCheck> check;  // must hold
  std::optional<tls::ServerCheck> watch;  // is reported, and mail goes all the same
  std::string source;                     // "dane", "sts", "connector", "message"; empty: nobody
};

// The connector's word is the least: a policy of the domain adds to it. A connector that never uses
// TLS is obeyed against DANE and MTA-STS, for it is the administrator who says so.
TlsDemand tls_demand(const SendConnector& connector, const dns::Host& host, bool require_tls);

// The names of RFC 8460 for what went wrong.
dns::TlsFailure tls_failure(const tls::ServerVerdict& verdict);

}  // namespace hauspost::transport
