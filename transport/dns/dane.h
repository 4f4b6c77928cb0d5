// DANE for SMTP (RFC 7672): what TLSA records ask for.
#pragma once

#include <string>
#include <vector>

#include "transport/dns/hop_finder.h"

namespace hauspost::dns {

inline constexpr std::size_t kTlsaMax = 32;  // of one host; further ones are not looked at

// Whether a record can be matched against a certificate (section 3.1: usages 0 and 1 cannot).
bool is_usable(const Tlsa& record);
// "3 1 1 ab12...", as RFC 6698 section 2.2 writes it.
std::string to_string(const Tlsa& record);

// Of authentic records below `base`: kDane with those that are usable, or kRequired where none is
// (section 2.2: TLS is then a must, without a look at the certificate).
// REQUIRES: at least one record.
TlsPolicy dane_policy(const std::vector<Tlsa>& records, const std::string& base);

}  // namespace hauspost::dns
