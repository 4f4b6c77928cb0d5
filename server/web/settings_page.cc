// The page that people read.
#include <qrencode.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "server/web/pages.h"

namespace hauspost::web {

namespace {

using directory::Encryption;

constexpr std::string_view kStyle =
    "body{font:16px/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.3rem 1rem .3rem 0;"
    "border-bottom:1px solid #ccc}svg{width:12rem;height:12rem}input{font:inherit;padding:.2rem}";

std::string_view protocol_words(std::string_view protocol) {
  if (protocol == "imap") return "Reading mail (IMAP)";
  if (protocol == "pop3") return "Fetching mail (POP3)";
  return "Sending mail (SMTP)";
}

std::string_view encryption_words(Encryption encryption) {
  switch (encryption) {
    case Encryption::kTls: return "SSL/TLS";
    case Encryption::kStartTls: return "STARTTLS";
    case Encryption::kNone: break;
  }
  return "none";
}

std::string settings_table(const Settings& settings, std::string_view address) {
  std::string out =
      "<table>\n<tr><th>For</th><th>Server</th><th>Port</th><th>Encryption</th></tr>\n";
  for (const directory::Advertised& one : settings) {
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                       protocol_words(one.protocol), escape_xml(one.host), one.port,
                       encryption_words(one.encryption));
  }
  out += "</table>\n";
  return out +
         fmt::format(
             "<p>User name: {}. Password: the one of your mailbox. Authentication: "
             "normal password.</p>\n",
             address.empty() ? "your whole e-mail address" : "<b>" + escape_xml(address) + "</b>");
}

std::string address_form(const PageFacts& facts) {
  return fmt::format(
      "<form method=\"get\" action=\"/\"><p><label>Your e-mail address: "
      "<input type=\"email\" name=\"email\" required placeholder=\"you@{}\"></label> "
      "<button>Show my settings</button></p></form>\n",
      escape_xml(facts.domain.empty() ? "example.org" : facts.domain));
}

std::string phone_part(const PageFacts& facts) {
  std::string out = fmt::format(
      "<h2>iPhone, iPad, Mac</h2>\n<p><a href=\"{}\">Configuration profile for {}</a>. It holds no "
      "password and is not signed: the device says so and asks before it installs it.</p>\n",
      escape_xml(facts.profile_url), escape_xml(facts.address));
  const std::string qr = qr_svg(facts.profile_url);
  if (!qr.empty()) out += "<p>Or point the device's camera at this:</p>\n" + qr;
  return out;
}

}  // namespace

std::string settings_page(const Settings& settings, const PageFacts& facts) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<meta name=\"robots\" content=\"noindex\">\n<title>{0}: settings for POP or IMAP</title>\n"
      "<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n<h2>Settings for POP or IMAP</h2>\n",
      escape_xml(facts.title), kStyle);
  if (settings.empty()) {
    out += "<p>No settings are published here. Ask whoever looks after your mail.</p>\n";
  } else {
    out += settings_table(settings, facts.address);
    out += facts.profile_url.empty() ? address_form(facts) : phone_part(facts);
    out +=
        "<h2>Thunderbird</h2>\n<p>Give it your name, e-mail address and password: it finds the "
        "rest.</p>\n<h2>Outlook</h2>\n<p>Add an account with your e-mail address; where it asks "
        "for servers, type those above.</p>\n";
  }
  return out + "</body>\n</html>\n";
}

std::string qr_svg(const std::string& text) {
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M), &QRcode_free);
  if (!code) return {};
  constexpr int kQuiet = 4;  // modules around it, ISO 18004 section 9.1
  const int size = code->width + 2 * kQuiet;
  std::string path;
  for (int y = 0; y < code->width; ++y) {
    for (int x = 0; x < code->width; ++x) {
      if ((code->data[y * code->width + x] & 1U) != 0)
        path += fmt::format("M{} {}h1v1h-1z", x + kQuiet, y + kQuiet);
    }
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {0}\" role=\"img\" "
      "aria-label=\"QR code of the configuration profile\" shape-rendering=\"crispEdges\">"
      "<path fill=\"#fff\" d=\"M0 0h{0}v{0}h-{0}z\"/><path d=\"{1}\"/></svg>\n",
      size, path);
}

}  // namespace hauspost::web
