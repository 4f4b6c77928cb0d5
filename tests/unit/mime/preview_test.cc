#include "store/mime/preview.h"

#include <catch2/catch.hpp>

#include "store/mime/collation.h"

namespace hauspost::mime {

TEST_CASE("mime preview: plain text without what is quoted") {
  CHECK(make_preview("Subject: x\r\n\r\nHello\r\n  there,\tyou\r\n") == "Hello there, you");
  CHECK(make_preview("\r\n> old\r\n>> older\r\nnew\r\n-- \r\nAnna\r\n") == "new");
  // When nothing else is left, what is quoted says more than nothing.
  CHECK(make_preview("\r\n> only this\r\n") == "> only this");
  CHECK(make_preview("\r\n") == "");
  CHECK(make_preview("") == "");
}

TEST_CASE("mime preview: at most 200 characters, none of them cut") {
  std::string text = "\r\n";
  for (int i = 0; i < 300; ++i) text += "\xc3\xa4";
  std::string expected;
  for (int i = 0; i < 200; ++i) expected += "\xc3\xa4";
  CHECK(make_preview("Content-Type: text/plain; charset=utf-8\r\n" + text) == expected);
  // Far beyond what is looked at.
  std::string large = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
  for (int i = 0; i < 100'000; ++i) large += "\xc3\xa4 ";
  CHECK(make_preview(large).starts_with("\xc3\xa4 \xc3\xa4 "));
}

TEST_CASE("mime preview: charsets and transfer encodings are undone") {
  CHECK(make_preview("Content-Type: text/plain; charset=iso-8859-1\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe=\r\n!\r\n") ==
        "Gr\xc3\xbc\xc3\x9f"
        "e!");
  CHECK(make_preview("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                     "SGVsbG8=\r\n") == "Hello");
}

TEST_CASE("mime preview: markup goes, words stay apart") {
  const std::string head = "Content-Type: text/html\r\n\r\n";
  CHECK(make_preview(head + "<html><head><title>T</title><style>p{}</style></head>"
                            "<body><p>One</p><p>T<b>w</b>o&nbsp;&amp;&#228;&#x20AC;</p>"
                            "<script>no()</script><!-- no --> three") ==
        "One Two &\xc3\xa4\xe2\x82\xac three");
  CHECK(make_preview(head + "<a href=\"x>y\">link</a> 1 < 2 &unknown; &#xFFFFFFF;") ==
        "link 1 < 2 &unknown; &#xFFFFFFF;");
  CHECK(make_preview(head + "<style>never ends") == "");
  CHECK(make_preview(head + "<p") == "");
}

TEST_CASE("mime preview: the first part that is text and no attachment") {
  const std::string head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  CHECK(make_preview(head + "--b\r\nContent-Type: image/png\r\n\r\nxx\r\n"
                            "--b\r\nContent-Disposition: attachment\r\n\r\nfile\r\n"
                            "--b\r\nContent-Type: text/html\r\n\r\n<p>text\r\n--b--\r\n") ==
        "text");
  CHECK(make_preview(head + "--b\r\nContent-Type: image/png\r\n\r\nxx\r\n--b--\r\n") == "");
}

TEST_CASE("mime collation: case and composition do not count, order does") {
  CHECK(casemap("abc") == "ABC");
  CHECK(casemap("\xc3\xa4") == casemap("A\xcc\x88"));
  CHECK(casemap("\xc7\x86") == casemap("\xc7\x84"));  // dz with caron, small and capital
  CHECK(casemap("a") < casemap("B"));
  CHECK(casemap("") < casemap("a"));
}

}  // namespace hauspost::mime
