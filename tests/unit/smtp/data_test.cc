// The reader is compared with an oracle that looks at the whole input at once.
#include <catch2/catch.hpp>

#include <optional>
#include <random>
#include <string>

#include "protocols/smtp/data_reader.h"

using namespace hauspost::smtp;

namespace {

struct Outcome {
  std::string message;
  std::size_t consumed = 0;
  ContentFault fault = ContentFault::kNone;
  bool operator==(const Outcome&) const = default;
};

ContentFault find_fault(std::string_view message) {
  bool bare_cr = false;
  bool bare_lf = false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\r' && (i + 1 == message.size() || message[i + 1] != '\n')) bare_cr = true;
    if (message[i] == '\n' && (i == 0 || message[i - 1] != '\r')) bare_lf = true;
  }
  if (bare_lf) return ContentFault::kBareLineFeed;
  if (bare_cr) return ContentFault::kBareCarriageReturn;
  if (message.find('\0') != std::string_view::npos) return ContentFault::kNul;
  return ContentFault::kNone;
}

// RFC 5321 section 4.5.2, read literally: the end is the first CRLF.CRLF, where the CRLF of the
// DATA line counts as the first; then every dot behind a CRLF goes.
std::optional<Outcome> oracle(std::string_view input) {
  const std::string whole = "\r\n" + std::string(input);
  const std::size_t end = whole.find("\r\n.\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string message = whole.substr(0, end + 2);
  for (std::size_t at = 0; (at = message.find("\r\n.", at)) != std::string::npos; at += 2) {
    message.erase(at + 2, 1);
  }
  message.erase(0, 2);
  return Outcome{message, end + 3, find_fault(message)};
}

std::optional<Outcome> read_in_pieces(std::string_view input, std::size_t piece) {
  Outcome outcome;
  DataReader reader(outcome.message, 1 << 20);
  while (!reader.done() && outcome.consumed < input.size()) {
    const std::string_view bytes = input.substr(outcome.consumed, piece);
    const std::size_t took = reader.feed(bytes);
    CHECK((reader.done() || took == bytes.size()));
    outcome.consumed += took;
  }
  if (!reader.done()) return std::nullopt;
  outcome.fault = reader.fault();
  return outcome;
}

void compare(const std::string& input) {
  CAPTURE(input);
  const auto expected = oracle(input);
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, input.size() + 1}) {
    CAPTURE(piece);
    const auto actual = read_in_pieces(input, piece);
    REQUIRE(actual.has_value() == expected.has_value());
    if (!actual) continue;
    CHECK(actual->message == expected->message);
    CHECK(actual->consumed == expected->consumed);
    CHECK(actual->fault == expected->fault);
  }
}

}  // namespace

TEST_CASE("smtp data: dots are undone and the end is found") {
  CHECK(read_in_pieces(".\r\n", 9) == Outcome{"", 3, ContentFault::kNone});
  CHECK(read_in_pieces("a\r\n.\r\n", 9) == Outcome{"a\r\n", 6, ContentFault::kNone});
  CHECK(read_in_pieces("..\r\n.a\r\n...\r\n.\r\nQUIT\r\n", 99) ==
        Outcome{".\r\na\r\n..\r\n", 16, ContentFault::kNone});
  CHECK_FALSE(read_in_pieces("a\r\n.\r", 9));
}

TEST_CASE("smtp data: no other ending than CRLF.CRLF ends a message") {
  const char* endings[] = {
      "\n.\n",       "\n.\r\n",    "\r\n.\n",     "\r.\r",     "\r.\r\n",   "\r\n.\r",
      "\n.\r",       "\r.\n",      "\r\n.\r\r\n", "\r\r\n.\n", "\n\n.\n\n", "\r\n. \r\n",
      "\r\n.\t\r\n", "\r\n..\r\n", "\r\n.\r \n",  "\n.\n\r\n", "\x85.\x85", "\x0b.\x0b",
  };
  for (const std::string ending : endings) {
    CAPTURE(ending);
    const std::string smuggled = "first" + ending + "MAIL FROM:<evil@example.org>\r\n";
    CHECK_FALSE(read_in_pieces(smuggled, 1));
    CHECK_FALSE(read_in_pieces(smuggled, 4096));
    const auto whole = read_in_pieces(smuggled + ".\r\n", 4096);
    REQUIRE(whole);
    CHECK(whole->consumed == smuggled.size() + 3);
    compare(smuggled + ".\r\n");
  }
  const std::string with_nul("a\r\n\0.\r\nb\r\n.\r\n", 13);
  CHECK(read_in_pieces(with_nul, 99)->consumed == with_nul.size());
  CHECK(read_in_pieces(with_nul, 99)->fault == ContentFault::kNul);
}

