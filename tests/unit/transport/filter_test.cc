// The parts of filters, each by itself.
#include <catch2/catch.hpp>

#include "tests/unit/transport/log_folder.h"
#include "tests/unit/transport/mailauth_rig.h"
#include "transport/filter/client_checks.h"
#include "transport/filter/dns_lists.h"
#include "transport/filter/greylist.h"
#include "transport/filter/quarantine.h"
#include "transport/filter/reputation.h"
#include "transport/filter/user_caps.h"

using namespace hauspost;
using namespace hauspost::transport;
using hauspost::dns::test::MapResolver;
using hauspost::mailauth::test::run;
using hauspost::transport::test::LogFolder;

namespace {

const WallTime kNow{std::chrono::seconds(1'795'288'500)};
constexpr std::string_view kClient = "192.0.2.7";

}  // namespace

TEST_CASE("filter patterns: what they fit", "[filter]") {
  struct Row {
    std::string_view pattern, address;
    bool fits;
  };
  for (const Row& row :
       {Row{"eve@example.net", "EVE@Example.net", true},
        Row{"eve@example.net", "eve@sub.example.net", false},
        Row{"example.net", "a@example.net", true}, Row{"example.net", "a@sub.example.net", false},
        Row{"*.example.net", "a@sub.example.net", true},
        Row{"*.example.net", "a@example.net", true},
        Row{"*.example.net", "a@notexample.net", false}, Row{"eve@", "eve@anywhere.org", true},
        Row{"eve@", "steve@anywhere.org", false}}) {
    CAPTURE(row.pattern, row.address);
    CHECK(matches({std::string(row.pattern), {}}, row.address) == row.fits);
  }
  CHECK(normal_pattern(" EVE@Example.NET ") == "eve@example.net");
  CHECK(normal_pattern("*.Example.net") == "*.example.net");
  for (const std::string_view bad : {"", "@", "a b@example.net", "*", "exa mple", "a@b@c", "*.*.x"})
    CHECK_FALSE(normal_pattern(bad));
}

TEST_CASE("filter rules of addresses end when they are to", "[filter]") {
  const std::vector<AddressRule> rules{{*Network::parse("192.0.2.0/24"), 1'795'288'500, "old"},
                                       {*Network::parse("198.51.100.7"), 1'795'288'501, "new"}};
  CHECK(find_rule(rules, "192.0.2.7", kNow) == nullptr);
  CHECK(find_rule(rules, "192.0.2.7", kNow - Seconds(1)) == &rules[0]);
  CHECK(find_rule(rules, "198.51.100.7", kNow) == &rules[1]);
  CHECK(find_rule(rules, "198.51.100.8", kNow) == nullptr);
}

TEST_CASE("greylist: who comes back in time passes from then on", "[filter]") {
  const GreylistSettings settings{.enabled = true};
  Greylist list;
  const auto ask = [&](std::string_view client, int after_s) {
    return list.ask(settings, client, "a@example.net", "b@example.org", kNow + Seconds(after_s));
  };
  CHECK(ask(kClient, 0).wait == Seconds(300));
  CHECK(ask(kClient, 100).wait == Seconds(200));
  CHECK(ask("192.0.2.99", 299).wait == Seconds(1));  // the same /24
  CHECK_FALSE(ask("192.0.3.7", 300).passes);
  CHECK(ask(kClient, 300).passes);
  CHECK(ask(kClient, 301).passes);
  // Known, until nothing was heard for so long.
  const int keep = static_cast<int>(settings.keep_s);
  CHECK(ask(kClient, 301 + keep).passes);
  CHECK_FALSE(ask(kClient, 302 + 2 * keep).passes);
}

TEST_CASE("greylist: who comes too late begins anew, and networks become known", "[filter]") {
  const GreylistSettings settings{.enabled = true, .auto_allow = 2};
  Greylist list;
  const auto ask = [&](std::string_view recipient, int after_s) {
    return list.ask(settings, kClient, "a@example.net", recipient, kNow + Seconds(after_s)).passes;
  };
  CHECK_FALSE(ask("one@example.org", 0));
  CHECK_FALSE(ask("one@example.org", static_cast<int>(settings.window_s) + 1));
  CHECK(ask("one@example.org", static_cast<int>(settings.window_s) + 301));
  CHECK_FALSE(ask("two@example.org", 400));
  CHECK(ask("two@example.org", 700));
  CHECK(ask("three@example.org", 701));  // the second that came back made the network known
}

TEST_CASE("greylist: saved and loaded it knows the same, and nothing of what is damaged",
          "[filter]") {
  const GreylistSettings settings{.enabled = true};
  Greylist list;
  list.ask(settings, kClient, "a@example.net", "b@example.org", kNow);
  CHECK(list.changed());
  const std::string bytes = list.save();
  CHECK_FALSE(list.changed());
  Greylist again;
  REQUIRE(again.load(bytes));
  CHECK(again.triplets() == 1);
  CHECK(again.ask(settings, kClient, "a@example.net", "b@example.org", kNow + Seconds(300)).passes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK_FALSE(Greylist().load(std::string_view(bytes).substr(0, cut)));
  CHECK_FALSE(Greylist().load(bytes + "x"));
}

TEST_CASE("greylist: it stays bounded", "[filter]") {
  const GreylistSettings settings{.enabled = true};
  Greylist list;
  for (std::size_t i = 0; i < Greylist::kTripletsMax + 1'000; ++i) {
    list.ask(settings, kClient, "a@example.net", std::to_string(i) + "@example.org",
             kNow + Seconds(i / 1'000));
  }
  CHECK(list.triplets() <= Greylist::kTripletsMax + 1);
  CHECK(list.triplets() > Greylist::kTripletsMax / 2);
}

TEST_CASE("reputation: who brings what nobody wants is blocked for a while", "[filter]") {
  const ReputationSettings settings{.enabled = true};
  Reputation reputation;
  const std::string client(kClient);
  const auto note = [&](bool bad) {
    reputation.note(settings, client, {.hello = "x.example.net", .bad = bad}, kNow);
  };
  for (int i = 0; i < 19; ++i) note(true);
  CHECK(reputation.level(client) == 0);  // too few to say
  CHECK_FALSE(reputation.is_blocked(client, kNow));
  note(true);
  CHECK(reputation.level(client) == 8);
  CHECK(reputation.is_blocked(client, kNow));
  Reputation again;
  REQUIRE(again.load(reputation.save()));
  CHECK(again.is_blocked(client, kNow + std::chrono::hours(24) - Seconds(1)));
  CHECK_FALSE(again.is_blocked(client, kNow + std::chrono::hours(24)));
  CHECK(reputation.blocked(kNow).size() == 1);
  CHECK(reputation.lift(client));
  CHECK_FALSE(reputation.lift(client));
  CHECK_FALSE(reputation.is_blocked(client, kNow));
}

TEST_CASE("reputation: good mail keeps the level low, and made-up names raise it", "[filter]") {
  const ReputationSettings settings{.enabled = true};
  Reputation reputation;
  for (int i = 0; i < 200; ++i)
    reputation.note(settings, "192.0.2.1", {.hello = "mx.example.net", .bad = i % 10 == 0}, kNow);
  CHECK(reputation.level("192.0.2.1") == 1);
  for (int i = 0; i < 20; ++i)
    reputation.note(settings, "192.0.2.2", {.hello = std::to_string(i) + ".example.net"}, kNow);
  CHECK(reputation.is_blocked("192.0.2.2", kNow));
}

TEST_CASE("caps of users: messages, recipients and new recipients in 24 hours", "[filter]") {
  using Cap = UserCounts::Cap;
  const UserCaps caps{.messages = 2, .recipients = 4, .new_recipients = 2};
  const Guid user = Guid::random();
  UserCounts counts;
  CHECK(counts.check_message(caps, user, kNow) == Cap::kNone);
  const std::vector<std::string> first{"a@example.net"};
  CHECK(counts.check_recipient(caps, user, "a@example.net", {}, kNow) == Cap::kNone);
  CHECK(counts.check_recipient(caps, user, "b@example.net", first, kNow) == Cap::kNone);
  const std::vector<std::string> two{"a@example.net", "b@example.net"};
  CHECK(counts.check_recipient(caps, user, "c@example.net", two, kNow) == Cap::kNewRecipients);
  counts.note(user, two, kNow);
  CHECK(counts.check_recipient(caps, user, "A@example.net", {}, kNow) == Cap::kNone);
  CHECK(counts.check_recipient(caps, user, "d@example.net", {}, kNow) == Cap::kNewRecipients);
  counts.note(user, two, kNow + std::chrono::hours(23));
  CHECK(counts.check_message(caps, user, kNow + std::chrono::hours(23)) == Cap::kMessages);
  UserCounts again;
  REQUIRE(again.load(counts.save()));
  CHECK(again.used(user, kNow + std::chrono::hours(23)).recipients == 4);
  // The first is older than a day now.
  CHECK(again.check_message(caps, user, kNow + std::chrono::hours(24)) == Cap::kNone);
  CHECK(again.used(user, kNow + std::chrono::hours(24)).messages == 1);
  CHECK(counts.check_message({}, user, kNow) == Cap::kNone);
}

TEST_CASE("client checks: what a HELO name says without the DNS", "[filter]") {
  const auto points = [](std::string_view hello) {
    return score_hello(hello, kClient, "mail.example.org").points;
  };
  CHECK(points("mx.example.net") == 0);
  CHECK(points("[192.0.2.7]") == 0);
  CHECK(points("[192.0.2.8]") == 3);
  CHECK(points("MAIL.example.org") == 4);
  CHECK(points("localhost") == 4);
  CHECK(points("WIN-1234") == 2);
  CHECK(score_hello("mail.example.org", kClient, "mail.example.org").forged_hello);
}

TEST_CASE("client checks: names have to lead there and back", "[filter]") {
  MapResolver zone;
  zone.ptr_records["192.0.2.7"] = {"mx.example.net"};
  zone.a_records["mx.example.net"] = {"192.0.2.7"};
  zone.a_records["other.example.net"] = {"192.0.2.9"};
  const auto score = [&](const std::string& hello, const std::string& address) {
    return run(score_client(score_hello(hello, address, "mail.example.org"), zone, hello, address));
  };
  CHECK(score("mx.example.net", "192.0.2.7").points == 0);
  CHECK(score("mx.example.net", "192.0.2.7").reverse_name == "mx.example.net");
  CHECK(score("other.example.net", "192.0.2.7").to_string() == "1 (helo-differs)");
  CHECK(score("nowhere.example.net", "192.0.2.7").to_string() == "2 (helo-unknown)");
  CHECK(score("mx", "192.0.2.8").to_string() == "5 (helo-unqualified, no-ptr)");
  zone.ptr_records["192.0.2.8"] = {"other.example.net"};
  CHECK(score("mx.example.net", "192.0.2.8").to_string() == "2 (ptr-unconfirmed, helo-differs)");
  zone.broken = {"192.0.2.8", "other.example.net", "mx.example.net"};
  CHECK(score("mx.example.net", "192.0.2.8").points == 0);  // nobody can say
}

TEST_CASE("DNS lists: names to ask", "[filter]") {
  CHECK(dns_list_name("192.0.2.1", "list.example") == "1.2.0.192.list.example");
  CHECK(dns_list_name("::ffff:192.0.2.1", "list.example") == "1.2.0.192.list.example");
  CHECK(dns_list_name("2001:db8::1", "l") ==
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.l");
  CHECK(dns_list_name("nobody", "l").empty());
}

TEST_CASE("DNS lists: the first by priority speaks, and only by codes that count", "[filter]") {
  MapResolver zone;
  zone.a_records["7.2.0.192.late.example"] = {"127.0.0.2"};
  zone.a_records["7.2.0.192.first.example"] = {"127.0.0.4"};
  std::vector<DnsList> lists{{.zone = "late.example", .priority = 20, .text = "%IP: %LIST"},
                             {.zone = "first.example", .priority = 10}};
  const auto ask = [&] { return run(ask_dns_lists(zone, lists, "192.0.2.7", Seconds(5))); };
  auto listed = ask();
  REQUIRE(listed);
  CHECK(listed->zone == "first.example");
  CHECK(listed->text == "192.0.2.7 is listed by first.example");
  lists[1].codes = {*Network::parse("127.0.0.2/31")};
  listed = ask();
  REQUIRE(listed);
  CHECK(listed->text == "192.0.2.7: late.example");
  CHECK(listed->code == "127.0.0.2");
  lists[0].enabled = false;
  CHECK_FALSE(ask());
  // A list that is gone answers with the address of a parking page.
  zone.a_records["7.2.0.192.late.example"] = {"203.0.113.80"};
  lists[0].enabled = true;
  CHECK_FALSE(ask());
  zone.broken = {"7.2.0.192.late.example", "7.2.0.192.first.example"};
  CHECK_FALSE(ask());  // fails open
}

TEST_CASE("quarantine: what is kept can be listed, read and removed", "[filter]") {
  LogFolder folder;
  asio::io_context io;
  Quarantine quarantine(io.get_executor(), folder.path("quarantine"));
  const auto wait = [&]<class T>(Task<T> task) {
    std::optional<T> out;
    asio::co_spawn(
        io,
        [](Task<T> inner, std::optional<T>& to) -> Task<void> { to = co_await std::move(inner); }(
                                                    std::move(task), out),
        [](const std::exception_ptr&) {});
    io.restart();
    io.run();
    return std::move(*out);
  };
  CHECK(wait(quarantine.list())->empty());
  QuarantineEntry entry{.time_s = 5, .source = "spam", .reason = "too \"loud\"\n"};
  entry.envelope.delivery = Guid::random();
  entry.envelope.sender = "a@example.net";
  entry.envelope.recipients = {{"b@example.org"}, {"c@example.org"}};
  const std::string message("Subject: x\r\n\r\nBody\0y\r\n", 22);
  const auto id = wait(quarantine.keep(entry, message));
  REQUIRE(id);
  CHECK(*id == entry.envelope.delivery.to_string());
  entry.time_s = 4;
  entry.envelope.delivery = Guid::random();
  const auto older = wait(quarantine.keep(entry, "Subject: y\r\n\r\n"));
  REQUIRE(older);
  const auto all = wait(quarantine.list());
  REQUIRE(all->size() == 2);
  CHECK((*all)[0].id == *older);
  CHECK((*all)[1].reason == "too \"loud\"\n");
  CHECK((*all)[1].envelope.recipients.size() == 2);
  const auto read = wait(quarantine.read(*id));
  REQUIRE(read);
  CHECK(read->message == message);
  CHECK(read->entry.envelope.sender == "a@example.net");
  CHECK(wait(quarantine.remove(*id)));
  CHECK(wait(quarantine.read(*id)).error().code == ErrorCode::kNotFound);
  CHECK(wait(quarantine.remove("../" + *older)).error().code == ErrorCode::kNotFound);
  std::filesystem::resize_file(folder.path("quarantine") + "/" + *older + ".mail", 40);
  CHECK(wait(quarantine.read(*older)).error().code == ErrorCode::kCorrupt);
  CHECK(wait(quarantine.list())->empty());
}
