#include "server/web/site.h"

#include <catch2/catch.hpp>

#include "server/directory/client_settings.h"
#include "server/directory/receive_connectors.h"
#include "server/directory/web_settings.h"
#include "server/directory/writer.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::web;

namespace {

constexpr std::string_view kQuestion =
    "<Autodiscover><Request><EMailAddress>anna@example.org</EMailAddress>"
    "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/"
    "responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>";

// Knows one password of one mailbox.
class OneMailbox final : public auth::Authenticator {
 public:
  Task<Result<auth::Identity>> verify(auth::LoginAttempt attempt) override {
    seen.push_back(attempt.name);
    CHECK(attempt.protocol == link::Protocol::kHttp);
    if (away) co_return fail(ErrorCode::kUnavailable, "away");
    if (attempt.name != "anna@example.org" || attempt.password.reveal() != "secret")
      co_return fail(ErrorCode::kDenied, std::string(auth::kDeniedText));
    co_return auth::Identity{.mailbox = mailbox, .address = "anna@example.org", .database = "DB1"};
  }

  Guid mailbox;
  bool away = false;
  std::vector<std::string> seen;
};

struct House {
  House() {
    auto made = directory::DirectoryWriter::open(folder / "directory");
    REQUIRE(made);
    writer = std::move(*made);
    REQUIRE(writer->create_database("DB1", "/nowhere/DB1", 0));
    REQUIRE(writer->add_domain("example.org"));
    REQUIRE(writer->add_domain("elsewhere.example"));
    REQUIRE(
        writer->set_domain("elsewhere.example", {.type = directory::DomainType::kExternalRelay}));
    const directory::MailboxOrder orders[] = {{.address = "anna@example.org"},
                                              {.address = "bert@example.org"}};
    const auto boxes = writer->create_mailboxes(orders, 0, false);
    REQUIRE(boxes);
    REQUIRE((*boxes)[0]);
    authenticator.mailbox = (*boxes)[0]->guid;
    const directory::ClientBinding bindings[] = {
        {"imaps", 993}, {"imap", 143}, {"pop3s", 995}, {"submission", 587}, {"submissions", 465}};
    REQUIRE(directory::note_client_bindings(*writer, bindings));
    REQUIRE(
        directory::set_receive_connectors(*writer, directory::default_receive_connectors("mail")));
    site.emplace(writer->reader(), authenticator, challenges, "mail.example.org", system_clock());
    site->set_delay(Duration::zero());
  }

  void enable(const std::vector<std::string>& services) {
    REQUIRE(writer->set_services(services, true));
  }
  void show(std::string_view protocol, std::string_view text) {
    const auto one = directory::parse_connection_setting(text);
    REQUIRE(one);
    REQUIRE(directory::set_connection_settings(*writer, protocol, directory::Side::kExternal,
                                               {&*one, 1}));
  }
  void advertise_sending() {
    auto connectors = directory::receive_connectors(writer->reader());
    REQUIRE(connectors);
    for (auto& one : **connectors) {
      if (one.listener != "submission") continue;
      one.advertise_client_settings = true;
      one.fqdn = "smtp.example.org";
    }
    REQUIRE(directory::set_receive_connectors(*writer, **connectors));
  }
  void show_everything() {
    enable({"imap", "imap-backend"});
    show("imap", "imap.example.org:993:SSL");
    advertise_sending();
  }

  Response ask(std::string method, std::string target, std::string host, bool tls = true,
               Fields fields = {}, std::string_view body = {}) {
    fields.emplace_back("Host", std::move(host));
    visitor.tls = tls;
    Response out;
    test::run(io, into(out, {.method = std::move(method),
                             .target = std::move(target),
                             .fields = std::move(fields),
                             .body = std::string(body)}));
    return out;
  }
  Response get(std::string target, std::string host) {
    return ask("GET", std::move(target), std::move(host));
  }
  Response discover(std::string credentials, std::string_view body = kQuestion) {
    Fields fields;
    if (!credentials.empty())
      fields.emplace_back("Authorization", "Basic " + base64_encode(credentials));
    return ask("POST", "/Autodiscover/Autodiscover.xml", "example.org", true, std::move(fields),
               body);
  }

  test::TempFolder folder;
  asio::io_context io{1};
  std::unique_ptr<directory::DirectoryWriter> writer;
  OneMailbox authenticator;
  Challenges challenges;
  Visitor visitor{.session = Guid::random(), .address = "192.0.2.1"};
  std::optional<Site> site;

 private:
  Task<void> into(Response& out, Request request) {
    out = co_await site->answer(std::move(request), visitor);
  }
};

bool has(const Response& response, std::string_view text) {
  return response.body.find(text) != std::string::npos;
}

constexpr char kAutoconfig[] = "/mail/config-v1.1.xml";
constexpr char kWellKnown[] = "/.well-known/autoconfig/mail/config-v1.1.xml";

}  // namespace

