#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "store/mime/message.h"
#include "store/mime/part_tree.h"
#include "tests/unit/mime/structure_reader.h"

namespace hauspost::mime {
namespace {

using test::StructureReader;

struct Text {
  std::string envelope;
  std::string body;
  std::string structure;
};

// What a client would be told, checked against the grammar.
Text summarize(std::string_view message) {
  const std::string bytes = make_summary(message);
  const auto summary = read_summary(bytes);
  REQUIRE(summary);
  INFO(summary->envelope);
  INFO(summary->body_structure);
  REQUIRE(StructureReader::is_envelope(summary->envelope));
  REQUIRE(StructureReader::is_body(summary->body, false));
  REQUIRE(StructureReader::is_body(summary->body_structure, true));
  REQUIRE(summary->header_bytes == header_block(message).size());
  return {std::string(summary->envelope), std::string(summary->body),
          std::string(summary->body_structure)};
}

std::string lines_of(std::size_t bytes, std::size_t lines) {
  std::string text;
  for (std::size_t i = 1; i < lines; ++i) text += "x\r\n";
  text.append(bytes - text.size() - 2, 'y');
  return text + "\r\n";
}

constexpr std::string_view kGray =
    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    "From: Terry Gray <gray@cac.washington.edu>\r\n"
    "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
    "To: imap@cac.washington.edu\r\n"
    "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    "\r\n";

TEST_CASE("mime structure: the example of RFC 9051 section 8") {
  const Text text = summarize(std::string(kGray) + lines_of(3028, 92));
  CHECK(text.envelope ==
        "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((NIL NIL \"imap\" \"cac.washington.edu\")) "
        "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
        "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
        "\"<B27397-0100000@cac.washington.edu>\")");
  CHECK(text.body == "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 3028 92)");
  CHECK(text.structure ==
        "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 3028 92 NIL NIL NIL NIL)");
}

TEST_CASE("mime structure: the two-part example of RFC 9051 section 7.5.2") {
  const std::string message =
      "Content-Type: multipart/MIXED; boundary=\"--=_\"\r\n\r\npreamble\r\n----=_\r\n"
      "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n" +
      lines_of(1152, 23) +
      "\r\n----=_\r\n"
      "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\n"
      "Content-ID: <960723163407.20117h@cac.washington.edu>\r\n"
      "Content-Description: Compiler diff\r\n"
      "Content-Transfer-Encoding: BASE64\r\n\r\n" +
      lines_of(4554, 73) + "\r\n----=_--\r\nepilogue\r\n";
  CHECK(summarize(message).body ==
        "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 1152 23)"
        "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") "
        "\"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4554 73) "
        "\"MIXED\")");
}

TEST_CASE("mime structure: extension data of parts, multiparts and messages") {
  const std::string inner =
      "Subject: in\r\nFrom: a@b\r\nContent-Type: text/html\r\n\r\n<p>\r\n</p>\r\n";
  const std::string message =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Language: de, en-GB\r\n"
      "Content-Location: http://x/\r\n\r\n"
      "--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"a "
      "\\\"b\\\"\"\r\n"
      "Content-Transfer-Encoding: base64\r\nContent-MD5: Q2hlY2s=\r\n\r\nAAAA\r\n"
      "--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n" +
      inner + "\r\n--b--\r\n";
  const Text text = summarize(message);
  CHECK(text.structure ==
        "((\"image\" \"png\" NIL NIL NIL \"base64\" 4 \"Q2hlY2s=\" (\"attachment\" (\"filename\" "
        "\"a \\\"b\\\"\")) NIL NIL)(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" " +
            std::to_string(inner.size()) +
            " (NIL \"in\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
            "NIL NIL NIL NIL NIL) (\"text\" \"html\" NIL NIL NIL \"7bit\" 11 2 NIL NIL NIL NIL) 6 "
            "NIL (\"inline\" NIL) NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL (\"de\" \"en-GB\") "
            "\"http://x/\")");
}

TEST_CASE("mime envelope: groups, routes, repeated and empty fields") {
  CHECK(summarize("To: A:a@b;, \"x\\\\y\" <@r:c@d>\nTo: e@f\nSubject:\nSender: \n\n").envelope ==
        "(NIL \"\" NIL NIL NIL ((NIL NIL \"A\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)"
        "(\"x\\\\y\" \"@r\" \"c\" \"d\")(NIL NIL \"e\" \"f\")) NIL NIL NIL NIL)");
}

TEST_CASE("mime envelope: 8-bit and line breaks travel as literals, NUL not at all") {
  CHECK(summarize("Subject: caf\xc3\xa9\r\n\r\n")
            .envelope.starts_with("(NIL {5}\r\ncaf\xc3\xa9 NIL"));
  CHECK(summarize("Subject: a\rb\r\n\r\n").envelope.starts_with("(NIL {3}\r\na\rb NIL"));
  CHECK(
      summarize(std::string_view("Subject: a\0b\r\n\r\n", 16)).envelope.starts_with("(NIL \"ab\""));
  CHECK(summarize("Subject: one\r\n\ttwo\r\n  three\r\n\r\n")
            .envelope.starts_with("(NIL \"one two  three\""));
}

TEST_CASE("mime structure: nasty messages have a sound answer") {
  const std::string plain = "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" ";
  struct Case {
    std::string message;
    std::string body;
  };
  const Case cases[] = {
      {"", plain + "0 0)"},
      {"\r\n", plain + "0 0)"},
      {"\n", plain + "0 0)"},
      {"no header at all", plain + "0 0)"},
      {"A: b\n\nx\ny", plain + "3 2)"},
      {"Content-Type: text\r\n\r\nx\r\n", plain + "3 1)"},
      {"Content-Type: multipart/mixed\r\n\r\nx\r\n", plain + "3 1)"},
      // No part, no delimiter, only an end.
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n", "(" + plain + "0 0) \"mixed\")"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n",
       "(" + plain + "0 0) \"mixed\")"},
      // Empty parts, with and without an empty line, and no end.
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b",
       "(" + plain + "0 0)" + plain + "0 0)" + plain + "0 0)" + plain + "0 0) \"mixed\")"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nno end",
       "(" + plain + "6 1) \"mixed\")"},
      // The outer boundary is the start of the inner one, and white space follows.
      {"Content-Type: multipart/mixed; boundary=b\n\n--b \t\nContent-Type: multipart/x; "
       "boundary=bc\n\n--bc\n\nin\n--bc--\n--b\n\nout\n--b--\n",
       "((" + plain + "2 1) \"x\")" + plain + "3 1) \"mixed\")"},
      // The inner one never ends; the outer one ends it.
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/x; "
       "boundary=c\n\n--c\n\nin\n--b\n\nout\n--c\n--b--\n",
       "((" + plain + "2 1) \"x\")" + plain + "7 2) \"mixed\")"},
      // A delimiter inside a part's header.
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n--b\nX: y\n\nz\n--b--",
       "(" + plain + "0 0)" + plain + "1 1) \"mixed\")"},
      {"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: s\n\nx\n--b--",
       "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 13 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL "
       "NIL) " +
           plain + "1 1) 3) \"digest\")"},
      {"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx\n--ab--",
       "(" + plain + "1 1) \"mixed\")"},
      {"Content-Type: message/rfc822\n\n",
       "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) " +
           plain + "0 0) 0)"},
      {"Content-Type: message/rfc822", "(\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 0)"},
      {"Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx", plain + "5 3)"},
      {"Content-Type: text/x; a=\"\xff\"\n\nx",
       "(\"text\" \"x\" (\"a\" {1}\r\n\xff) NIL NIL \"7bit\" 1 1)"},
      {"Content-Transfer-Encoding: b@d\n\nx", plain + "1 1)"},
  };
  for (const Case& test : cases) {
    INFO(test.message);
    CHECK(summarize(test.message).body == test.body);
  }
}

