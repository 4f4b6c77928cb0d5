#include "server/supervisor/settings.h"

#include <catch2/catch.hpp>

#include <fstream>

#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::supervisor;
using hauspost::test::TempFolder;

namespace {

const std::string kGood = R"([server]
hostname = "Mail.Example.test"

[listeners]
smtp = ["127.0.0.1:10025", "[::1]:10025"]
imaps = "127.0.0.1:10993"

[tls]
certificate = "tls/cert.pem"
key = "/etc/key.pem"

[limits]
message_size = "25M"

[supervisor]
quarantine_deaths = 0
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("settings: a whole file is read") {
  const auto settings = parse_settings(kGood, "/data");
  REQUIRE(settings);
  CHECK(settings->hostname == "mail.example.test");
  CHECK(settings->certificate_file == "/data/tls/cert.pem");
  CHECK(settings->key_file == "/etc/key.pem");
  CHECK(settings->message_bytes_max == 25ULL << 20);
  CHECK(settings->quarantine_deaths == 0);
  const std::vector<ListenerSettings> wanted = {
      {"smtp", "127.0.0.1", 10025}, {"smtp", "::1", 10025}, {"imaps", "127.0.0.1", 10993}};
  CHECK(settings->listeners == wanted);
}

TEST_CASE("settings: what is left out has its default") {
  const auto settings =
      parse_settings("[server]\nhostname='localhost'\n[tls]\ncertificate='c'\nkey='k'\n", "/data");
  REQUIRE(settings);
  CHECK(settings->listeners.empty());
  CHECK(settings->message_bytes_max == 50ULL << 20);
  CHECK(settings->quarantine_deaths == 3);
}

TEST_CASE("settings: each mistake is one line that names the place") {
  struct Case {
    std::string from, to, wanted;
  };
  const Case cases[] = {
      {"[server]", "[server", "line 1"},
      {"hostname =", "host_name =", "line 2: unknown key server.host_name"},
      {"\"Mail.Example.test\"", "17", "line 2: server.hostname must be a text"},
      {"\"Mail.Example.test\"", "\"mail\"", "line 2: server.hostname \"mail\""},
      {"\"Mail.Example.test\"", "\"a..b\"", "line 2: server.hostname"},
      {"hostname = \"Mail.Example.test\"", "", "server.hostname is missing"},
      {"smtp =", "stmp =", "line 5: unknown key listeners.stmp"},
      {"\"127.0.0.1:10993\"", "10993", "line 6: listeners.imaps must be"},
      {"\"127.0.0.1:10993\"", "[10993]", "line 6: listeners.imaps must be"},
      {"\"127.0.0.1:10993\"", "\"127.0.0.1\"",
       "line 6: listeners.imaps: \"127.0.0.1\" has no port"},
      {"\"127.0.0.1:10993\"", "\"127.0.0.1:0\"", "1 to 65535"},
      {"\"127.0.0.1:10993\"", "\"127.0.0.1:65536\"", "1 to 65535"},
      {"\"127.0.0.1:10993\"", "\"127.0.0.1:x\"", "1 to 65535"},
      {"\"127.0.0.1:10993\"", "\"localhost:993\"", "no IP address"},
      {"\"127.0.0.1:10993\"", "\"::1:993\"", "no IP address"},
      {"\"127.0.0.1:10993\"", "\"[127.0.0.1]:993\"", "no IP address"},
      {"\"127.0.0.1:10993\"", "\"127.0.0.1:10025\"",
       "line 6: listeners.imaps and listeners.smtp both want 127.0.0.1:10025"},
      {"\"[::1]:10025\"", "\"127.0.0.1:10025\"", "both want 127.0.0.1:10025"},
      {"certificate = \"tls/cert.pem\"", "", "tls.certificate is missing"},
      {"key = \"/etc/key.pem\"", "key = 1", "line 10: tls.key must be a text"},
      {"key = \"/etc/key.pem\"", "", "tls.key is missing"},
      {"\"25M\"", "\"25X\"", "line 13: limits.message_size"},
      {"\"25M\"", "\"\"", "line 13: limits.message_size"},
      {"\"25M\"", "-1", "line 13: limits.message_size"},
      {"\"25M\"", "\"1K\"", "line 13: limits.message_size"},
      {"\"25M\"", "\"99999999999999999999G\"", "line 13: limits.message_size"},
      {"\"25M\"", "\"17179869184G\"", "line 13: limits.message_size"},
      {"quarantine_deaths = 0", "quarantine_deaths = -1", "line 16: supervisor.quarantine_deaths"},
      {"quarantine_deaths = 0", "quarantine_deaths = \"0\"",
       "line 16: supervisor.quarantine_deaths"},
      {"quarantine_deaths", "deaths", "line 16: unknown key supervisor.deaths"},
      {"[limits]", "[limit]", "unknown section \"limit\""},
      {"[server]", "color = 1\n[server]", "line 1: unknown key \"color\""},
      {"[server]", "server = 1\n[x]", "line"},
      {"[supervisor]", "[server]", "line 15"},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.from, wrong.to);
    const auto settings = parse_settings(replaced(kGood, wrong.from, wrong.to), "/data");
    REQUIRE(!settings);
    CHECK(settings.error().code == ErrorCode::kInvalid);
    CHECK_THAT(settings.error().text, Catch::Contains(wrong.wanted));
    CHECK_THAT(settings.error().text, Catch::StartsWith("hauspost.toml"));
    CHECK(settings.error().text.find('\n') == std::string::npos);
  }
}

