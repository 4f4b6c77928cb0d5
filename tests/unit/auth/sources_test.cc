#include "server/auth/sources.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "tests/unit/auth/fake_clock.h"
#include "tests/unit/auth/token_maker.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::auth {
namespace {

void write_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  std::ofstream(fresh, std::ios::binary) << text;
  std::filesystem::rename(fresh, path);
}

// A helper in few words: answers with what it was asked, or does as "act" says.
constexpr std::string_view kHelper = R"py(#!/usr/bin/python3 -S
import os, signal, socket, struct
link = socket.socket(fileno=3)
def read(size):
    out = b""
    while len(out) < size:
        part = link.recv(size - len(out))
        if not part: os._exit(0)
        out += part
    return out
def field(name, value):
    return struct.pack("<I", len(name)) + name + struct.pack("<I", len(value)) + value
while True:
    body = read(struct.unpack("<I", read(4))[0])
    fields, rest = [], body
    while rest:
        size = struct.unpack("<I", rest[:4])[0]
        fields.append(rest[4:4 + size]); rest = rest[4 + size:]
    asked = dict(zip(fields[::2], fields[1::2]))
    if asked.get(b"act") == b"hang": signal.pause()
    if asked.get(b"act") == b"die": os._exit(1)
    if asked.get(b"act") == b"long": link.sendall(struct.pack("<I", 1 << 30))
    if asked.get(b"act") == b"garbage": link.sendall(struct.pack("<I", 5) + b"xxxxx")
    out = field(b"pid", str(os.getpid()).encode()) + body
    link.sendall(struct.pack("<I", len(out)) + out)
    if asked.get(b"act") == b"die later": os._exit(1)
)py";

struct Fixture {
  explicit Fixture(std::size_t processes = 2) {
    write_file(folder / "helper", kHelper);
    std::filesystem::permissions(folder / "helper", std::filesystem::perms::owner_all);
    HelperPool::Settings settings;
    settings.program = folder / "helper";
    settings.processes_max = processes;
    settings.waiting_max = 1;
    settings.timeout = std::chrono::seconds(5);  // a busy machine starts Python slowly
    pool.emplace(io.get_executor(), settings);
  }
  Result<helpers::Fields> ask(std::string act) {
    std::optional<Result<helpers::Fields>> out;
    test::run(io,
              [](HelperPool& asked, std::string what,
                 std::optional<Result<helpers::Fields>>& into) -> Task<void> {
                into = co_await asked.ask({{"act", std::move(what)}});
              }(*pool, std::move(act), out));
    return *out;
  }

  test::TempFolder folder;
  asio::io_context io{1};
  std::optional<HelperPool> pool;
};

bool alive(std::string_view pid) { return std::filesystem::exists("/proc/" + std::string(pid)); }

// A killed process takes a moment to go, and is waited for with the next question.
bool goes(Fixture& fixture, std::string_view pid) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (alive(pid) && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (!fixture.ask("echo")) return false;
  }
  return !alive(pid);
}

}  // namespace

TEST_CASE("helpers: messages read back, and every cut of one is refused") {
  const helpers::Fields fields = {
      {"a", ""}, {"password", std::string("x\0\xff", 3)}, {"uris", "u"}};
  const std::string bytes = helpers::encode(fields).substr(4);
  CHECK(helpers::decode(bytes) == fields);
  CHECK(helpers::decode("") == helpers::Fields());
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    const auto cut = helpers::decode(bytes.substr(0, i));
    if (cut) CHECK(helpers::encode(*cut).substr(4) == bytes.substr(0, i));  // between two fields
  }
  CHECK_FALSE(helpers::decode(bytes + bytes));  // names twice
  CHECK_FALSE(helpers::decode("\xff\xff\xff\xff"));
  CHECK(helpers::number({{"n", "15"}}, "n") == 15);
  CHECK(helpers::number({{"n", "15x"}}, "n") == 0);
}

TEST_CASE("helpers: one process answers one question after the other") {
  Fixture fixture;
  const auto first = fixture.ask("echo");
  REQUIRE(first);
  CHECK(helpers::field(*first, "act") == "echo");
  const auto second = fixture.ask("echo");
  REQUIRE(second);
  CHECK(helpers::field(*first, "pid") == helpers::field(*second, "pid"));
  fixture.pool.reset();
  CHECK_FALSE(alive(helpers::field(*first, "pid")));
}

TEST_CASE("helpers: one that hangs is killed, and the next question starts another") {
  Fixture fixture;
  const auto before = fixture.ask("echo");
  REQUIRE(before);
  const auto hung = fixture.ask("hang");
  REQUIRE_FALSE(hung);
  CHECK(hung.error().code == ErrorCode::kUnavailable);
  const auto after = fixture.ask("echo");
  REQUIRE(after);
  CHECK(helpers::field(*before, "pid") != helpers::field(*after, "pid"));
  CHECK(goes(fixture, helpers::field(*before, "pid")));
}

TEST_CASE("helpers: death and nonsense are errors of that question alone") {
  Fixture fixture;
  for (const char* act : {"die", "long", "garbage"}) {
    INFO(act);
    const auto answer = fixture.ask(act);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::kUnavailable);
    CHECK(fixture.ask("echo"));
  }
  // One that died while it was idle costs nobody an answer.
  REQUIRE(fixture.ask("die later"));
  CHECK(fixture.ask("echo"));
}

