#include "server/web/pages.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace hauspost;
using namespace hauspost::web;
using directory::Encryption;

namespace {

const Settings kAll{{"imap", "mail.example.org", 993, Encryption::kTls},
                    {"imap", "mail.example.org", 143, Encryption::kStartTls},
                    {"pop3", "pop.example.org", 995, Encryption::kTls},
                    {"smtp", "mail.example.org", 587, Encryption::kStartTls}};

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

bool has(std::string_view text, std::string_view word) { return count(text, word) > 0; }

// Every tag is closed by its own name, in order.
bool is_balanced(std::string_view xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at + 1)) {
    const std::string_view tag = xml.substr(at + 1, xml.find('>', at) - at - 1);
    if (tag.starts_with('?') || tag.starts_with('!') || tag.ends_with('/')) continue;
    const std::string name(tag.substr(0, tag.find(' ')));
    if (!name.starts_with('/')) {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name.substr(1)) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

}  // namespace

TEST_CASE("web pages: nothing that is text becomes markup", "[web][pages]") {
  CHECK(escape_xml("<a href=\"x\">&'") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  CHECK(escape_xml(std::string_view("a\0b\x01\x1f c", 7)) == "ab c");
  CHECK(escape_xml("\xC3\xBC\xEF\xBF\xBE!") == "\xC3\xBC!");
  CHECK(escape_xml("\xff<") == "\\xff&lt;");
}

TEST_CASE("web pages: Thunderbird's autoconfig", "[web][pages]") {
  const std::string xml = autoconfig_xml(kAll, "example.org", "Smith & Sons <Mail>");
  CHECK(is_balanced(xml));
  CHECK(has(xml, "<clientConfig version=\"1.1\">"));
  CHECK(has(xml, "<emailProvider id=\"example.org\">"));
  CHECK(has(xml, "<displayName>Smith &amp; Sons &lt;Mail&gt;</displayName>"));
  CHECK(count(xml, "<incomingServer type=\"imap\">") == 2);
  CHECK(count(xml, "<incomingServer type=\"pop3\">") == 1);
  CHECK(count(xml, "<outgoingServer type=\"smtp\">") == 1);
  CHECK(has(xml, "<port>993</port>\n      <socketType>SSL</socketType>"));
  CHECK(has(xml, "<port>587</port>\n      <socketType>STARTTLS</socketType>"));
  CHECK(has(xml, "<username>%EMAILADDRESS%</username>"));
  const std::string one = autoconfig_xml({kAll[3]}, "example.org", "x");
  CHECK_FALSE(has(one, "incomingServer"));
}

TEST_CASE("web pages: Autodiscover's question", "[web][pages]") {
  const auto asked = parse_autodiscover(
      "<?xml version=\"1.0\"?><Autodiscover xmlns=\"x\"><Request>"
      "<EMailAddress> a&amp;b@example.org\n</EMailAddress>"
      "<AcceptableResponseSchema>http://x/outlook/responseschema/2006a</AcceptableResponseSchema>"
      "</Request></Autodiscover>");
  CHECK(asked.address == "a&b@example.org");
  CHECK(asked.schema == "http://x/outlook/responseschema/2006a");
  CHECK(parse_autodiscover("<a:EmailAddress>x@y.z</a:EmailAddress>").address == "x@y.z");
  for (const std::string_view bad : {"", "<", "<EMailAddress", "<EMailAddress/>", "<EMailAddress>",
                                     "<EMailAddress>  </EMailAddress>", "EMailAddress>x</"}) {
    INFO(bad);
    CHECK(parse_autodiscover(bad).address.empty());
  }
  CHECK(parse_autodiscover("<EMailAddress>a&amp;amp;b@y.z<").address == "a&amp;b@y.z");
  // As much as a request may hold; looked through once, not once for each of its signs.
  const std::string much(64 * 1024, '<');
  CHECK(parse_autodiscover(much).address.empty());
  CHECK(parse_autodiscover(much + "EMailAddress>x@y.z<").address == "x@y.z");
}

TEST_CASE("web pages: Autodiscover's answers", "[web][pages]") {
  const std::string xml = autodiscover_xml(kAll, "a@example.org", "A. <B>");
  CHECK(is_balanced(xml));
  CHECK(count(xml, "<Protocol>") == 4);
  CHECK(count(xml, "<Type>IMAP</Type>") == 2);
  CHECK(has(xml, "<Type>SMTP</Type>"));
  CHECK(count(xml, "<LoginName>a@example.org</LoginName>") == 4);
  CHECK(has(xml, "<DisplayName>A. &lt;B&gt;</DisplayName>"));
  CHECK(has(xml, "<Port>587</Port>"));
  CHECK(has(xml, "<Encryption>TLS</Encryption>"));
  const std::string error = autodiscover_error_xml(600, "Invalid Request", "12:00:00", 7);
  CHECK(is_balanced(error));
  CHECK(has(error, "<ErrorCode>600</ErrorCode>"));
}

TEST_CASE("web pages: Apple's profile is the same each time and another for each address",
          "[web][pages]") {
  const std::string one = mobileconfig(kAll, "a@example.org", "Mail");
  CHECK(is_balanced(one));
  CHECK(one == mobileconfig(kAll, "a@example.org", "Mail"));
  CHECK(has(one, "<string>EmailTypeIMAP</string>"));
  CHECK(has(one, "<key>IncomingMailServerPortNumber</key>\n      <integer>993</integer>"));
  CHECK(has(one, "<key>OutgoingMailServerPortNumber</key>\n      <integer>587</integer>"));
  CHECK_FALSE(has(one, "Password</key>\n      <string>"));
  const auto uuid = [](const std::string& text) {
    return text.substr(text.find("PayloadUUID"), 100);
  };
  CHECK(uuid(one) != uuid(mobileconfig(kAll, "b@example.org", "Mail")));
  CHECK(mobileconfig({kAll[0]}, "a@example.org", "Mail").empty());
  CHECK(mobileconfig({kAll[3]}, "a@example.org", "Mail").empty());
  CHECK(has(mobileconfig({kAll[2], kAll[3]}, "a@example.org", "Mail"), "EmailTypePOP"));
}

TEST_CASE("web pages: the page for people", "[web][pages]") {
  PageFacts facts{.title = "<Us>", .domain = "example.org"};
  const std::string asking = settings_page(kAll, facts);
  CHECK(has(asking, "&lt;Us&gt;"));
  CHECK(has(asking, "<form method=\"get\""));
  CHECK(has(asking, "<td>993</td>"));
  CHECK_FALSE(has(asking, "<script"));
  CHECK_FALSE(has(asking, "<svg"));
  facts.address = "a\"><script>@example.org";
  facts.profile_url = "https://example.org/mail.mobileconfig?email=a";
  const std::string shown = settings_page(kAll, facts);
  CHECK(has(shown, "<svg"));
  CHECK_FALSE(has(shown, "<script"));
  const std::string nothing = settings_page({}, {.title = "x"});
  CHECK(has(nothing, "No settings are published here"));
  CHECK_FALSE(has(nothing, "<table"));
}

TEST_CASE("web pages: a QR code has what it was made of, or is none", "[web][pages]") {
  const std::string svg = qr_svg("https://example.org/mail.mobileconfig?email=a%40example.org");
  CHECK(svg.starts_with("<svg "));
  CHECK(is_balanced(svg));
  // The three finder patterns' corners: dark at their outer edge, after four modules of quiet.
  CHECK(has(svg, "M4 4h1v1h-1z"));
  CHECK(has(svg, "M10 4h1v1h-1z"));
  CHECK_FALSE(has(svg, "M3 4h1v1h-1z"));
  CHECK(qr_svg(std::string(5000, 'x')).empty());
}
