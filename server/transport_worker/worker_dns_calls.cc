// The supervisor's questions about names, policies and reports.
#include "server/child/dns.pb.h"
#include "server/transport_worker/worker_dns.h"

namespace hauspost::transport_worker {

namespace {

namespace wire = child::wire;

constexpr std::size_t kListMost = 1'000;

wire::DnsOutcome to_wire(dns::Outcome outcome) {
  switch (outcome) {
    case dns::Outcome::kFound: return wire::DNS_OUTCOME_FOUND;
    case dns::Outcome::kNoData: return wire::DNS_OUTCOME_NO_DATA;
    case dns::Outcome::kNoName: return wire::DNS_OUTCOME_NO_NAME;
    case dns::Outcome::kTemporary: return wire::DNS_OUTCOME_TEMPORARY;
  }
  return wire::DNS_OUTCOME_UNSPECIFIED;
}

std::string_view level_word(dns::TlsPolicy::Level level) {
  switch (level) {
    case dns::TlsPolicy::Level::kOpportunistic: return "opportunistic";
    case dns::TlsPolicy::Level::kRequired: return "required";
    case dns::TlsPolicy::Level::kName: return "name";
    case dns::TlsPolicy::Level::kDane: return "dane";
  }
  return "opportunistic";
}

void describe(const dns::Host& host, wire::DnsHop& out) {
  out.set_host(host.name);
  out.set_address(host.address);
  out.set_port(host.port);
  out.set_tls(std::string(level_word(host.tls.level)));
  out.set_policy(host.tls.source);
  out.set_testing(host.tls.testing);
  for (const std::string& name : host.tls.names) out.add_names(name);
  for (const dns::Tlsa& record : host.tls.tlsa)
    out.add_tlsa(dns::record_text(
        dns::RecordType::kTlsa,
        std::string{static_cast<char>(record.usage), static_cast<char>(record.selector),
                    static_cast<char>(record.matching)} +
            record.data));
}

void list_cache(dns::Cache& cache, bool external, const wire::DnsCacheRequest& request,
                wire::DnsCacheReply& reply) {
  const auto counts = cache.counts();
  reply.set_entries_total(reply.entries_total() + counts.entries);
  reply.set_bytes(reply.bytes() + counts.bytes);
  reply.set_hits(reply.hits() + counts.hits);
  reply.set_misses(reply.misses() + counts.misses);
  const std::size_t limit = std::min<std::size_t>(request.limit(), kListMost);
  const auto all =
      cache.list(request.name().empty() ? limit : counts.entries, std::chrono::steady_clock::now());
  for (const dns::Cache::Entry& entry : all) {
    if (static_cast<std::size_t>(reply.entries_size()) >= limit) break;
    const auto& [type, name] = entry.key;
    if (name.find(request.name()) == std::string::npos) continue;
    wire::DnsCacheEntry* out = reply.add_entries();
    out->set_name(name);
    out->set_type(std::string(dns::to_string(type)));
    out->set_outcome(to_wire(entry.answer.outcome));
    for (const std::string& record : entry.answer.records)
      out->add_records(dns::record_text(type, record));
    out->set_ttl_s(entry.answer.ttl.count());
    out->set_external(external);
  }
}

Error malformed() { return {ErrorCode::kInvalid, "the request does not parse"}; }

}  // namespace

Task<Result<std::string>> WorkerDns::lookup(std::string body) {
  wire::DnsLookupRequest request;
  if (!request.ParseFromString(body)) co_return fail(malformed());
  const auto type = dns::parse_record_type(request.type());
  if (!type || *type == dns::RecordType::kSoa)
    co_return fail(ErrorCode::kInvalid, "a type is A, AAAA, CNAME, MX, PTR, TLSA or TXT");
  dns::CaresResolver& asked = request.external() ? outside_.now() : resolver_;
  std::string name = request.name();
  if (*type == dns::RecordType::kPtr)
    if (const auto reverse = dns::reverse_name(name)) name = *reverse;
  const auto answer = co_await asked.records(name, *type);
  wire::DnsLookupReply reply;
  reply.set_outcome(to_wire(answer.outcome));
  for (const std::string& record : answer.records)
    reply.add_records(dns::record_text(*type, record));
  reply.set_ttl_s(answer.ttl.count());
  reply.set_authentic(answer.authentic);
  reply.set_canonical(answer.canonical);
  for (const std::string& server : asked.servers()) reply.add_servers(server);
  reply.set_trusts_ad(asked.trusts_ad());
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> WorkerDns::find_hops(std::string body) {
  wire::DnsHopsRequest request;
  if (!request.ParseFromString(body)) co_return fail(malformed());
  const dns::HopAnswer answer = co_await hops_.find(request.domain(), request.require_tls());
  wire::DnsHopsReply reply;
  reply.set_found(answer.found());
  reply.set_permanent(answer.kind == dns::HopAnswer::Kind::kPermanent);
  reply.set_status(answer.status);
  reply.set_text(answer.text);
  for (const dns::Host& host : answer.hosts) describe(host, *reply.add_hops());
  co_return reply.SerializeAsString();
}

Result<std::string> WorkerDns::cache(const std::string& body) {
  wire::DnsCacheRequest request;
  if (!request.ParseFromString(body)) return fail(malformed());
  wire::DnsCacheReply reply;
  if (request.flush()) {
    reply.set_flushed(resolver_.cache().forget(request.name()) +
                      external_.cache().forget(request.name()));
    if (request.policies()) reply.set_policies_flushed(policies_.forget(request.name()));
  } else {
    for (const std::string& server : resolver_.servers()) reply.add_servers(server);
    for (const std::string& server : outside_.now().servers()) reply.add_external_servers(server);
    reply.set_trusts_ad(resolver_.trusts_ad());
    const std::size_t most = std::min<std::size_t>(request.limit(), kListMost);
    list_cache(resolver_.cache(), false, request, reply);
    list_cache(external_.cache(), true, request, reply);
    for (const auto& kept : policies_.kept()) {
      if (kept.domain.find(request.name()) == std::string::npos) continue;
      if (static_cast<std::size_t>(reply.policies_size()) >= most) break;
      wire::DnsStsPolicy* out = reply.add_policies();
      out->set_domain(kept.domain);
      out->set_id(kept.id);
      out->set_mode(std::string(dns::to_string(kept.policy.mode)));
      for (const std::string& pattern : kept.policy.mx) out->add_mx(pattern);
      out->set_max_age_s(kept.policy.max_age.count());
      out->set_fetched_s(
          std::chrono::duration_cast<Seconds>(kept.fetched.time_since_epoch()).count());
    }
  }
  return reply.SerializeAsString();
}

Task<Result<std::string>> WorkerDns::report(std::string body) {
  wire::TlsReportRequest request;
  if (!request.ParseFromString(body)) co_return fail(malformed());
  wire::TlsReportReply reply;
  if (request.send()) {
    const std::string until = request.today() ? "9999-99-99" : reports_.today();
    for (const auto& sending : co_await reporter_.send(until, request.domain())) {
      wire::TlsReportSending* out = reply.add_sendings();
      out->set_date(sending.date);
      out->set_domain(sending.domain);
      for (const std::string& to : sending.sent_to) out->add_sent_to(to);
      out->set_error(sending.error);
    }
  } else if (!request.domain().empty()) {
    const std::string date = request.date().empty() ? reports_.today() : request.date();
    reply.set_json(reports_.report(date, request.domain(), reporter_.identity()));
    if (reply.json().empty())
      co_return fail(ErrorCode::kNotFound,
                     "nothing was counted of " + request.domain() + " on " + date);
  }
  for (const auto& sum : reports_.sums()) {
    wire::TlsReportSum* out = reply.add_sums();
    out->set_date(sum.date);
    out->set_domain(sum.domain);
    out->set_policy(sum.policy);
    out->set_successes(sum.successes);
    out->set_failures(sum.failures);
    out->set_done(sum.done);
  }
  co_return reply.SerializeAsString();
}

}  // namespace hauspost::transport_worker
