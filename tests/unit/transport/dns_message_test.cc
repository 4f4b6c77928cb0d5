#include <catch2/catch.hpp>

#include "base/text.h"
#include "transport/dns/cache.h"
#include "transport/dns/message.h"

namespace {

using namespace hauspost;
using namespace hauspost::dns;

std::string wire_name(std::string_view name) {
  std::string out;
  if (!name.empty())
    for (const auto label : split(name, '.')) {
      out += static_cast<char>(label.size());
      out += label;
    }
  return out + '\0';
}

std::string number(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string record(std::string_view owner, RecordType type, unsigned ttl, const std::string& data) {
  return wire_name(owner) + number(static_cast<unsigned>(type)) + number(1) + number(ttl >> 16) +
         number(ttl & 0xffff) + number(static_cast<unsigned>(data.size())) + data;
}

struct Draft {
  RecordType type = RecordType::kA;
  unsigned flags = 0x8180;
  std::vector<std::string> answers;
  std::vector<std::string> authority;
  std::string name = "a.test";

  std::string bytes() const {
    std::string out = number(7) + number(flags) + number(1) +
                      number(static_cast<unsigned>(answers.size())) +
                      number(static_cast<unsigned>(authority.size())) + number(0) +
                      wire_name(name) + number(static_cast<unsigned>(type)) + number(1);
    for (const auto& one : answers) out += one;
    for (const auto& one : authority) out += one;
    return out;
  }
  std::optional<Message> parse() const { return parse_message(bytes(), "a.test", type); }
};

const std::string kAddress("\xc0\x00\x02\x01", 4);

std::string soa(unsigned minimum) {
  return wire_name("ns.test") + wire_name("root.test") + std::string(16, '\0') +
         number(minimum >> 16) + number(minimum & 0xffff);
}

}  // namespace

TEST_CASE("dns message: a question is as RFC 1035 and 6891 write it", "[dns]") {
  const std::string plain = make_question(0x1234, "a.test", RecordType::kMx, false, false);
  CHECK(to_hex(plain) ==
        "123401000001000000000000"
        "016104746573740000"
        "0f0001");
  const std::string secure = make_question(1, "a.test", RecordType::kMx, true, true);
  CHECK(to_hex(secure.substr(2, 2)) == "0120");
  CHECK(to_hex(secure.substr(secure.size() - 11)) == "00002904d0000080000000");
}

TEST_CASE("dns message: names that can be asked for", "[dns]") {
  CHECK(normal_name("A.Test.") == "a.test");
  CHECK(normal_name("_25._tcp.mx.test") == "_25._tcp.mx.test");
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a..b"), std::string(".a"), std::string("a b"),
        std::string("a\\b"), std::string(64, 'a'), std::string("b\xc3\xbc.test")})
    CHECK_FALSE(normal_name(bad));
  std::string longest;
  for (int i = 0; i < 4; ++i) longest += std::string(62, 'a') + ".";
  CHECK(normal_name(longest));
  CHECK_FALSE(normal_name(longest + "aa.aa"));
  CHECK(reverse_name("192.0.2.1") == "1.2.0.192.in-addr.arpa");
  CHECK(reverse_name("2001:db8::1") ==
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  CHECK_FALSE(reverse_name("a.test"));
}

TEST_CASE("dns message: records of every kind read", "[dns]") {
  const auto first = [](RecordType type, const std::string& data) {
    Draft draft{.type = type, .answers = {record("A.tesT", type, 60, data)}};
    const auto message = draft.parse();
    REQUIRE(message);
    CHECK(message->answer.ttl == Seconds(60));
    return message->answer.found() ? record_text(type, message->answer.records[0]) : "none";
  };
  CHECK(first(RecordType::kA, kAddress) == "192.0.2.1");
  CHECK(first(RecordType::kAaaa, std::string(15, '\0') + '\1') == "::1");
  CHECK(first(RecordType::kMx, number(10) + wire_name("MX.test")) == "10 mx.test");
  CHECK(first(RecordType::kMx, number(0) + wire_name("")) == "0 .");
  CHECK(first(RecordType::kPtr, wire_name("host.test")) == "host.test");
  CHECK(first(RecordType::kTxt, std::string("\2ab\0\1c", 6)) == "abc");
  CHECK(first(RecordType::kTlsa, std::string("\3\1\1\xab", 4)) == "3 1 1 ab");
  CHECK(first(RecordType::kPtr, std::string("\3a.b\0", 5)) == "a\\046b");
}

TEST_CASE("dns message: CNAMEs are followed to their end", "[dns]") {
  Draft draft{.answers = {record("a.test", RecordType::kCname, 50, wire_name("b.test")),
                          record("c.test", RecordType::kA, 90, kAddress),
                          record("b.test", RecordType::kCname, 70, wire_name("c.test"))}};
  auto message = draft.parse();
  REQUIRE(message);
  CHECK(message->answer.found());
  CHECK(message->answer.canonical == "c.test");
  CHECK(message->answer.ttl == Seconds(50));
  SECTION("whose records are not in the message") {
    draft.answers.erase(draft.answers.begin() + 1);
    message = draft.parse();
    REQUIRE(message);
    CHECK(message->open_end);
    CHECK(message->answer.canonical == "c.test");
    draft.authority = {record("c.test", RecordType::kSoa, 40, soa(30))};
    message = draft.parse();
    CHECK_FALSE(message->open_end);
    CHECK(message->answer.outcome == Outcome::kNoData);
    CHECK(message->answer.ttl == Seconds(30));
  }
  SECTION("that lead in a circle") {
    draft.answers = {record("a.test", RecordType::kCname, 50, wire_name("a.test"))};
    CHECK_FALSE(draft.parse()->answer.found());
  }
}

