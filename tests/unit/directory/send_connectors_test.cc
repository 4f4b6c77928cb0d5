#include "server/directory/send_connectors.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;
using transport::SendProtocol;
using transport::SendTls;

namespace {

// Every setting other than it is from the start.
SendConnector everything() {
  SendConnector one;
  one.name = "All of it";
  const std::vector<std::pair<std::string, std::vector<std::string>>> changes{
      {"address-space", {"*.example.org;7,example.org", "--"}},
      {"auth", {"basic"}},
      {"comment", {"J\xc3\xbcrgen's"}},
      {"connections", {"3"}},
      {"enabled", {"no"}},
      {"fqdn", {"Out.Example.ORG"}},
      {"inactivity", {"60"}},
      {"max-message-size", {"1000000"}},
      {"messages-per-connection", {"9"}},
      {"port", {"587"}},
      {"protocol-log", {"yes"}},
      {"scoped", {"yes"}},
      {"smart-host", {"mx.example.org", "[2001:db8::1]:26,192.0.2.1"}},
      {"source", {"192.0.2.9", "2001:db8::9"}},
      {"tls", {"domain"}},
      {"tls-domain", {"smart.example.org"}},
      {"user", {"me"}}};
  for (const auto& [key, values] : changes) {
    INFO(key);
    REQUIRE(change_send_connector(one, key, values));
  }
  return one;
}

}  // namespace

TEST_CASE("send connectors: kept in the directory as they were", "[send-connectors]") {
  const test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  CHECK(send_connectors(reader)->empty());

  const SendConnector all = everything();
  CHECK(all.spaces.size() == 3);
  CHECK(all.smart_hosts.size() == 3);
  CHECK(all.fqdn == "out.example.org");
  SendConnector plain;
  plain.name = "internet";
  plain.spaces = {{"*", 1}};
  REQUIRE(set_send_connectors(**writer, {plain, all}));
  CHECK(*send_connectors(reader) == std::vector<SendConnector>{all, plain});

  SendConnector lmtp = plain;
  lmtp.name = "lmtp";
  REQUIRE(change_send_connector(lmtp, "protocol", {"lmtp"}));
  REQUIRE(change_send_connector(lmtp, "smart-host", {"/run/lmtp.sock"}));
  REQUIRE(set_send_connectors(**writer, {lmtp}));
  CHECK(*send_connectors(reader) == std::vector<SendConnector>{lmtp});
}

TEST_CASE("send connectors: two of one name, and a bad one, change nothing", "[send-connectors]") {
  const test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  SendConnector one;
  one.name = "Internet";
  one.spaces = {{"*", 1}};
  REQUIRE(set_send_connectors(**writer, {one}));
  SendConnector same = one;
  same.name = "INTERNET";
  const auto twice = set_send_connectors(**writer, {one, same});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == ErrorCode::kExists);
  same.name = "other";
  same.spaces.clear();
  CHECK_FALSE(set_send_connectors(**writer, {one, same}));
  CHECK(*send_connectors((*writer)->reader()) == std::vector<SendConnector>{one});
}

TEST_CASE("send connectors: a word that is none changes nothing", "[send-connectors]") {
  const SendConnector before = everything();
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"address-space", "X400:x"}, {"auth", "digest"},        {"connections", "many"},
      {"enabled", "maybe"},        {"inactivity", "-1"},      {"port", "70000"},
      {"protocol", "uucp"},        {"smart-host", "a b"},     {"source", "192.0.2.0/24"},
      {"tls", "starttls"},         {"max-message-size", "x"}, {"no-such-setting", "1"}};
  for (const auto& [key, value] : wrong) {
    INFO(key);
    SendConnector one = before;
    CHECK_FALSE(change_send_connector(one, key, {value}));
    CHECK(one == before);
  }
  // To the hosts of the DNS nobody logs in.
  SendConnector dns = before;
  REQUIRE(change_send_connector(dns, "dns", {}));
  CHECK(dns.smart_hosts.empty());
  CHECK_FALSE(dns.authenticate);
}

TEST_CASE("send connectors: a table follows the directory", "[send-connectors]") {
  const test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const SendConnectorTable table((*writer)->reader());
  CHECK(table.all()->empty());
  SendConnector one;
  one.name = "Internet";
  one.spaces = {{"*", 1}};
  REQUIRE(set_send_connectors(**writer, {one}));
  const auto first = table.all();
  CHECK(*first == std::vector<SendConnector>{one});
  REQUIRE(set_send_connectors(**writer, {}));
  CHECK(table.all()->empty());
  CHECK(first->size() == 1);  // a message under way goes on with what it began with
}