TEST_CASE("smtp data: bare line ends refuse the message at its real end") {
  CHECK(read_in_pieces("a\nb\r\n.\r\n", 1)->fault == ContentFault::kBareLineFeed);
  CHECK(read_in_pieces("a\rb\r\n.\r\n", 1)->fault == ContentFault::kBareCarriageReturn);
  CHECK(read_in_pieces("a\r\r\n.\r\n", 1)->fault == ContentFault::kBareCarriageReturn);
  CHECK(refusal(ContentFault::kBareLineFeed).code == 550);
  CHECK(refusal(ContentFault::kBareLineFeed).enhanced == "5.6.0");
}

TEST_CASE("smtp data: every short string of the alphabet agrees with the oracle") {
  constexpr std::string_view kAlphabet("\r\n.a", 4);
  for (int length = 0; length <= 6; ++length) {
    for (int number = 0; number < 1 << (2 * length); ++number) {
      std::string input;
      for (int i = 0; i < length; ++i) input += kAlphabet[number >> (2 * i) & 3];
      compare(input + "\r\n.\r\n");
    }
  }
}

TEST_CASE("smtp data: random strings agree with the oracle") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kTokens[] = {
      "\r\n",    "\r\n.", "\r\n.\r\n", "\r", "\n", ".", "text", std::string_view("\0", 1),
      "\r\n.\r", "\xff"};
  for (int round = 0; round < 3000; ++round) {
    std::string input;
    for (unsigned i = random() % 30; i > 0; --i) input += kTokens[random() % std::size(kTokens)];
    compare(input);
  }
}

TEST_CASE("smtp data: what is too big is read to its end but not kept") {
  std::string message;
  DataReader reader(message, 10);
  const std::string input = std::string(100, 'x') + "\r\n.\r\n";
  CHECK(reader.feed(input) == input.size());
  CHECK(reader.done());
  CHECK(reader.fault() == ContentFault::kTooBig);
  CHECK(message.size() <= 10);
  std::string exact;
  DataReader fits(exact, 10);
  fits.feed("12345678\r\n.\r\n");
  CHECK(fits.fault() == ContentFault::kNone);
  CHECK(exact == "12345678\r\n");
}

TEST_CASE("smtp data: a line may be long, but not without bound") {
  for (const std::size_t piece : {std::size_t{4096}, std::size_t{4} << 20}) {
    const std::string good = std::string(kTextLineMax, 'x') + "\r\n.\r\n";
    const std::string bad = "x" + good;
    std::string message;
    for (const auto& [input, fault] :
         {std::pair{good, ContentFault::kNone}, std::pair{bad, ContentFault::kLineTooLong}}) {
      DataReader reader(message, 8 << 20);
      for (std::size_t at = 0; at < input.size(); at += piece) {
        reader.feed(std::string_view(input).substr(at, piece));
      }
      CHECK(reader.done());
      CHECK(reader.fault() == fault);
    }
  }
}

TEST_CASE("smtp bdat: chunks are counted, joined and looked at") {
  struct Case {
    std::vector<std::string_view> chunks;
    std::string_view message;
    ContentFault fault;
  };
  const Case cases[] = {
      {{"a\r\n", "b\r\n"}, "a\r\nb\r\n", ContentFault::kNone},
      {{"a\r", "\nb\r\n"}, "a\r\nb\r\n", ContentFault::kNone},
      {{".\r\n", "\r\n.\r\n"}, ".\r\n\r\n.\r\n", ContentFault::kNone},
      {{"a\r", "b"}, "a\rb", ContentFault::kBareCarriageReturn},
      {{"a", "\nb"}, "a\nb", ContentFault::kBareLineFeed},
      {{"a\r"}, "a\r", ContentFault::kBareCarriageReturn},
      {{"123456", "1234567"}, "123456", ContentFault::kTooBig},
  };
  for (const Case& c : cases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{100}}) {
      std::string message;
      ChunkReader reader(message, 12);
      for (const std::string_view chunk : c.chunks) {
        const std::string wire = std::string(chunk) + "NOOP\r\n";
        reader.begin_chunk(chunk.size());
        std::size_t at = 0;
        while (!reader.chunk_done()) at += reader.feed(std::string_view(wire).substr(at, piece));
        CHECK(at == chunk.size());
      }
      reader.finish();
      CHECK(reader.fault() == c.fault);
      if (c.fault != ContentFault::kTooBig) CHECK(message == c.message);
      CHECK(message.size() <= 12);
    }
  }
}
