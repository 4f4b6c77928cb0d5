// What a client's name says about it: HELO and reverse DNS, as points. A score alone proves
// nothing; it is noted in the message, and refuses only where an administrator sets from what on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transport/dns/resolver.h"

namespace hauspost::transport {

struct ClientScore {
  std::uint32_t points = 0;
  std::vector<std::string_view> reasons;  // "no-ptr", "helo-is-us", ...
  std::string reverse_name;               // the confirmed one; empty: none
  bool has_reverse = true;                // false: looked for, and there is none
  bool forged_hello = false;              // it calls itself by a name or address of ours

  void add(std::uint32_t more, std::string_view reason) {
    points += more;
    reasons.push_back(reason);
  }
  // "5 (no-ptr, helo-unqualified)"
  std::string to_string() const;
};

// What needs no DNS: a name without a dot (2), another's address as literal (3), ours (4).
ClientScore score_hello(std::string_view hello, std::string_view address,
                        std::string_view hostname);

// Adds: no name for the address (3), one that does not lead back to it (1), a HELO name that does
// not exist (2) or leads elsewhere (1). What the DNS cannot say now costs nothing.
Task<ClientScore> score_client(ClientScore score, dns::Resolver& resolver, std::string hello,
                               std::string address);

}  // namespace hauspost::transport
