#include "server/directory/receive_connectors.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;
using transport::bit;
using transport::PermissionGroup;

namespace {

using Changes = std::vector<std::pair<std::string, std::vector<std::string>>>;

ReceiveConnector changed(ReceiveConnector one, const Changes& changes) {
  for (const auto& [key, values] : changes) {
    INFO(key);
    REQUIRE(change_connector(one, key, values));
  }
  return one;
}

ReceiveConnector named(std::string name, const Changes& changes = {},
                       std::string_view usage = "internet") {
  auto one = connector_for_usage(std::move(name), usage);
  REQUIRE(one);
  return changed(std::move(*one), changes);
}

std::vector<SharedConnector> shared(const std::vector<ReceiveConnector>& all) {
  std::vector<SharedConnector> out;
  for (const auto& one : all) out.push_back(std::make_shared<const ReceiveConnector>(one));
  return out;
}

const DefaultBindings kDefaults{{"smtp", {{"0.0.0.0", 25}}}, {"submission", {{"0.0.0.0", 587}}}};
constexpr std::uint64_t kServerMost = 50 << 20;

}  // namespace

TEST_CASE("receive connectors: kept in the directory as they were", "[receive-connectors]") {
  const test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  const ReceiveConnectors live(reader);
  CHECK_FALSE(receive_connectors(reader)->has_value());
  CHECK(live.all().empty());
  // Before anybody wrote one, listeners are known by their names.
  CHECK(live.find("smtp")->permits(PermissionGroup::kAnonymous));
  CHECK(live.find("submission")->must_log_in());

  const ReceiveConnector all =
      named("All of it", {{"listener", {"submission"}},
                          {"bind", {"192.0.2.1:2525", "[2001:db8::1]:2525"}},
                          {"remote", {"192.0.2.0/24", "2001:db8::/32"}},
                          {"permit", {"users", "partners"}},
                          {"grant", {"users:priority"}},
                          {"deny", {"partners:any-sender", "users:bypass-anti-spam"}},
                          {"auth", {"plain", "LOGIN"}},
                          {"require-tls", {"on"}},
                          {"fqdn", {"mx.example.org"}},
                          {"banner", {"Hello, and welcome"}},
                          {"no-offer", {"chunking", "DSN"}},
                          {"protocol-log", {"on"}},
                          {"enabled", {"off"}},
                          {"comment", {"for a test"}},
                          {"max-message-size", {"1000000"}},
                          {"tarpit", {"1500"}}});
  CHECK(all.mechanisms == std::vector<std::string>{"PLAIN", "LOGIN"});
  const ReceiveConnector plain = named("another");
  REQUIRE(set_receive_connectors(**writer, {plain, all}));
  const auto kept = receive_connectors(reader);
  REQUIRE((kept && *kept));
  CHECK(**kept == std::vector<ReceiveConnector>{all, plain});
  REQUIRE(live.find("All of it"));
  CHECK(*live.find("All of it") == all);
  CHECK_FALSE(live.find("smtp"));
  CHECK_FALSE(live.find("all of it"));
}

TEST_CASE("receive connectors: those of a new node", "[receive-connectors]") {
  const auto all = default_receive_connectors("mail");
  REQUIRE(all.size() == 3);
  CHECK(all[0].name == "Default Frontend mail");
  CHECK(all[0].permitted == bit(PermissionGroup::kAnonymous));
  CHECK(all[0].protocol_log);
  CHECK(all[1].listener == "submission");
  CHECK(all[2].listener == "submissions");
  CHECK(all[2].must_log_in());
  for (const ReceiveConnector& one : all) CHECK(check(one, kServerMost));
  CHECK(check_all(all, kDefaults));
}

TEST_CASE("receive connectors: what --usage makes of one", "[receive-connectors]") {
  CHECK(named("a", {}, "client").permitted == bit(PermissionGroup::kUsers));
  CHECK(named("a", {}, "client").listener == "submission");
  CHECK(named("a", {}, "internal").permitted == bit(PermissionGroup::kServers));
  CHECK(named("a", {}, "partner").require_tls);
  CHECK(named("a", {}, "custom").permitted == 0);
  CHECK(connector_for_usage("a", "public").error().code == ErrorCode::kInvalid);
}

