#include "transport/filter/client_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/network.h"
#include "base/text.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kNamesMax = 5;  // of an address, that are followed forwards

bool is_same_address(std::string_view a, std::string_view b) {
  const auto first = Network::parse(a);
  return first && first->contains(b);
}

// The address in "[192.0.2.1]" or "[IPv6:2001:db8::1]"; empty: no literal.
std::string_view literal_in(std::string_view hello) {
  if (!hello.starts_with('[') || !hello.ends_with(']')) return {};
  hello = hello.substr(1, hello.size() - 2);
  return istarts_with(hello, "IPv6:") ? hello.substr(5) : hello;
}

struct Forwards {
  bool leads_back = false;
  bool exists = false;
  bool unknown = false;  // the DNS cannot say now
};

Task<Forwards> follow(dns::Resolver& resolver, std::string name, std::string address) {
  const bool v6 = address.contains(':') && !address.starts_with("::ffff:");
  const auto wanted = v6 ? co_await resolver.aaaa(name) : co_await resolver.a(name);
  Forwards out;
  out.unknown = wanted.outcome == dns::Outcome::kTemporary;
  out.exists = wanted.outcome != dns::Outcome::kNoName;
  if (wanted.found()) {
    out.leads_back = std::ranges::any_of(
        wanted.records, [&](const std::string& one) { return is_same_address(one, address); });
  }
  co_return out;
}

}  // namespace

std::string ClientScore::to_string() const {
  return reasons.empty() ? std::to_string(points)
                         : fmt::format("{} ({})", points, fmt::join(reasons, ", "));
}

ClientScore score_hello(std::string_view hello, std::string_view address,
                        std::string_view hostname) {
  ClientScore score;
  const std::string_view literal = literal_in(hello);
  if (!literal.empty()) {
    if (!is_same_address(literal, address)) score.add(3, "helo-literal-differs");
  } else if (iequals(hello, hostname) || iequals(hello, "localhost")) {
    score.forged_hello = true;
    score.add(4, "helo-is-us");
  } else if (!hello.contains('.')) {
    score.add(2, "helo-unqualified");
  }
  return score;
}

Task<ClientScore> score_client(ClientScore score, dns::Resolver& resolver, std::string hello,
                               std::string address) {
  const auto names = co_await resolver.ptr(address);
  bool unknown = names.outcome == dns::Outcome::kTemporary;
  if (names.found()) {
    std::size_t followed = 0;
    for (const std::string& name : names.records) {
      if (followed++ == kNamesMax) break;
      const Forwards forwards = co_await follow(resolver, name, address);
      unknown = unknown || forwards.unknown;
      if (!forwards.leads_back) continue;
      score.reverse_name = name;
      break;
    }
    if (score.reverse_name.empty() && !unknown) score.add(1, "ptr-unconfirmed");
  } else if (!unknown) {
    score.has_reverse = false;
    score.add(3, "no-ptr");
  }
  if (!hello.contains('.') || hello.starts_with('[') || score.forged_hello) co_return score;
  if (iequals(hello, score.reverse_name)) co_return score;
  const Forwards forwards = co_await follow(resolver, hello, address);
  if (forwards.unknown || forwards.leads_back) co_return score;
  if (forwards.exists)
    score.add(1, "helo-differs");
  else
    score.add(2, "helo-unknown");
  co_return score;
}

}  // namespace hauspost::transport