TEST_CASE("mime structure: every prefix of a message has a sound answer") {
  const std::string message =
      "From: =?utf-8?q?a?= <a@b>\r\nSubject: caf\xc3\xa9\r\nContent-Type: multipart/mixed; "
      "boundary=\"b b\"\r\n\r\n--b b\r\nContent-Type: message/rfc822\r\n\r\nTo: g: x@y;\r\n"
      "Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\none\r\n--c--\r\n"
      "--b b\r\nContent-Disposition: attachment;\r\n filename*=utf-8''a%20b\r\n\r\ntwo\r\n--b "
      "b--\r\n";
  for (std::size_t length = 0; length <= message.size(); ++length) {
    summarize(std::string_view(message).substr(0, length));
  }
}

std::string nested(int depth) {
  std::string message;
  for (int i = 0; i < depth; ++i) {
    const std::string boundary = "b" + std::to_string(i);
    message +=
        "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
  }
  return message + "\r\ndeepest\r\n";
}

TEST_CASE("mime structure: nesting ends at the limit, as deep as it may go") {
  for (const int depth : {99, 100, 101, 10'000}) {
    const PartTree tree = parse_parts(nested(depth));
    CHECK(tree.parts.size() == static_cast<std::size_t>(std::min(depth, 100)) + 1);
    CHECK(tree.parts.back().kind == Part::Kind::kLeaf);
    summarize(nested(depth));
  }
  std::string messages;
  for (int i = 0; i < 10'000; ++i) messages += "Content-Type: message/rfc822\r\n\r\n";
  CHECK(parse_parts(messages).parts.size() == 101);
  summarize(messages);
}

TEST_CASE("mime structure: what follows the last part allowed is one opaque leaf") {
  std::string message = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 20; ++i) message += "--b\n\npart\n";
  Limits limits;
  limits.parts_max = 5;
  const PartTree tree = parse_parts(message, limits);
  REQUIRE(tree.parts.size() == 5);
  CHECK(tree.parts[4].type.is("application", "octet-stream"));
  CHECK(tree.parts[4].body.starts_with("\npart\n--b\n"));
  CHECK(tree.parts[4].body.data() + tree.parts[4].body.size() == message.data() + message.size());
}

TEST_CASE("mime summary: damage and other versions are seen") {
  const std::string good = make_summary(kGray);
  REQUIRE(read_summary(good));
  CHECK(read_summary(good)->body_lines == 0);
  CHECK(!read_summary(""));
  for (std::size_t length = 0; length < good.size(); ++length) {
    CHECK(!read_summary(std::string_view(good).substr(0, length)));
  }
  CHECK(!read_summary(good + "x"));
  for (const char version : {'\x00', '\x01', '\x03'}) {
    std::string other = good;
    other[3] = version;
    CHECK(!read_summary(other));
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    CHECK(!read_summary(damaged));
  }
}

TEST_CASE("mime summary: version 1 is still read, and vouches for nothing") {
  std::string old;
  put_le(old, std::uint32_t{0x01534d48});
  put_le(old, std::uint32_t{77});
  put_le(old, std::uint32_t{3});
  put_string(old, "(NIL)");
  put_string(old, "(\"text\")");
  put_string(old, "(\"text\" NIL)");
  const auto summary = read_summary(old);
  REQUIRE(summary);
  CHECK(summary->header_bytes == 77);
  CHECK(summary->body_lines == 3);
  CHECK(summary->body_structure == "(\"text\" NIL)");
  CHECK_FALSE(summary->vouched);
  std::string storage;
  CHECK_FALSE(
      select_fields(*summary, "A: b\r\n\r\n", {{}, SectionText::kHeaderFields, {"A"}}, storage));
  CHECK_FALSE(folded_field(*summary, "subject"));
}

TEST_CASE("mime summary: its field index selects what a search through the header does") {
  const std::string fields[] = {"Subject: one\r\n",
                                "X-Long:  a\r\n\tb\r\n",
                                "no field at all\r\n",
                                "from : a@b\r\n",
                                "SUBJECT: two\n",
                                "X:\r\n",
                                "To: c"};
  std::string message;
  for (const std::string& field : fields) message += field;
  const std::string with_body = message.substr(0, message.size() - 5) + "\r\nbody\r\n";
  for (const std::string& whole : {message, with_body, std::string(), std::string("\r\nbody")}) {
    const std::string bytes = make_summary(whole);
    const auto summary = read_summary(bytes);
    REQUIRE(summary);
    CHECK(summary->header_crc == crc32c(whole.substr(0, summary->header_bytes)));
    for (const auto& names : std::vector<std::vector<std::string>>{
             {"subject"}, {"To", "FROM"}, {"x"}, {"x-long", "absent"}, {"absent"}, {}}) {
      for (const auto text : {SectionText::kHeaderFields, SectionText::kHeaderFieldsNot}) {
        const Section section{{}, text, names};
        std::string found_storage;
        std::string selected_storage;
        const auto selected =
            select_fields(*summary, std::string_view(whole).substr(0, summary->header_bytes),
                          section, selected_storage);
        if (summary->field_index.empty()) {
          CHECK_FALSE(selected);
        } else {
          CHECK(selected == find_section(whole, section, found_storage));
        }
      }
    }
  }
}

TEST_CASE("mime summary: folded fields are what a search compares with") {
  const std::string message =
      "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: \"Ann\" <Ann@B.example>\r\n"
      "Cc: one@x\r\nCC: Two@Y\r\n\r\n";
  const std::string bytes = make_summary(message);
  const auto summary = read_summary(bytes);
  REQUIRE(summary);
  using namespace std::string_view_literals;
  CHECK(folded_field(*summary, "subject") == "\0gr\xc3\xbcsse"sv);
  const auto from = folded_field(*summary, "FROM");
  REQUIRE(from);
  CHECK(from->find("ann@b.example") != std::string_view::npos);
  const auto cc = folded_field(*summary, "cc");
  REQUIRE(cc);
  CHECK(cc->find("one@x") != std::string_view::npos);
  CHECK(cc->find("two@y") != std::string_view::npos);
  CHECK(folded_field(*summary, "to") == ""sv);
  CHECK_FALSE(folded_field(*summary, "bcc"));

  const std::string long_list = "To: " + std::string(5000, 'a') + "\r\nSubject: s\r\n\r\n";
  const std::string long_bytes = make_summary(long_list);
  const auto without = read_summary(long_bytes);
  REQUIRE(without);
  CHECK_FALSE(folded_field(*without, "to"));
  CHECK(folded_field(*without, "subject") == "\0s"sv);
}

}  // namespace
}  // namespace hauspost::mime