TEST_CASE("receive connectors: a word that is wrong changes nothing", "[receive-connectors]") {
  const Changes wrong{{"bind", {"192.0.2.1"}},
                      {"bind", {"192.0.2.1:25", "192.0.2.1:0"}},
                      {"bind", {"2001:db8::1:25"}},
                      {"bind", {"[192.0.2.1]:25"}},
                      {"bind", {"localhost:25"}},
                      {"bind", {"192.0.2.1:65536"}},
                      {"remote", {"192.0.2.0/24", "192.0.2.0/33"}},
                      {"remote", {"example.org"}},
                      {"permit", {"users", "friends"}},
                      {"grant", {"users:fly"}},
                      {"grant", {"users"}},
                      {"deny", {"friends:submit"}},
                      {"no-offer", {"DSN", "WINGS"}},
                      {"require-tls", {"yes"}},
                      {"require-tls", {"on", "off"}},
                      {"max-recipients", {"0"}},
                      {"max-recipients", {"-1"}},
                      {"max-recipients", {"100001"}},
                      {"inactivity", {"4"}},
                      {"wings", {"on"}}};
  for (const auto& [key, values] : wrong) {
    CAPTURE(key, values);
    ReceiveConnector one = named("a", {{"no-offer", {"SIZE"}}, {"permit", {"users"}}});
    const ReceiveConnector before = one;
    const auto done = change_connector(one, key, values);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("receive connectors: a right is granted or denied, and forgotten",
          "[receive-connectors]") {
  ReceiveConnector one = named("a", {{"deny", {"anonymous:any-sender", "anonymous:submit"}}});
  CHECK(one.rights_of(PermissionGroup::kAnonymous) ==
        (transport::kOwnDomainSender | transport::kRoutingHeaders));
  one = changed(one, {{"grant", {"anonymous:submit", "anonymous:priority"}}});
  CHECK(one.rights_of(PermissionGroup::kAnonymous) ==
        (transport::kSubmit | transport::kOwnDomainSender | transport::kRoutingHeaders |
         transport::kPriorityRight));
  one = changed(one, {{"grant", {"default"}}, {"deny", {"default"}}});
  CHECK(one.rights_of(PermissionGroup::kAnonymous) ==
        transport::default_rights(PermissionGroup::kAnonymous));
}

TEST_CASE("receive connectors: nobody relays from everywhere", "[receive-connectors]") {
  const auto refused = [](const ReceiveConnector& one) {
    const auto checked = check(one, kServerMost);
    return !checked && checked.error().text.find("open relay") != std::string::npos;
  };
  CHECK(refused(named("a", {}, "internal")));
  CHECK(refused(named("a", {{"remote", {"0.0.0.0/0"}}}, "internal")));
  CHECK(refused(named("a", {{"remote", {"192.0.2.1", "::/0"}}}, "internal")));
  CHECK(refused(named("a", {{"remote", {"0.0.0.0/1", "128.0.0.0/1"}}}, "internal")));
  CHECK(refused(named("a", {{"grant", {"anonymous:any-recipient"}}})));
  CHECK(refused(named("a", {{"permit", {"externally-secured"}}})));
  CHECK_FALSE(refused(named("a", {{"remote", {"10.0.0.0/8"}}}, "internal")));
  CHECK_FALSE(refused(named("a", {{"deny", {"servers:any-recipient"}}}, "internal")));
  CHECK_FALSE(refused(named("a", {}, "client")));
}

TEST_CASE("receive connectors: what one may not be by itself", "[receive-connectors]") {
  for (const Changes& changes :
       {Changes{{"name", {""}}}, Changes{{"name", {" a"}}},
        Changes{{"name", {std::string(65, 'a')}}}, Changes{{"listener", {"uucp"}}},
        Changes{{"fqdn", {"a b"}}}, Changes{{"banner", {"a\r\nb"}}}, Changes{{"comment", {"\x1b"}}},
        Changes{{"auth", {"A B"}}}, Changes{{"max-message-size", {"52428801"}}}}) {
    CAPTURE(changes[0].first);
    CHECK_FALSE(check(named("a", changes), kServerMost));
  }
}

TEST_CASE("receive connectors: what several may not be beside each other", "[receive-connectors]") {
  const auto code = [](const std::vector<ReceiveConnector>& all) {
    const auto checked = check_all(all, kDefaults);
    return checked ? std::optional<ErrorCode>() : checked.error().code;
  };
  const Changes here{{"bind", {"192.0.2.1:26"}}};
  CHECK(code({named("a"), named("A", here)}) == ErrorCode::kExists);
  CHECK(code({named("a"), named("b")}) == ErrorCode::kExists);
  CHECK(code({named("a"), named("b", here)}) == std::nullopt);
  CHECK(code({named("a", here), named("b", {{"bind", {"192.0.2.1:26", "192.0.2.1:27"}}})}) ==
        ErrorCode::kExists);
  CHECK(code({named("a"), named("b", {{"remote", {"192.0.2.0/24"}}}),
              named("c", {{"remote", {"192.0.2.7"}}})}) == std::nullopt);
  CHECK(code({named("b", {{"remote", {"192.0.2.0/24"}}}),
              named("c", {{"remote", {"10.0.0.1", "192.0.2.0/24"}}})}) == ErrorCode::kExists);
  CHECK(code({named("a", here), named("b", {{"listener", {"submissions"}},
                                            {"remote", {"192.0.2.7"}},
                                            {"bind", {"192.0.2.1:26"}}})}) == ErrorCode::kInvalid);
  CHECK(code({named("a", here), named("b", {{"listener", {"lmtp"}},
                                            {"remote", {"192.0.2.7"}},
                                            {"bind", {"192.0.2.1:26"}}})}) == ErrorCode::kInvalid);
}

TEST_CASE("receive connectors: the narrowest network around the client", "[receive-connectors]") {
  const auto all =
      shared({named("wide", {{"remote", {"192.0.0.0/16", "2001:db8::/32"}}}),
              named("narrow", {{"remote", {"192.0.2.0/24"}}}),
              named("one", {{"remote", {"192.0.2.9"}}, {"enabled", {"off"}}}),
              named("own", {{"bind", {"192.0.2.1:26"}}}), named("users", {}, "client")});
  const auto at = [&](std::string_view connector, std::string address, std::uint16_t port,
                      std::string_view peer) {
    const auto found = match_connector(all, {connector, {std::move(address), port}}, peer);
    return found ? found->name : "nobody";
  };
  CHECK(at("wide", "0.0.0.0", 25, "192.0.1.1") == "wide");
  CHECK(at("wide", "0.0.0.0", 25, "192.0.2.1") == "narrow");
  CHECK(at("wide", "0.0.0.0", 25, "192.0.2.9") == "narrow");
  CHECK(at("wide", "0.0.0.0", 25, "2001:db8::1") == "wide");
  CHECK(at("wide", "0.0.0.0", 25, "198.51.100.1") == "nobody");
  CHECK(at("own", "192.0.2.1", 26, "198.51.100.1") == "own");
  CHECK(at("users", "0.0.0.0", 587, "192.0.2.1") == "users");
}
