// SEARCH with the index and without it finds the same.
#include "store/search/search_index.h"

#include <random>

#include "protocols/imap/search_evaluator.h"
#include "store/mime/search_text.h"
#include "tests/unit/imap/fetch_store.h"
#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {
namespace {

constexpr std::int64_t kNow = 20'000LL * 86'400;

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k)
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63];
  }
  return out;
}

class RandomMail {
 public:
  explicit RandomMail(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::string words(std::size_t count) {
    static const std::vector<std::string> kWords = {"Invoice",
                                                    "Gr\u00fc\u00dfe",
                                                    "STRASSE",
                                                    "stra\u00dfe",
                                                    "ann@a.test",
                                                    "bob@b.test",
                                                    "a",
                                                    "the",
                                                    "\u4f1a\u8b70\u5ba4",
                                                    "\u8b70",
                                                    "\uff21\uff22",
                                                    "\ufb01ne",
                                                    "x.y",
                                                    "Re:",
                                                    "caf\u00e9",
                                                    "cafe\u0301",
                                                    "2026-11-21",
                                                    "--",
                                                    "END.",
                                                    "\u2019s"};
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out += below(6) == 0 ? "" : " ";
      out += kWords[below(kWords.size())];
    }
    return out;
  }

  std::string field(std::string_view name) {
    const std::string text = words(1 + below(4));
    if (below(2) == 0) return std::string(name) + ": " + text + "\r\n";
    return std::string(name) + ": =?UTF-8?B?" + base64(text) + "?=\r\n";
  }
  std::string address_field(std::string_view name) {
    const std::string display =
        below(2) == 0 ? "\"" + words(2) + "\"" : "=?utf-8?b?" + base64(words(2)) + "?=";
    return std::string(name) + ": " + display + " <" + (below(2) == 0 ? "ann" : "Bob.X") +
           (below(2) == 0 ? "@a.test" : " (note) @ b.test") + ">\r\n";
  }

  std::string part() {
    const std::string text = words(1 + below(12)) + "\r\n" + words(below(5));
    switch (below(4)) {
      case 0:
        return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
               "\r\n" +
               base64(text);
      case 1: return "Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + text + "</p>";
      case 2:
        return "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
               base64(text);
      default: return "X-Part: " + words(2) + "\r\n\r\n" + text;
    }
  }

  std::string message() {
    std::string out = field("Subject") + address_field("From") + address_field("To");
    if (below(3) == 0) out += address_field("Cc");
    if (below(5) == 0) out += address_field("Bcc") + address_field("Reply-To");
    if (below(4) == 0) out += field("X-Note");
    if (below(2) == 0) return out + part();
    out += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n";
    for (std::uint64_t i = 0; i <= below(3); ++i) out += "--cut\r\n" + part() + "\r\n";
    return out + "--cut--\r\n";
  }

  std::string quoted() {
    std::string needle = words(1 + below(2));
    std::size_t first = below(needle.size());
    std::size_t last = first + 1 + below(needle.size() - first);
    const auto inside = [&needle](std::size_t i) {
      return i < needle.size() && (static_cast<unsigned char>(needle[i]) & 0xc0) == 0x80;
    };
    while (inside(first)) --first;
    while (inside(last)) ++last;
    return "\"" + needle.substr(first, last - first) + "\"";
  }

  std::string key(int depth) {
    static const std::vector<std::string> kNames = {"SUBJECT", "FROM", "TO",   "CC",
                                                    "BCC",     "BODY", "TEXT", "BODY"};
    const std::uint64_t kind = below(depth > 0 ? 14 : 10);
    if (kind < 7) return kNames[below(kNames.size())] + " " + quoted();
    if (kind == 7)
      return "HEADER " + std::string(below(2) == 0 ? "X-Note" : "Reply-To") + " " + quoted();
    if (kind == 8) return below(2) == 0 ? "SEEN" : "HEADER Subject " + quoted();
    if (kind == 9) return "1:" + std::to_string(1 + below(200));
    if (kind < 12) return "OR " + key(depth - 1) + " " + key(depth - 1);
    if (kind == 12) return "NOT " + key(depth - 1);
    return "(" + key(depth - 1) + " " + key(depth - 1) + ")";
  }

 private:
  std::mt19937_64 random_;
};

std::vector<std::uint32_t> found(const FetchStore& store, const std::string& keys,
                                 std::shared_ptr<const store::SearchRuns> runs) {
  const auto request = parse_as<SearchRequest>("SEARCH CHARSET UTF-8 " + keys);
  const std::vector<std::uint32_t> uids = store.uids();
  SearchEvaluator search(request.key, {store.folder(), uids, nullptr, kNow, std::move(runs), 0});
  while (search.look_up()) {
  }
  while (search.step(store.snapshot(), 50)) {
  }
  std::vector<std::uint32_t> out;
  for (const SearchHit& hit : search.hits()) out.push_back(hit.sequence);
  return out;
}

TEST_CASE("imap search: the index changes no answer", "[search]") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  RandomMail mail(seed);
  FetchStore store;
  store::SearchIndex::Options options;
  hauspost::test::TempFolder folder;
  options.folder = folder / "search";
  options.disk = &store::real_disk();
  options.snapshot = [&store] { return store.snapshot(); };
  options.extract = mime::extract_search_text;
  options.interval = std::chrono::milliseconds(1);
  options.tail_bodies = 30;
  options.tail_time = std::chrono::hours(1);
  store::SearchIndex index(options);
  for (int i = 0; i < 200; ++i) store.append(mail.message(), i % 3 == 0 ? store::kSeen : 0);
  while (index.status().behind >= options.tail_bodies) std::this_thread::yield();
  index.stop();
  REQUIRE(index.status().documents > 100);
  std::size_t with_hits = 0;
  for (int query = 0; query < 3000; ++query) {
    const std::string keys = mail.key(2);
    INFO(keys);
    const auto plain = found(store, keys, nullptr);
    if (plain != found(store, keys, index.runs())) FAIL("the answers differ");
    with_hits += plain.empty() ? 0 : 1;
  }
  CHECK(with_hits > 300);
}

}  // namespace
}  // namespace hauspost::imap