TEST_CASE("web site: nothing is shown until a switch is set, then that block alone",
          "[web][site]") {
  House house;
  house.enable({"imap", "imap-backend", "pop3", "pop3-backend"});
  CHECK(house.get(kAutoconfig, "autoconfig.example.org").status == 404);
  CHECK(has(house.get("/", "mail.example.org"), "No settings are published"));
  CHECK(has(house.discover("anna@example.org:secret"), "<ErrorCode>500</ErrorCode>"));

  house.show("pop3", "pop.example.org:995:SSL");
  const Response one = house.get(kAutoconfig, "autoconfig.example.org");
  CHECK(one.status == 200);
  CHECK(has(one, "type=\"pop3\""));
  CHECK_FALSE(has(one, "type=\"imap\""));
  CHECK_FALSE(has(one, "type=\"smtp\""));

  house.advertise_sending();
  const Response two = house.get(kWellKnown, "example.org");
  CHECK(has(two, "<hostname>smtp.example.org</hostname>\n      <port>587</port>"));
  CHECK_FALSE(has(two, "type=\"imap\""));
  house.show("imap", "imap.example.org:143:TLS");
  CHECK(has(house.get(kWellKnown, "example.org"), "type=\"imap\""));
  // A service that is off is no place to go.
  REQUIRE(house.writer->set_services(std::vector<std::string>{"imap"}, false));
  CHECK_FALSE(has(house.get(kWellKnown, "example.org"), "type=\"imap\""));
}

TEST_CASE("web site: autoconfig is for domains of ours", "[web][site]") {
  House house;
  house.show_everything();
  CHECK(house.get(kAutoconfig, "autoconfig.example.org").status == 200);
  CHECK(house.get(kAutoconfig, "AUTOCONFIG.example.org:443").status == 200);
  // A hosted domain is asked for by the name of its MX.
  const Response hosted = house.get(std::string(kAutoconfig) + "?emailaddress=x%40example.org",
                                    "autoconfig.mx.example");
  CHECK(has(hosted, "<domain>example.org</domain>"));
  for (const std::string host : {"autoconfig.foreign.example", "elsewhere.example", "192.0.2.7",
                                 "evil.example", "autoconfig.hauspost.internal", ""}) {
    INFO(host);
    CHECK(house.get(kAutoconfig, host).status == 404);
  }
  CHECK(house
            .get(std::string(kAutoconfig) + "?emailaddress=x%40foreign.example",
                 "autoconfig.example.org")
            .status == 404);
  CHECK(house.get(std::string(kAutoconfig) + "?emailaddress=nobody", "autoconfig.example.org")
            .status == 404);
}

TEST_CASE("web site: Autodiscover wants a password and tells everybody their own", "[web][site]") {
  House house;
  house.show_everything();
  const Response nobody = house.discover("");
  CHECK(nobody.status == 401);
  CHECK(field(nobody.fields, "WWW-Authenticate").starts_with("Basic "));
  CHECK(house.authenticator.seen.empty());
  const Response known = house.discover("anna@example.org:secret");
  CHECK(known.status == 200);
  CHECK(has(known, "<Server>imap.example.org</Server>"));
  CHECK(has(known, "<LoginName>anna@example.org</LoginName>"));
  CHECK(has(known, "<Server>smtp.example.org</Server>"));
  CHECK(has(house.discover("EXAMPLE\\anna@example.org:secret"), "<Type>IMAP</Type>"));
  CHECK(has(house.discover("anna@example.org:secret", "<EMailAddress>bert@example.org</x>"),
            "<ErrorCode>500</ErrorCode>"));
  CHECK(has(house.discover("anna@example.org:secret", "nonsense"), "<ErrorCode>600</ErrorCode>"));
  CHECK(has(house.discover("anna@example.org:secret",
                           "<EMailAddress>anna@example.org</EMailAddress>"
                           "<AcceptableResponseSchema>mobilesync</AcceptableResponseSchema>"),
            "<ErrorCode>601</ErrorCode>"));
  CHECK(house.ask("GET", "/autodiscover/autodiscover.xml", "example.org").status == 401);
  house.authenticator.away = true;
  CHECK(house.discover("anna@example.org:secret").status == 503);
}

TEST_CASE("web site: after a few wrong passwords the connection ends", "[web][site]") {
  House house;
  house.show_everything();
  CHECK_FALSE(house.discover("anna@example.org:wrong").close);
  CHECK_FALSE(house.discover("bert@example.org:secret").close);
  const Response third = house.discover("anna@example.org:wrong");
  CHECK(third.status == 401);
  CHECK(third.close);
  CHECK(house.authenticator.seen.size() == 3);
}

