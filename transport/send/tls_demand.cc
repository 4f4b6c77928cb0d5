#include "transport/send/tls_demand.h"

namespace hauspost::transport {

namespace {

using Level = dns::TlsPolicy::Level;
using Check = tls::ServerCheck;

Check name_check(const dns::TlsPolicy& policy, const std::string& host) {
  Check check{.kind = Check::Kind::kName, .names = policy.names, .records = {}};
  if (check.names.empty()) check.names.push_back(host);
  return check;
}

Check dane_check(const dns::TlsPolicy& policy, const std::string& host) {
  Check check = name_check(policy, host);
  check.kind = Check::Kind::kDane;
  for (const dns::Tlsa& record : policy.tlsa)
    check.records.push_back({record.usage, record.selector, record.matching, record.data});
  return check;
}

void apply_policy(const dns::Host& host, TlsDemand& demand) {
  const dns::TlsPolicy& policy = host.tls;
  if (policy.testing) demand.watch = name_check(policy, host.name);
  if (policy.level == Level::kOpportunistic) return;
  demand.required = true;
  demand.source = policy.source;
  if (policy.level == Level::kName) demand.check = name_check(policy, host.name);
  if (policy.level == Level::kDane) demand.check = dane_check(policy, host.name);
}

void apply_connector(const SendConnector& connector, const dns::Host& host, TlsDemand& demand) {
  if (connector.tls <= SendTls::kOpportunistic) return;
  demand.required = true;
  if (connector.tls == SendTls::kDomain) {
    const std::string& name = connector.tls_domain.empty() ? host.name : connector.tls_domain;
    demand.check = Check{.kind = Check::Kind::kName, .names = {name}, .records = {}};
    demand.source = "connector";
  } else if (connector.tls == SendTls::kCertificate && !demand.check) {
    demand.check = Check{.kind = Check::Kind::kChain, .names = {}, .records = {}};
    demand.source = "connector";
  } else if (demand.source.empty()) {
    demand.source = "connector";
  }
}

}  // namespace

TlsDemand tls_demand(const SendConnector& connector, const dns::Host& host, bool require_tls) {
  TlsDemand demand;
  if (connector.tls == SendTls::kNone || host.address.starts_with('/')) {
    demand.use = false;
    demand.required = require_tls;
    return demand;
  }
  apply_policy(host, demand);
  apply_connector(connector, host, demand);
  // A password goes to nobody who could not be asked for a certificate at all.
  if (connector.authenticate) demand.required = true;
  if (!require_tls) return demand;
  demand.required = true;
  if (!demand.check || demand.check->kind == Check::Kind::kChain) {
    demand.check = name_check(host.tls, host.name);
    demand.source = "message";
  }
  return demand;
}

dns::TlsFailure tls_failure(const tls::ServerVerdict& verdict) {
  using Kind = tls::ServerVerdict::Kind;
  switch (verdict.kind) {
    case Kind::kGood: return dns::TlsFailure::kNone;
    case Kind::kNotTrusted: return dns::TlsFailure::kCertificateNotTrusted;
    case Kind::kExpired: return dns::TlsFailure::kCertificateExpired;
    case Kind::kHostMismatch: return dns::TlsFailure::kCertificateHostMismatch;
    case Kind::kNoDaneMatch: return dns::TlsFailure::kTlsaInvalid;
  }
  return dns::TlsFailure::kValidationFailure;
}

}  // namespace hauspost::transport
