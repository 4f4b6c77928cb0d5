#include "transport/dns/dane.h"

#include "base/text.h"

namespace hauspost::dns {

namespace {

constexpr std::uint8_t kTrustAnchor = 2;  // DANE-TA
constexpr std::uint8_t kEndEntity = 3;    // DANE-EE

}  // namespace

bool is_usable(const Tlsa& record) {
  if (record.usage != kTrustAnchor && record.usage != kEndEntity) return false;
  if (record.selector > 1) return false;
  switch (record.matching) {
    case 0: return !record.data.empty();
    case 1: return record.data.size() == 32;  // SHA-256
    case 2: return record.data.size() == 64;  // SHA-512
    default: return false;
  }
}

std::string to_string(const Tlsa& record) {
  return std::to_string(record.usage) + " " + std::to_string(record.selector) + " " +
         std::to_string(record.matching) + " " + to_hex(record.data);
}

TlsPolicy dane_policy(const std::vector<Tlsa>& records, const std::string& base) {
  TlsPolicy tls;
  tls.source = "dane";
  tls.facts = {PolicyFacts::Kind::kTlsa, base, {}, {}};
  for (const Tlsa& record : records) {
    if (tls.facts.strings.size() >= kTlsaMax) break;
    tls.facts.strings.push_back(to_string(record));
    if (is_usable(record)) tls.tlsa.push_back(record);
  }
  tls.level = tls.tlsa.empty() ? TlsPolicy::Level::kRequired : TlsPolicy::Level::kDane;
  if (!tls.tlsa.empty()) tls.names = {base};
  return tls;
}

}  // namespace hauspost::dns
