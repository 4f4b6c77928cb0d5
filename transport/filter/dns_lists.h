// DNS lists (RFC 5782): whether somebody lists an address.
#pragma once

#include <optional>
#include <string>

#include "transport/dns/resolver.h"
#include "transport/filter/settings.h"

namespace hauspost::transport {

// "192.0.2.1" under "list.example.org" is "1.2.0.192.list.example.org"; IPv6 by nibbles. Empty: no
// address.
std::string dns_list_name(std::string_view address, std::string_view zone);

struct Listed {
  std::string zone;
  std::string code;  // "127.0.0.2"
  std::string text;  // for the reply
};

// Asks all lists that are on, at the same time, and takes the first by priority that lists the
// address. Fails open: a list that does not answer within `timeout` has nothing to say. REQUIRES:
// `resolver` and `lists` live until it returns.
Task<std::optional<Listed>> ask_dns_lists(dns::Resolver& resolver,
                                          const std::vector<DnsList>& lists, std::string address,
                                          Duration timeout);

}  // namespace hauspost::transport