TEST_CASE("settings: where passwords are checked") {
  const auto with = [](const std::string& text) { return parse_settings(kGood + text, "/data"); };
  const auto settings = with(R"toml(
[auth]
sources = ["ldap", "local"]
[auth.domains]
"X.org" = "pam"
[auth.ldap]
uri = ["ldap://10.0.0.1", "ldaps://b"]
unencrypted = true
search_base = "dc=x"
search_filter = "(mail={address})"
ca_file = "ca.pem"
timeout = 3
[auth.pam]
service = "mail"
[auth.oauth]
issuer = "https://i"
audience = "me"
jwks_url = "https://i/keys"
[auth.certificates]
ca_file = "/ca.pem"
)toml");
  REQUIRE(settings);
  using auth::Source;
  const auth::SourceSettings& sources = settings->sources;
  CHECK(sources.order == std::vector{Source::kLdap, Source::kLocal});
  CHECK(sources.order_of("a@x.org") == std::vector{Source::kPam});
  CHECK(sources.ldap.ca_file == "/data/ca.pem");
  CHECK(sources.ldap.timeout == std::chrono::seconds(3));
  CHECK(sources.pam.user == "{local}");
  CHECK(sources.bearer.claim == "email");
  CHECK(sources.certificates);
  CHECK(settings->client_ca_file == "/ca.pem");

  const std::string ldap = "[auth.ldap]\nuri = 'ldaps://a'\n";
  const std::string oauth = "[auth.oauth]\nissuer = 'i'\naudience = 'a'\n";
  const std::pair<std::string, std::string> wrong[] = {
      {"[auth]\nsource = 'local'", "unknown key auth.source"},
      {"[auth]\nsources = ['nis']", "unknown source"},
      {"[auth]\nsources = []", "auth.sources must be"},
      {"[auth]\nsources = ['local', 'local']", "twice"},
      {"[auth]\nsources = ['pam']", "describe it in [auth.pam]"},
      {"[auth.domains]\n'x y' = 'local'", "is not a domain"},
      {"[auth.ldap]\nbind_dn = 'x'", "auth.ldap.uri is missing"},
      {"[auth.ldap]\nuri = 'http://a'\nbind_dn = 'x'", "auth.ldap.uri must be"},
      {"[auth.ldap]\nuri = 'ldap://a'\nbind_dn = 'x'", "in the clear"},
      {ldap, "auth.ldap.bind_dn is missing"},
      {ldap + "bind_dn = 'uid={user}'", "known are {address}"},
      {ldap + "bind_dn = 'x'\nstart_tls = true", "auth.ldap.start_tls is for ldap://"},
      {ldap + "bind_dn = 'x'\nstart_tls = 1", "must be true or false"},
      {ldap + "bind_dn = 'x'\nsearch_filter = 'y'", "exclude each other"},
      {ldap + "bind_dn = 'x'\ntimeout = 9", "from 1 to 8"},
      {ldap + "bind_dn = 'x'\nsearch_dn = 'y'", "search_password_file is missing"},
      {ldap + "search_base = 'x'\nsearch_filter = 'y'\nsearch_scope = 'all'", "\"sub\""},
      {"[auth.pam]\nservice = '../x'", "without its folder"},
      {oauth, "jwks_file is missing"},
      {oauth + "jwks_file = 'a'\njwks_url = 'https://b'", "not both"},
      {oauth + "jwks_url = 'http://b'", "https://"},
      {oauth + "jwks_url = 'https://b'\nleeway = 601", "from 0 to 600"},
      {"[auth.certificates]", "auth.certificates.ca_file is missing"},
  };
  for (const auto& [text, wanted] : wrong) {
    CAPTURE(text);
    const auto refused = with(text);
    REQUIRE(!refused);
    CHECK_THAT(refused.error().text, Catch::Contains(wanted));
    CHECK_THAT(refused.error().text, Catch::StartsWith("hauspost.toml"));
  }
  CHECK(with(oauth + "jwks_url = 'http://[::1]:80/k'"));
}