TEST_CASE("helpers: a full queue refuses, a missing program is an error") {
  Fixture fixture(1);
  std::vector<Result<helpers::Fields>> answers;
  TaskGroup group(fixture.io.get_executor());
  const auto ask = [](HelperPool& pool, std::vector<Result<helpers::Fields>>& into) -> Task<void> {
    into.push_back(co_await pool.ask({{"act", "echo"}}));
  };
  for (int i = 0; i < 3; ++i) group.spawn("ask", ask(*fixture.pool, answers));
  test::run(fixture.io, group.join());
  REQUIRE(answers.size() == 3);
  CHECK(std::ranges::count_if(answers, [](const auto& one) { return one.has_value(); }) == 2);
  std::filesystem::remove(fixture.folder / "helper");
  fixture.pool.reset();
  fixture.pool.emplace(fixture.io.get_executor(),
                       HelperPool::Settings{.program = fixture.folder / "helper"});
  const auto gone = fixture.ask("echo");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("sources: names are escaped where they are put") {
  CHECK(escape_filter("a*b(c)d\\e") == "a\\2ab\\28c\\29d\\5ce");
  CHECK(escape_filter(std::string_view("\0", 1)) == "\\00");
  CHECK(escape_filter("J\xc3\xbcrgen") == "J\xc3\xbcrgen");
  CHECK(escape_dn("a,b+c\"d\\e<f>g;h=i") == "a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=i");
  CHECK(escape_dn(" x ") == "\\ x\\ ");
  CHECK(escape_dn("#1#") == "\\#1#");
  CHECK(expand("(|(mail={address})(uid={local}))", "a*@x.org", Escape::kFilter) ==
        "(|(mail=a\\2a@x.org)(uid=a\\2a))");
  CHECK(expand("uid={local},dc={domain}", "a,b@x.org", Escape::kDn) == "uid=a\\,b,dc=x.org");
  CHECK(expand("{local}{other}", "{domain}@x", Escape::kNone) == "{domain}{other}");  // once
  CHECK(unknown_placeholder("a{local}b{domain}").empty());
  CHECK(unknown_placeholder("a{user}") == "user");
  CHECK(unknown_placeholder("a{local") == "local");
}

TEST_CASE("sources: settings cross to hauspost-auth unchanged") {
  SourceSettings settings;
  settings.order = {Source::kPam, Source::kLocal};
  settings.domains["x.org"] = {Source::kLdap};
  settings.ldap = {.uris = {"ldap://a", "ldaps://b"},
                   .start_tls = true,
                   .bind_dn = "uid={local}",
                   .search_dn = "cn=s",
                   .timeout = std::chrono::seconds(3)};
  settings.pam = {.service = "imap", .folder = "/etc/x", .user = "{address}"};
  settings.bearer = {.issuer = "i",
                     .audiences = {"a", "b"},
                     .jwks_url = "https://k",
                     .claim = "c",
                     .scope = "s",
                     .leeway = std::chrono::seconds(7)};
  settings.certificates = true;
  const auto read = source_settings_from_wire(source_settings_to_wire(settings));
  REQUIRE(read);
  CHECK(read->order == settings.order);
  CHECK(read->domains == settings.domains);
  CHECK(read->ldap.uris == settings.ldap.uris);
  CHECK(read->ldap.bind_dn == "uid={local}");
  CHECK(read->ldap.timeout == std::chrono::seconds(3));
  CHECK(read->pam.folder == "/etc/x");
  CHECK(read->bearer.audiences == settings.bearer.audiences);
  CHECK(read->bearer.leeway == std::chrono::seconds(7));
  CHECK(read->certificates);
  CHECK(read->order_of("a@X.org") == std::vector{Source::kLdap});
  CHECK(read->order_of("a@y.org") == settings.order);
  CHECK(read->uses(Source::kLdap));
  CHECK(source_settings_from_wire("")->order == std::vector{Source::kLocal});
  CHECK_FALSE(source_settings_from_wire("\xff\xff"));
}

TEST_CASE("keys: a file is read when it changes, and a broken one leaves the last good keys") {
  test::TempFolder folder;
  asio::io_context io{1};
  test::FakeClock clock;
  BearerSettings settings;
  settings.jwks_file = folder / "keys.json";
  KeySource source(io.get_executor(), settings, nullptr, clock);
  const auto size = [&] {
    std::size_t out = 0;
    test::run(io, [](KeySource& asked, std::size_t& into) -> Task<void> {
      const auto keys = co_await asked.keys();
      into = keys ? (*keys)->size() : 0;
    }(source, out));
    return out;
  };
  CHECK(size() == 0);
  const test::TokenMaker one("1");
  const test::TokenMaker two("2");
  write_file(settings.jwks_file, one.key_set());
  CHECK(size() == 1);
  write_file(settings.jwks_file, fmt::format(R"({{"keys":[{},{}]}})", one.key(), two.key()));
  CHECK(size() == 2);
  write_file(settings.jwks_file, "{}");
  CHECK(size() == 2);
  std::filesystem::remove(settings.jwks_file);
  CHECK(size() == 2);
  write_file(settings.jwks_file, two.key_set());
  CHECK(size() == 1);
}

}  // namespace hauspost::auth