TEST_CASE("dns message: what is not there says how", "[dns]") {
  Draft draft{.authority = {record("test", RecordType::kSoa, 600, soa(300))}};
  CHECK(draft.parse()->answer.outcome == Outcome::kNoData);
  CHECK(draft.parse()->answer.ttl == Seconds(300));
  draft.flags = 0x8183;
  CHECK(draft.parse()->answer.outcome == Outcome::kNoName);
  draft.flags = 0x8182;
  CHECK(draft.parse()->answer.outcome == Outcome::kTemporary);
  draft.flags = 0x8380;
  CHECK(draft.parse()->truncated);
  draft.flags = 0x81a0;
  CHECK(draft.parse()->authentic);
  draft.authority.clear();
  CHECK(draft.parse()->answer.ttl == Seconds(0));
}

TEST_CASE("dns message: what is no answer to the question is nothing", "[dns]") {
  Draft draft{.answers = {record("a.test", RecordType::kA, 60, kAddress)}};
  REQUIRE(draft.parse());
  CHECK_FALSE(parse_message(draft.bytes(), "b.test", RecordType::kA));
  CHECK_FALSE(parse_message(draft.bytes(), "a.test", RecordType::kAaaa));
  draft.flags = 0x0100;
  CHECK_FALSE(draft.parse());
}

TEST_CASE("dns message: records of another name do not count", "[dns]") {
  Draft draft{.answers = {record("evil.test", RecordType::kA, 60, kAddress)}};
  REQUIRE(draft.parse());
  CHECK_FALSE(draft.parse()->answer.found());
}

TEST_CASE("dns message: every cut and every pointer that leads astray is refused", "[dns]") {
  const Draft draft{
      .type = RecordType::kMx,
      .answers = {record("a.test", RecordType::kMx, 60, number(5) + wire_name("mx.test"))}};
  const std::string whole = draft.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(parse_message(whole.substr(0, size), "a.test", RecordType::kMx));
  // The owner's first octets replaced by pointers: to the question, to itself, forwards.
  const std::size_t owner = 12 + 8 + 4;
  const auto with_owner = [&](unsigned target) {
    return whole.substr(0, owner) + number(0xc000 | target) + whole.substr(owner + 8);
  };
  CHECK(parse_message(with_owner(12), "a.test", RecordType::kMx)->answer.found());
  CHECK_FALSE(parse_message(with_owner(owner), "a.test", RecordType::kMx));
  CHECK_FALSE(parse_message(with_owner(owner + 20), "a.test", RecordType::kMx));
  CHECK_FALSE(parse_message(with_owner(0x3fff), "a.test", RecordType::kMx));
}

TEST_CASE("dns cache: an answer holds as long as its TTL", "[dns]") {
  Cache cache({});
  Cache::Time now{};
  const Cache::Key key{RecordType::kA, "a.test"};
  Cache::Entry entry{key, {.outcome = Outcome::kFound, .records = {"192.0.2.1"}}};
  entry.answer.ttl = Seconds(10);
  cache.put(entry, now);
  REQUIRE(cache.find(key, now + Seconds(4)));
  CHECK(cache.find(key, now + Seconds(4))->answer.ttl == Seconds(6));
  CHECK_FALSE(cache.find({RecordType::kAaaa, "a.test"}, now));
  CHECK_FALSE(cache.find(key, now + Seconds(10)));
  CHECK(cache.counts().entries == 0);
  CHECK(cache.counts().bytes == 0);
  CHECK(cache.counts().hits == 2);
}

TEST_CASE("dns cache: failures and answers without TTL are not kept", "[dns]") {
  Cache cache({});
  Cache::Entry entry{{RecordType::kA, "a.test"}, {.outcome = Outcome::kNoName}};
  cache.put(entry, {});
  entry.answer.ttl = Seconds(10);
  entry.answer.outcome = Outcome::kTemporary;
  cache.put(entry, {});
  CHECK(cache.counts().entries == 0);
}

TEST_CASE("dns cache: what was not asked for the longest makes room", "[dns]") {
  Cache cache({.entries_max = 2, .bytes_max = 1 << 20});
  const auto put = [&](const std::string& name, std::size_t bytes = 4) {
    Cache::Entry entry{{RecordType::kTxt, name},
                       {.outcome = Outcome::kFound, .records = {std::string(bytes, 'x')}}};
    entry.answer.ttl = Seconds(10);
    cache.put(entry, {});
  };
  const auto has = [&](const std::string& name) {
    return cache.find({RecordType::kTxt, name}, {}) != nullptr;
  };
  put("a.test");
  put("b.test");
  CHECK(has("a.test"));
  put("c.test");
  CHECK(has("a.test"));
  CHECK_FALSE(has("b.test"));
  put("huge.test", 1 << 20);
  CHECK_FALSE(has("huge.test"));
  CHECK(cache.list(10, {}).size() == 2);
  CHECK(cache.forget("a.test") == 1);
  CHECK(cache.forget("") == 1);
  CHECK(cache.counts().bytes == 0);
}