TEST_CASE("web site: port 80 leads to https and takes no passwords", "[web][site]") {
  House house;
  const auto clear = [&](std::string method, std::string target, std::string host,
                         Fields fields = {}) {
    return house.ask(std::move(method), std::move(target), std::move(host), false,
                     std::move(fields));
  };
  const auto where = [](const Response& response) {
    return std::string(field(response.fields, "Location"));
  };
  const Response front = clear("GET", "/", "example.org");
  CHECK(front.status == 301);
  CHECK(where(front) == "https://example.org/");
  const Response config = clear("GET", std::string(kAutoconfig) + "?emailaddress=a%40example.org",
                                "autoconfig.example.org");
  CHECK(where(config) ==
        "https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=a%40example.org");
  // Nobody is led away by a name that they made us say.
  CHECK(where(clear("GET", "/x", "evil.example")) == "https://mail.example.org/x");
  CHECK(where(clear("GET", "/x", "192.0.2.1")) == "https://mail.example.org/x");
  CHECK(where(clear("GET", "/x?emailaddress=a%40example.org", "evil.example")) ==
        "https://mail.example.org/x?emailaddress=a%40example.org");
  const Response asked = clear("GET", "/autodiscover/autodiscover.xml", "autodiscover.example.org");
  CHECK(asked.status == 302);
  CHECK(where(asked) == "https://autodiscover.example.org/autodiscover/autodiscover.xml");
  CHECK(clear("POST", "/autodiscover/autodiscover.xml", "autodiscover.example.org").status == 307);
  for (const std::string method : {"GET", "POST"}) {
    const Response told =
        clear(method, "/autodiscover/autodiscover.xml", "example.org",
              {{"Authorization", "Basic " + base64_encode("anna@example.org:secret")}});
    CHECK(told.status == 403);
    CHECK(told.close);
  }
  CHECK(clear("POST", "/", "example.org").status == 405);
  CHECK(house.authenticator.seen.empty());
}

TEST_CASE("web site: methods that are not for us", "[web][site]") {
  House house;
  for (const std::string method : {"PUT", "PROPFIND", "DELETE", "OPTIONS", "CONNECT", "TRACE"}) {
    for (const bool tls : {false, true}) {
      const Response response = house.ask(method, "/", "example.org", tls);
      CHECK(response.status == 405);
      CHECK_FALSE(field(response.fields, "Allow").empty());
    }
  }
  for (const std::string path : {"/.well-known/caldav", "/.well-known/carddav", "/wp-login.php"})
    CHECK(house.get(path, "example.org").status == 404);
  CHECK(house.get("/../x", "example.org").status == 400);
}

TEST_CASE("web site: the policy of MTA-STS", "[web][site]") {
  House house;
  constexpr char kPath[] = "/.well-known/mta-sts.txt";
  CHECK(house.get(kPath, "mta-sts.example.org").status == 404);
  REQUIRE(directory::set_web_settings(*house.writer, {.sts_mode = directory::StsMode::kEnforce}));
  const Response policy = house.get(kPath, "mta-sts.example.org");
  CHECK(policy.status == 200);
  CHECK(policy.content_type == "text/plain; charset=utf-8");
  CHECK(policy.body ==
        "version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmax_age: 604800\r\n");
  CHECK(house.get(kPath, "example.org").status == 404);
  CHECK(house.get(kPath, "mta-sts.foreign.example").status == 404);
}

TEST_CASE("web site: a certificate authority finds what it asked for, in the clear too",
          "[web][site]") {
  House house;
  house.challenges["tok_EN-1"] = "tok_EN-1.thumb";
  for (const bool tls : {false, true}) {
    CHECK(house.ask("GET", "/.well-known/acme-challenge/tok_EN-1", "any.example", tls).body ==
          "tok_EN-1.thumb");
    CHECK(house.ask("GET", "/.well-known/acme-challenge/other", "any.example", tls).status == 404);
  }
}

TEST_CASE("web site: the profile and the page for an address", "[web][site]") {
  House house;
  house.show_everything();
  const Response page = house.get("/?email=anna%40example.org", "example.org");
  CHECK(page.status == 200);
  CHECK(has(page, "https://example.org/mail.mobileconfig?email=anna%40example.org"));
  CHECK(has(page, "<svg"));
  const Response profile = house.get("/mail.mobileconfig?email=anna%40example.org", "example.org");
  CHECK(profile.content_type == "application/x-apple-aspen-config");
  CHECK(has(profile, "imap.example.org"));
  // Who exists is nobody's business.
  CHECK(house.get("/mail.mobileconfig?email=nobody%40example.org", "example.org").status == 200);
  CHECK(house.get("/mail.mobileconfig?email=a%40foreign.example", "example.org").status == 404);
  CHECK(house.get("/mail.mobileconfig", "example.org").status == 404);
  CHECK(house.get("/", "evil.example").status == 404);
  CHECK(house.get("/?email=%22%3E%3Cscript%3E%40example.org", "example.org").body.find("<script") ==
        std::string::npos);
}

TEST_CASE("web site: Autodiscover's second version names the first", "[web][site]") {
  House house;
  const std::string path = "/autodiscover/autodiscover.json/v1.0/anna@example.org?Protocol=";
  const Response known = house.get(path + "AutodiscoverV1", "autodiscover.example.org");
  CHECK(known.status == 200);
  CHECK(known.body == R"({"Protocol":"AutodiscoverV1","Url":)"
                      R"("https://mail.example.org/autodiscover/autodiscover.xml"})");
  CHECK(house.get(path + "EWS", "autodiscover.example.org").status == 400);
  CHECK(has(house.get(path, "autodiscover.example.org"), "MandatoryParameterMissing"));
}
