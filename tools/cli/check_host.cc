#include "tools/cli/check_host.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tools/cli/table.h"
#include "tools/cli/zone_facts.h"
#include "transport/dns/dane.h"

namespace hauspost::cli {

namespace {

using dns::RecordType;

bool holds_one(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

RecordType address_type(const std::string& address) {
  return address.find(':') == std::string::npos ? RecordType::kA : RecordType::kAaaa;
}

std::string reach_text(const ReachFacts& reach) {
  return fmt::format("{} at {} port {}", reach.service, reach.address, reach.port);
}

// What the first bytes of a service have to be; empty: it does not greet.
std::string_view greeting_of(std::string_view service) {
  if (service == "smtp" || service == "submission") return "220";
  if (service == "imap") return "* OK";
  if (service == "pop3") return "+OK";
  return {};
}

}  // namespace

bool resolver_answers(const DnsFacts& dns) {
  return std::ranges::any_of(
      dns.answers, [](const auto& one) { return one.second.outcome != dns::Outcome::kTemporary; });
}

std::string shown_records(const dns::Answer<std::string>& answer, RecordType type) {
  if (!answer.found()) return "nothing";
  std::string out;
  for (const std::string& record : answer.records)
    out += (out.empty() ? "" : ", ") + printable(dns::record_text(type, record));
  return out;
}

Findings check_host_name(const DoctorFacts& facts) {
  const std::string& name = facts.zone.hostname;
  if (name == "localhost" || name.ends_with(".localdomain") || !supervisor::is_host_name(name))
    return {{"host-name", name, Verdict::kFault,
             fmt::format("\"{}\" is not a name that others can know", printable(name)),
             "others refuse a server that calls itself so",
             "set hostname under [server] of hauspost.toml to a full name of yours"}};
  if (facts.offline) return {good("host-name", name, "is a full name")};
  if (!resolver_answers(facts.dns)) return {not_seen("host-name", name, "the DNS does not answer")};
  Findings out;
  for (const std::string& address : facts.zone.addresses) {
    const RecordType type = address_type(address);
    const auto& answer = facts.dns.of(name, type);
    if (holds_one(answer.records, address)) continue;
    out.push_back({"host-name", name, Verdict::kFault,
                   fmt::format("{} {} should be {} and is {}", name, dns::to_string(type), address,
                               shown_records(answer, type)),
                   "nobody finds this server by its name",
                   fmt::format("publish: {}. IN {} {}", name, dns::to_string(type), address)});
  }
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa}) {
    for (const std::string& address : facts.dns.of(name, type).records) {
      if (holds_one(facts.zone.addresses, address)) continue;
      out.push_back({"host-name", name, Verdict::kFault,
                     fmt::format("{} {} says {}, which is not this server", name,
                                 dns::to_string(type), address),
                     "part of the mail and of the users arrive elsewhere",
                     "remove that record, or name the address: hauspost setup --public-address"});
    }
  }
  if (out.empty())
    out.push_back(
        good("host-name", name, fmt::format("leads to {}", fmt::join(facts.zone.addresses, ", "))));
  return out;
}

Findings check_addresses(const DoctorFacts& facts) {
  if (facts.offline) return {skipped("addresses", "", "not wanted offline")};
  if (facts.zone.addresses.empty())
    return {{"addresses", "", Verdict::kFault, "this machine has no address but loopback",
             "nobody reaches it", "connect it to a network, or: hauspost setup --offline yes"}};
  Findings out;
  for (const std::string& address : facts.zone.addresses) {
    if (is_public_address(address)) {
      out.push_back(good("addresses", address, "is a public address"));
      continue;
    }
    out.push_back({"addresses", address, Verdict::kWarning,
                   fmt::format("{} is not an address of the Internet", address),
                   "others reach this server only when a router passes its ports on",
                   "say by which address: hauspost setup --public-address ADDRESS"});
  }
  return out;
}

Findings check_listeners(const DoctorFacts& facts) {
  Findings out;
  std::size_t reached = 0;
  for (const ReachFacts& reach : facts.reach) {
    const std::string_view greeting = greeting_of(reach.service);
    const bool spoke = greeting.empty() || reach.greeting.starts_with(greeting);
    if (reach.connected && spoke) {
      ++reached;
      continue;
    }
    // Many routers do not pass on what comes from inside to their own outer address.
    const bool here =
        holds_one(facts.own_addresses, reach.address) || istarts_with(reach.address, "127.");
    std::string text =
        reach_text(reach) + ": " +
        (reach.connected ? (reach.greeting.empty() ? std::string("accepts, and says nothing")
                                                   : "says " + printable(reach.greeting))
                         : printable(reach.error));
    if (!here && !reach.connected) {
      out.push_back({"listeners", reach.service, Verdict::kWarning, std::move(text),
                     "perhaps it is blocked, perhaps only from inside",
                     "try it from elsewhere; check the port forwarding of the router"});
      continue;
    }
    out.push_back({"listeners", reach.service, Verdict::kFault, std::move(text),
                   "clients and other servers cannot connect",
                   "check the firewall (nft list ruleset), and: hauspost status"});
  }
  if (out.empty() && reached > 0)
    out.push_back(good("listeners", "", fmt::format("{} ports answer", reached)));
  if (out.empty()) out.push_back(skipped("listeners", "", "no listener is open"));
  return out;
}

