#include "transport/route/send_connector.h"

#include <catch2/catch.hpp>

#include "transport/route/connector_chooser.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

SendConnector connector(std::string name, std::vector<std::string> spaces) {
  SendConnector out;
  out.name = std::move(name);
  for (const std::string& space : spaces) out.spaces.push_back(parse_address_space(space).value());
  return out;
}

// The name of the connector, "too big NAME", or "unreachable".
std::string chosen(const std::vector<SendConnector>& all, std::string_view domain,
                   std::uint64_t bytes = 1000) {
  const Way way = choose_connector(all, domain, bytes);
  if (way.hop.kind == NextHop::Kind::kUnreachable) return "unreachable";
  return (way.too_big ? "too big " : "") + way.hop.name;
}

std::string refusal(const SendConnector& one) {
  const auto checked = check(one);
  return checked ? "good" : checked.error().text;
}

}  // namespace

TEST_CASE("send connector: address spaces as people write them", "[send-connector]") {
  for (const auto& [text, printed] : std::vector<std::pair<std::string, std::string>>{
           {"*", "SMTP:*;1"},
           {"Example.ORG", "SMTP:example.org;1"},
           {"smtp:*.example.org;7", "SMTP:*.example.org;7"},
           {"--", "SMTP:--;1"},
           {"example.org;100", "SMTP:example.org;100"},
           {"xn--bcher-kva.example", "SMTP:xn--bcher-kva.example;1"}}) {
    INFO(text);
    const auto space = parse_address_space(text);
    REQUIRE(space);
    CHECK(to_string(*space) == printed);
    CHECK(parse_address_space(printed) == *space);
  }
  for (const std::string wrong : {"", "X400:c=de", "example.org;0", "example.org;101",
                                  "example.org;x", "*.", "*example.org", "a..b", "-a.example",
                                  "b\xc3\xbc"
                                  "cher.example",
                                  "*.*.example", "exam ple.org", "example.org;1;2"}) {
    INFO(wrong);
    CHECK_FALSE(parse_address_space(wrong));
  }
}

TEST_CASE("send connector: what an address space serves", "[send-connector]") {
  const auto serves = [](std::string_view space, std::string_view domain) {
    return match(*parse_address_space(space), domain).has_value();
  };
  CHECK(serves("*", "example.org"));
  CHECK(serves("*", "[192.0.2.1]"));
  CHECK(serves("example.org", "example.org"));
  CHECK_FALSE(serves("example.org", "mail.example.org"));
  CHECK_FALSE(serves("*.example.org", "example.org"));
  CHECK(serves("*.example.org", "mail.example.org"));
  CHECK(serves("*.example.org", "a.b.example.org"));
  CHECK_FALSE(serves("*.example.org", "badexample.org"));
  CHECK_FALSE(serves("--", "example.org"));
}

TEST_CASE("send connector: the most specific, then the cheapest, then the first by name",
          "[send-connector]") {
  std::vector<SendConnector> all{connector("rest", {"*"}), connector("below", {"*.example.org;1"}),
                                 connector("deeper", {"*.sub.example.org;50"}),
                                 connector("exact", {"example.org;100"}),
                                 connector("named", {"--"})};
  CHECK(chosen(all, "example.com") == "rest");
  CHECK(chosen(all, "example.org") == "exact");
  CHECK(chosen(all, "a.example.org") == "below");
  CHECK(chosen(all, "a.sub.example.org") == "deeper");
  all.push_back(connector("Cheap", {"example.org;99"}));
  CHECK(chosen(all, "example.org") == "Cheap");
  all.push_back(connector("a first", {"example.org;99"}));
  CHECK(chosen(all, "example.org") == "a first");
  all.back().enabled = false;
  CHECK(chosen(all, "example.org") == "Cheap");
  CHECK(chosen({}, "example.org") == "unreachable");
  CHECK(chosen({connector("named", {"--"})}, "example.org") == "unreachable");
}

TEST_CASE("send connector: a message goes where it is small enough", "[send-connector]") {
  std::vector<SendConnector> all{connector("small", {"example.org"}), connector("large", {"*;9"})};
  all[0].message_bytes_max = 1000;
  all[1].message_bytes_max = 2000;
  CHECK(chosen(all, "example.org", 1000) == "small");
  CHECK(chosen(all, "example.org", 1001) == "large");
  CHECK(chosen(all, "example.org", 2001) == "too big small");
  CHECK(chosen(all, "example.com", 2001) == "too big large");
}