TEST_CASE("settings: what is written reads back the same") {
  ServerSettings settings{
      .hostname = "mail.example.test",
      .listeners = {{"smtp", "127.0.0.1", 25}, {"smtp", "::1", 25}, {"imaps", "0.0.0.0", 993}},
      .certificate_file = "/a \"b\"\\c.pem",
      .key_file = "/k",
      .message_bytes_max = (1ULL << 20) + 1,
      .quarantine_deaths = 5};
  const auto read = parse_settings(format_settings(settings), "/data");
  REQUIRE(read);
  CHECK(read->hostname == settings.hostname);
  CHECK(read->listeners == settings.listeners);
  CHECK(read->certificate_file == settings.certificate_file);
  CHECK(read->message_bytes_max == settings.message_bytes_max);
  CHECK(read->quarantine_deaths == settings.quarantine_deaths);
}

TEST_CASE("settings: HTTP listens like others, metrics on loopback alone") {
  const auto with = [](const std::string& lines) {
    return parse_settings(replaced(kGood, "[listeners]\n", "[listeners]\n" + lines + "\n"), "/data");
  };
  const auto settings =
      with("http = '0.0.0.0:80'\nhttps = '0.0.0.0:443'\nmetrics = ['127.0.0.1:9100', '[::1]:9100']");
  REQUIRE(settings);
  const std::vector<ListenerSettings> metrics = {{"metrics", "127.0.0.1", 9100},
                                                 {"metrics", "::1", 9100}};
  CHECK(settings->metrics == metrics);
  CHECK(settings->listeners.size() == 5);
  CHECK(settings->listeners.back() == ListenerSettings{"https", "0.0.0.0", 443});
  const auto again = parse_settings(format_settings(*settings), "/data");
  REQUIRE(again);
  CHECK(again->metrics == settings->metrics);
  CHECK(again->listeners == settings->listeners);
  for (const std::string wrong : {"0.0.0.0:9100", "192.0.2.1:9100", "[::]:9100", "9100"}) {
    const auto refused = with("metrics = '" + wrong + "'");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("listeners.metrics") != std::string::npos);
  }
}

TEST_CASE("settings: certificate and key must be readable") {
  TempFolder folder;
  const ServerSettings settings{
      .hostname = "localhost", .certificate_file = "cert.pem", .key_file = "key.pem"};
  CHECK(load_settings(folder.path()).error().code == ErrorCode::kNotFound);
  REQUIRE(write_initial_settings(folder.path(), settings));
  CHECK(write_initial_settings(folder.path(), settings).error().code == ErrorCode::kExists);
  CHECK_THAT(load_settings(folder.path()).error().text, Catch::Contains("tls.certificate"));
  write_file(folder / "cert.pem", "x");
  CHECK_THAT(load_settings(folder.path()).error().text, Catch::Contains("tls.key"));
  write_file(folder / "key.pem", "x");
  CHECK(load_settings(folder.path()));
}

TEST_CASE("settings: may live outside the data root, and relative files stay below it") {
  TempFolder folder;
  TempFolder elsewhere;
  const ServerSettings settings{
      .hostname = "localhost", .certificate_file = "cert.pem", .key_file = "key.pem"};
  const std::string file = elsewhere / "other.toml";
  REQUIRE(write_settings_file(file, settings));
  CHECK(write_settings_file(file, settings).error().code == ErrorCode::kExists);
  CHECK(load_settings(folder.path()).error().code == ErrorCode::kNotFound);
  write_file(folder / "cert.pem", "x");
  write_file(folder / "key.pem", "x");
  const auto read = load_settings(folder.path(), file);
  REQUIRE(read);
  CHECK(read->certificate_file == folder / "cert.pem");
  CHECK(default_settings_file(folder.path()) == folder / "hauspost.toml");
}

TEST_CASE("data root: made once, known again, and nothing else is taken for one") {
  TempFolder folder;
  const std::string root = folder / "data";
  CHECK(check_data_root(root).error().code == ErrorCode::kNotFound);
  REQUIRE(create_data_root(root));
  CHECK(check_data_root(root));
  write_file(root + "/something", "x");
  CHECK(create_data_root(root));

  const std::string foreign = folder / "home";
  std::filesystem::create_directory(foreign);
  write_file(foreign + "/letter.txt", "x");
  for (const auto& refused : {create_data_root(foreign), check_data_root(foreign)}) {
    REQUIRE(!refused);
    CHECK_THAT(refused.error().text, Catch::Contains("not a Hauspost data root"));
  }
  CHECK(!std::filesystem::exists(foreign + "/hauspost-root"));
  CHECK(!create_data_root(foreign + "/letter.txt"));
  write_file(foreign + "/hauspost-root", "something else\n");
  CHECK_THAT(check_data_root(foreign).error().text, Catch::Contains("says something else"));
  write_file(root + "/hauspost-root", "hauspost data root\nformat 2\n");
  CHECK_THAT(check_data_root(root).error().text, Catch::Contains("newer program"));
}