Findings check_reverse_dns(const DoctorFacts& facts) {
  if (facts.offline) return {skipped("reverse-dns", "", "not wanted offline")};
  Findings out;
  for (const std::string& address : facts.zone.addresses) {
    const auto reverse = dns::reverse_name(address);
    if (!reverse) continue;
    const auto& answer = facts.dns.of(*reverse, RecordType::kPtr);
    if (answer.outcome == dns::Outcome::kTemporary) {
      out.push_back(not_seen("reverse-dns", address, "the DNS does not answer"));
    } else if (holds_one(answer.records, facts.zone.hostname)) {
      out.push_back(good("reverse-dns", address, "leads back to " + facts.zone.hostname));
    } else {
      out.push_back(
          {"reverse-dns", address, Verdict::kFault,
           fmt::format("PTR of {} should be {} and is {}", address, facts.zone.hostname,
                       shown_records(answer, RecordType::kPtr)),
           "many servers refuse mail from such an address",
           fmt::format("ask who gave you {} to set its PTR to {}", address, facts.zone.hostname)});
    }
  }
  return out;
}

Findings check_resolver(const DoctorFacts& facts) {
  if (facts.offline) return {skipped("resolver", "", "not wanted offline")};
  const std::string servers = facts.dns.servers.empty()
                                  ? "no DNS server"
                                  : fmt::format("{}", fmt::join(facts.dns.servers, ", "));
  if (!resolver_answers(facts.dns))
    return {{"resolver", "", Verdict::kFault, fmt::format("{} does not answer", servers),
             "no mail leaves, and none is checked",
             "name others: hauspost dns set --server ADDRESS, or in /etc/resolv.conf"}};
  const bool signed_zone =
      std::ranges::any_of(facts.dns.answers, [](const auto& one) { return one.second.authentic; });
  std::string dnssec = "; DNSSEC is not checked on the way";
  if (facts.dns.trusts_ad) dnssec = "; DNSSEC is believed";
  if (signed_zone) dnssec += ", and your zone is signed";
  return {good("resolver", "", fmt::format("{} answers{}", servers, dnssec))};
}

Findings check_outbound(const DoctorFacts& facts) {
  if (!facts.outbound.tried) return {skipped("outbound", "", "not tried")};
  if (facts.outbound.error.empty())
    return {good("outbound", "", facts.outbound.target + " answers")};
  return {{"outbound", "", Verdict::kFault,
           fmt::format("{}: {}", facts.outbound.target, printable(facts.outbound.error)),
           "mail for elsewhere cannot leave",
           "many providers block port 25 until asked; or send through a smart host: hauspost "
           "connector send set"}};
}

Findings check_tlsa(const DoctorFacts& facts) {
  const std::string name = "_25._tcp." + facts.zone.hostname;
  const auto& answer = facts.dns.of(name, RecordType::kTlsa);
  if (facts.offline || (!facts.zone.tlsa && !answer.found()))
    return {skipped("tlsa", name, "not wanted")};
  if (answer.outcome == dns::Outcome::kTemporary || facts.zone.key_digest.empty())
    return {not_seen("tlsa", name, "the DNS or the front-end does not answer")};
  const std::string wanted = "3 1 1 " + facts.zone.key_digest;
  const std::string remedy = fmt::format("publish: {}. IN TLSA {}", name, wanted);
  if (!answer.found())
    return {{"tlsa", name, Verdict::kWarning, "there is no TLSA record",
             "senders with DANE do not check our key", remedy}};
  const auto text = from_hex(facts.zone.key_digest);
  const bool same = std::ranges::any_of(answer.records, [&](const std::string& record) {
    const auto tlsa = dns::tlsa_from(record);
    return tlsa && text && tlsa->usage == 3 && tlsa->selector == 1 && tlsa->matching == 1 &&
           tlsa->data == *text;
  });
  if (!same)
    return {
        {"tlsa", name, Verdict::kFault,
         fmt::format("no TLSA record is of our key: {}", shown_records(answer, RecordType::kTlsa)),
         "senders with DANE do not deliver to us", remedy}};
  return {good("tlsa", name, "is of our key")};
}

}  // namespace hauspost::cli
