// What an SMTP session works with.
#pragma once

#include <string>

#include "base/clock.h"
#include "protocols/smtp/limits.h"
#include "transport/delivery/delivery_clients.h"
#include "transport/directory.h"
#include "transport/dns/resolver.h"
#include "transport/queue/pressure.h"
#include "transport/queue/queue.h"
#include "transport/receive/connector.h"
#include "transport/receive/full_mailboxes.h"
#include "transport/receive/half_taken.h"
#include "transport/receive/message_rates.h"
#include "transport/track/protocol_log.h"
#include "transport/track/tracker.h"

namespace hauspost::dns {
class HopFinder;
}

namespace hauspost::mailauth {
class Authentication;
}

namespace hauspost::transport {

class Filters;

class Srs;  // transport/resolve/srs.h

struct ReceiveLimits {
  std::uint64_t message_bytes_max = 50ULL << 20;   // 552 5.3.4
  std::size_t header_bytes_max = 256 * 1024;       // 554 5.6.0
  std::size_t header_field_bytes_max = 64 * 1024;  // 554 5.6.0
  std::size_t header_fields_max = 1000;            // 554 5.6.0
  std::size_t hops_max = 100;                      // Received fields; 554 5.4.6
  std::size_t local_hops_max = 8;                  // of them our own; 554 5.4.6
  std::size_t recipients_max = 1000;               // a message; 452 4.5.3
  std::size_t messages_max = 1000;                 // a session; 421 4.7.0
  std::size_t errors_slow = 10;                    // then a second each
  std::size_t errors_max = 20;                     // then 421 4.7.0
  std::size_t junk_max = 100;                      // NOOP, RSET and the like; then 421 4.7.0
  Seconds command_timeout{300};                    // 421 4.4.2
  Seconds session_timeout{3600};                   // looked at between commands; 421 4.4.2
  Milliseconds error_delay{1000};
  Milliseconds tarpit{1000};        // before 550 5.1.1 to a client that did not log in; 0: off
  std::size_t data_rate_min = 500;  // octets a second over data_rate_window; 421 4.4.2
  Seconds data_rate_window{60};
  Milliseconds usage_timeout{3000};       // then the mailbox has room
  Milliseconds delivery_timeout{20'000};  // then the message is queued
};

// All of them outlive every session.
struct Services {
  const Directory& directory;
  DeliveryClients& deliveries;
  Queue& queue;
  const Clock& clock;
  std::string hostname;  // shown in replies and trace fields
  ReceiveLimits limits;
  FullMailboxes full = {};
  Tracker* tracker = &no_tracker();
  const Router* router = nullptr;  // null: what leaves is Unreachable
  const Srs* srs = nullptr;        // null: no reverse-path is rewritten
  // Both ask nobody until they are asked; null: nothing that needs the DNS is done.
  dns::Resolver* resolver = nullptr;
  dns::HopFinder* hops = nullptr;
  // Null: built_in_connector() and `limits` hold for everybody.
  const Connectors* connectors = nullptr;
  MessageRates* rates = nullptr;  // null: nobody sends too often
  const Pressure* pressure = nullptr;  // null: there is always room
  // SPF, DKIM, DMARC and ARC, and signing; null: nothing is checked or signed.
  mailauth::Authentication* authentication = nullptr;
  Filters* filters = nullptr;               // transport/filter; null: none
  ProtocolLog* receive_log = nullptr;       // null: no dialogue is kept
  ProtocolLog* send_log = nullptr;          // the same
  ConnectivityLog* connectivity = nullptr;  // the same
  HalfTaken half_taken = {};
};

}  // namespace hauspost::transport
