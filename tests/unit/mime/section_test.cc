#include <catch2/catch.hpp>

#include "store/mime/message.h"

namespace hauspost::mime {
namespace {

constexpr std::string_view kInner4 =
    "Subject: inner four\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"
    "--d\r\nContent-Type: text/plain\r\n\r\n4.2.1\r\n"
    "--d\r\nContent-Type: multipart/alternative; boundary=e\r\n\r\n"
    "--e\r\n\r\n4.2.2.1\r\n--e\r\nContent-Type: text/richtext\r\n\r\n4.2.2.2\r\n--e--\r\n"
    "--d--\r\n";
constexpr std::string_view kInner3 =
    "Subject: inner three\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n"
    "--f\r\n\r\n3.1\r\n--f\r\nContent-Type: application/octet-stream\r\n\r\n3.2\r\n--f--\r\n";

// The tree that RFC 9051 section 6.4.5.1 numbers.
std::string example() {
  std::string message =
      "From: a@b\r\nTo: c@d\r\nSubject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
      "--a\r\nContent-Type: text/plain\r\n\r\n1\r\n"
      "--a\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "SGVs\r\nbG8=\r\n"
      "--a\r\nContent-Type: message/rfc822\r\nX-Mime: three\r\n\r\n";
  message += kInner3;
  message +=
      "\r\n--a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
      "--c\r\nContent-Type: image/gif\r\n\r\n4.1\r\n"
      "--c\r\nContent-Type: message/rfc822\r\n\r\n";
  message += kInner4;
  message += "\r\n--c--\r\n--a--\r\n";
  return message;
}

std::optional<std::string> section(std::string_view message, std::vector<std::uint32_t> part,
                                   SectionText text = SectionText::kWhole,
                                   std::vector<std::string> fields = {}) {
  std::string storage;
  const auto found = find_section(message, {std::move(part), text, std::move(fields)}, storage);
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

TEST_CASE("mime section: the numbering of RFC 9051 section 6.4.5.1") {
  const std::string message = example();
  CHECK(section(message, {}) == message);
  CHECK(section(message, {1}) == "1");
  CHECK(section(message, {2}) == "SGVs\r\nbG8=");
  CHECK(section(message, {3}) == kInner3);
  CHECK(section(message, {3}, SectionText::kHeader) ==
        "Subject: inner three\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n");
  CHECK(*section(message, {3}, SectionText::kHeader) + *section(message, {3}, SectionText::kText) ==
        kInner3);
  CHECK(section(message, {3}, SectionText::kMime) ==
        "Content-Type: message/rfc822\r\nX-Mime: three\r\n\r\n");
  CHECK(section(message, {3, 1}) == "3.1");
  CHECK(section(message, {3, 2}) == "3.2");
  CHECK(section(message, {4, 1}) == "4.1");
  CHECK(section(message, {4, 1}, SectionText::kMime) == "Content-Type: image/gif\r\n\r\n");
  CHECK(section(message, {4, 2}) == kInner4);
  CHECK(section(message, {4, 2}, SectionText::kHeader)->starts_with("Subject: inner four\r\n"));
  CHECK(section(message, {4, 2, 1}) == "4.2.1");
  CHECK(section(message, {4, 2, 2, 1}) == "4.2.2.1");
  CHECK(section(message, {4, 2, 2, 2}) == "4.2.2.2");
  CHECK(section(message, {}, SectionText::kHeader) == header_block(message));
  CHECK(*section(message, {}, SectionText::kHeader) + *section(message, {}, SectionText::kText) ==
        message);
}

TEST_CASE("mime section: parts that are not there") {
  const std::string message = example();
  for (const std::vector<std::uint32_t>& part : std::vector<std::vector<std::uint32_t>>{
           {0}, {5}, {1, 1}, {2, 1}, {3, 3}, {3, 1, 1}, {4, 3}, {4, 2, 2, 3}, {4294967295}}) {
    CHECK(!section(message, part));
    CHECK(!section(message, part, SectionText::kMime));
    CHECK(!decode_part(message, part));
  }
  CHECK(!section(message, {1}, SectionText::kHeader));
  CHECK(!section(message, {4}, SectionText::kText));
  CHECK(!section(message, {1}, SectionText::kHeaderFields, {"subject"}));
}

TEST_CASE("mime section: a message that is no multipart is its own part 1") {
  const std::string message = "Subject: s\n\nbody\n";
  CHECK(section(message, {1}) == "body\n");
  CHECK(section(message, {1}, SectionText::kMime) == "Subject: s\n\n");
  CHECK(!section(message, {1, 1}));
  CHECK(!section(message, {2}));
  const std::string wrapped = "Content-Type: message/rfc822\n\n" + message;
  CHECK(section(wrapped, {1}) == message);
  CHECK(section(wrapped, {1, 1}) == "body\n");
  CHECK(section(wrapped, {1}, SectionText::kHeader) == "Subject: s\n\n");
  CHECK(section(wrapped, {1}, SectionText::kHeaderFields, {"SUBJECT"}) == "Subject: s\n\r\n");
}

TEST_CASE("mime section: an embedded message that ends with its header") {
  for (const std::string_view inner : {"Subject: s\n\n", "Subject: s\n", "\n", ""}) {
    INFO(inner);
    std::string message =
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n";
    message += inner;
    message += "--b--\n";
    const auto header = section(message, {1}, SectionText::kHeader);
    const auto text = section(message, {1}, SectionText::kText);
    REQUIRE(header);
    REQUIRE(text);
    CHECK(text->empty());
    CHECK(*header + *text == section(message, {1}));
    // The line end before the boundary is the boundary's, unless it is the header's empty line.
    CHECK(*header == (inner == "Subject: s\n" ? "Subject: s" : inner));
  }
}

TEST_CASE("mime section: header field subsets keep order, folds and spelling") {
  const std::string message =
      "From x\r\nDATE: d\r\nTo: a,\r\n b\r\nSubject: s\r\nto : c\r\nTop: t\r\n\r\nTo: body";
  CHECK(section(message, {}, SectionText::kHeaderFields, {"To", "Date"}) ==
        "DATE: d\r\nTo: a,\r\n b\r\nto : c\r\n\r\n");
  CHECK(section(message, {}, SectionText::kHeaderFieldsNot, {"To", "Date"}) ==
        "Subject: s\r\nTop: t\r\n\r\n");
  CHECK(section(message, {}, SectionText::kHeaderFields, {"X"}) == "\r\n");
  CHECK(section("A: b", {}, SectionText::kHeaderFields, {"a"}) == "A: b\r\n\r\n");
}

TEST_CASE("mime section: prefixes of a message never reach outside it") {
  const std::string message = example();
  for (std::size_t length = 0; length <= message.size(); ++length) {
    const std::string prefix = message.substr(0, length);
    for (const std::vector<std::uint32_t>& part :
         std::vector<std::vector<std::uint32_t>>{{}, {1}, {3}, {4, 2}, {4, 2, 2, 2}}) {
      for (const SectionText text :
           {SectionText::kWhole, SectionText::kHeader, SectionText::kText, SectionText::kMime}) {
        std::string storage;
        const auto found = find_section(prefix, {part, text, {}}, storage);
        if (!found) continue;
        CHECK(found->data() >= prefix.data());
        CHECK(found->data() + found->size() <= prefix.data() + prefix.size());
      }
    }
  }
}

TEST_CASE("mime binary: transfer encodings are undone") {
  const std::string message = example();
  CHECK(decode_part(message, std::vector<std::uint32_t>{2})->bytes == "Hello");
  CHECK(decode_part(message, std::vector<std::uint32_t>{1})->bytes == "1");
  CHECK(decode_part(message, std::vector<std::uint32_t>{3})->bytes == kInner3);
  CHECK(decode_part(message, {})->bytes == message);
  const std::vector<std::uint32_t> one = {1};
  CHECK(decode_part("Content-Transfer-Encoding: x-uuencode\n\nx", one)->unknown_encoding);
  CHECK(decode_part("Content-Transfer-Encoding: Quoted-Printable\n\na=3D", one)->bytes == "a=");
}

}  // namespace
}  // namespace hauspost::mime