TEST_CASE("send connector: domains that share smart hosts share a queue", "[send-connector]") {
  SendConnector smart = connector("smart", {"*"});
  smart.smart_hosts = {{"192.0.2.1", 0}};
  CHECK(choose_connector({smart}, "a.example", 1).hop ==
        choose_connector({smart}, "b.example", 1).hop);
  const SendConnector dns = connector("dns", {"*"});
  CHECK(choose_connector({dns}, "a.example", 1).hop != choose_connector({dns}, "b.example", 1).hop);
}

TEST_CASE("send connector: smart hosts as people write them", "[send-connector]") {
  for (const std::string text :
       {"mx.example.org", "mx.example.org:587", "192.0.2.1", "192.0.2.1:25", "2001:db8::1",
        "[2001:db8::1]:587", "/run/lmtp.sock"}) {
    INFO(text);
    const auto host = parse_smart_host(text);
    REQUIRE(host);
    CHECK(to_string(*host) == text);
  }
  CHECK(parse_smart_host("[2001:db8::1]")->host == "2001:db8::1");
  CHECK(parse_smart_host("MX.example.org:465")->host == "mx.example.org");
  CHECK(parse_smart_host("MX.example.org:465")->port == 465);
  for (const std::string wrong :
       {"", ":25", "mx.example.org:", "mx.example.org:0", "mx.example.org:65536", "a b",
        "[2001:db8::1", "[2001:db8::1]x", "[]:25", "http://mx.example.org", "-"}) {
    INFO(wrong);
    CHECK_FALSE(parse_smart_host(wrong));
  }
  CHECK_FALSE(parse_smart_host("/" + std::string(200, 'x')));
}

TEST_CASE("send connector: rules that hold for the whole of it", "[send-connector]") {
  const SendConnector good = connector("Internet", {"*"});
  CHECK(refusal(good) == "good");
  const auto with = [&](auto change) {
    SendConnector changed = good;
    change(changed);
    return refusal(changed);
  };
  CHECK(with([](auto& one) { one.name = ""; }) != "good");
  CHECK(with([](auto& one) { one.name = "a/b"; }) != "good");
  CHECK(with([](auto& one) { one.name = std::string(kConnectorNameMax + 1, 'x'); }) != "good");
  CHECK(with([](auto& one) { one.spaces.clear(); }) != "good");
  CHECK(with([](auto& one) { one.spaces.push_back(one.spaces[0]); }) != "good");
  CHECK(with([](auto& one) { one.port = 0; }) != "good");
  CHECK(with([](auto& one) { one.message_bytes_max = 1; }) != "good");
  CHECK(with([](auto& one) { one.inactivity = Seconds(1); }) != "good");
  CHECK(with([](auto& one) { one.connections_max = 0; }) != "good");
  CHECK(with([](auto& one) { one.fqdn = "not a name"; }) != "good");
  CHECK(with([](auto& one) { one.source_v4 = "2001:db8::1"; }) != "good");
  CHECK(with([](auto& one) { one.source_v6 = "192.0.2.1"; }) != "good");
  CHECK(with([](auto& one) { one.tls_domain = "mx.example.org"; }) != "good");
  CHECK(with([](auto& one) { one.comment = "two\nlines"; }) != "good");

  // A password needs somebody to tell it to, and TLS.
  const auto login = [&](auto change) {
    return with([&](SendConnector& one) {
      one.authenticate = true;
      one.user = "me";
      one.smart_hosts = {{"mx.example.org", 587}};
      change(one);
    });
  };
  CHECK(login([](auto&) {}) == "good");
  CHECK(login([](auto& one) { one.smart_hosts.clear(); }) != "good");
  CHECK(login([](auto& one) { one.user.clear(); }) != "good");
  CHECK(login([](auto& one) { one.tls = SendTls::kNone; }) != "good");

  const auto lmtp = [&](std::vector<SmartHost> hosts, std::uint16_t port, SendTls tls) {
    return with([&](SendConnector& one) {
      one.protocol = SendProtocol::kLmtp;
      one.smart_hosts = hosts;
      one.port = port;
      one.tls = tls;
    });
  };
  CHECK(lmtp({{"mx.example.org", 24}}, 25, SendTls::kOpportunistic) == "good");
  CHECK(lmtp({{"mx.example.org", 0}}, 24, SendTls::kEncryption) == "good");
  CHECK(lmtp({{"/run/lmtp.sock", 0}}, 25, SendTls::kOpportunistic) == "good");
  CHECK(lmtp({{"mx.example.org", 0}}, 25, SendTls::kOpportunistic) != "good");
  CHECK(lmtp({}, 24, SendTls::kOpportunistic) != "good");
  CHECK(lmtp({{"/run/lmtp.sock", 0}}, 25, SendTls::kEncryption) != "good");
  CHECK(with([](auto& one) { one.smart_hosts = {{"/run/lmtp.sock", 0}}; }) != "good");
}
