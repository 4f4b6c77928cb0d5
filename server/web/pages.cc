#include "server/web/pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto/sha256.h"
#include "base/text.h"

namespace hauspost::web {

namespace {

using directory::Advertised;
using directory::Encryption;

std::string_view socket_type(Encryption encryption) {
  switch (encryption) {
    case Encryption::kTls: return "SSL";
    case Encryption::kStartTls: return "STARTTLS";
    case Encryption::kNone: break;
  }
  return "plain";
}

// XML 1.0 section 2.2 leaves out more than controls; two of them can come in valid UTF-8.
bool is_noncharacter(std::string_view text, std::size_t at) {
  return text.substr(at, 3) == "\xEF\xBF\xBE" || text.substr(at, 3) == "\xEF\xBF\xBF";
}

// Longer names are none that we look for: looking for their ends would cost the square of the body.
constexpr std::size_t kTagMax = 64;

// The text of the first element of that name, without regard to case and prefixes of namespaces.
std::string element(std::string_view body, std::string_view name) {
  for (std::size_t at = body.find('<'); at != std::string_view::npos; at = body.find('<', at + 1)) {
    std::string_view rest = body.substr(at + 1);
    const std::size_t end = rest.substr(0, kTagMax).find_first_of("> \t\r\n/");
    if (end == std::string_view::npos) continue;
    std::string_view tag = rest.substr(0, end);
    if (const auto colon = tag.find(':'); colon != std::string_view::npos)
      tag.remove_prefix(colon + 1);
    if (!iequals(tag, name)) continue;
    const std::size_t close = rest.find('>');
    if (close == std::string_view::npos || close == 0 || rest[close - 1] == '/') return {};
    rest.remove_prefix(close + 1);
    std::string text(rest.substr(0, rest.find('<')));
    // An address can have no other of XML's five.
    for (std::size_t amp = 0; (amp = text.find("&amp;", amp)) != std::string::npos; ++amp)
      text.replace(amp, 5, "&");
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  }
  return {};
}

std::string protocol_block(const Advertised& one, std::string_view address) {
  const bool sends = one.protocol == "smtp";
  const std::string_view encryption = one.encryption == Encryption::kTls        ? "SSL"
                                      : one.encryption == Encryption::kStartTls ? "TLS"
                                                                                : "None";
  std::string out = fmt::format(
      "      <Protocol>\n"
      "        <Type>{}</Type>\n"
      "        <Server>{}</Server>\n"
      "        <Port>{}</Port>\n"
      "        <LoginName>{}</LoginName>\n"
      "        <DomainRequired>off</DomainRequired>\n"
      "        <SPA>off</SPA>\n"
      "        <SSL>{}</SSL>\n"
      "        <Encryption>{}</Encryption>\n"
      "        <AuthRequired>on</AuthRequired>\n",
      ascii_upper(one.protocol), escape_xml(one.host), one.port, escape_xml(address),
      one.encryption == Encryption::kNone ? "off" : "on", encryption);
  if (sends) out += "        <UsePOPAuth>off</UsePOPAuth>\n        <SMTPLast>off</SMTPLast>\n";
  return out + "      </Protocol>\n";
}

constexpr std::string_view kAutodiscoverHead =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/"
    "responseschema/2006\">\n";

// The first of a kind, with IMAP before POP3 as advertised_settings() has it.
const Advertised* first(const Settings& settings, bool sends) {
  const auto found = std::ranges::find_if(
      settings, [&](const Advertised& one) { return (one.protocol == "smtp") == sends; });
  return found == settings.end() ? nullptr : &*found;
}

// A name-based UUID (RFC 9562 section 5.8): the same address has the same each time.
std::string uuid_of(std::string_view kind, std::string_view address) {
  crypto::Sha256 hash;
  hash.update(kind);
  hash.update(" ");
  hash.update(ascii_lower(address));
  std::string bytes = hash.finish().substr(0, 16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0fU) | 0x80U);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3fU) | 0x80U);
  const std::string hex = ascii_upper(to_hex(bytes));
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

std::string plist_text(std::string_view key, std::string_view value) {
  return fmt::format("      <key>{}</key>\n      <string>{}</string>\n", key, escape_xml(value));
}
std::string plist_number(std::string_view key, unsigned value) {
  return fmt::format("      <key>{}</key>\n      <integer>{}</integer>\n", key, value);
}
std::string plist_flag(std::string_view key, bool value) {
  return fmt::format("      <key>{}</key>\n      <{}/>\n", key, value ? "true" : "false");
}

std::string plist_server(std::string_view way, const Advertised& one, std::string_view address) {
  const std::string begin(way);
  return plist_text(begin + "MailServerAuthentication", "EmailAuthPassword") +
         plist_text(begin + "MailServerHostName", one.host) +
         plist_number(begin + "MailServerPortNumber", one.port) +
         plist_flag(begin + "MailServerUseSSL", one.encryption != Encryption::kNone) +
         plist_text(begin + "MailServerUsername", address);
}

// "org.example.mail": profiles of one identifier replace each other.
std::string profile_identifier(std::string_view address) {
  const auto labels = split(address.substr(address.rfind('@') + 1), '.');
  std::string out;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label)
    out += (out.empty() ? "" : ".") + std::string(*label);
  return out + ".mail." + uuid_of("identifier", address).substr(0, 8);
}

}  // namespace

std::string escape_xml(std::string_view text) {
  if (!is_valid_utf8(text)) return escape_xml(escape_for_log(text, text.size()));
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto octet = static_cast<unsigned char>(c);
    if (is_noncharacter(text, i)) {
      i += 2;
      continue;
    }
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (octet >= 0x20 || c == '\t' || c == '\n') out += c;
        break;
    }
  }
  return out;
}

std::string autoconfig_xml(const Settings& settings, std::string_view domain,
                           std::string_view title) {
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<clientConfig version=\"1.1\">\n"
      "  <emailProvider id=\"{0}\">\n"
      "    <domain>{0}</domain>\n"
      "    <displayName>{1}</displayName>\n"
      "    <displayShortName>{1}</displayShortName>\n",
      escape_xml(domain), escape_xml(title));
  for (const Advertised& one : settings) {
    const std::string_view tag = one.protocol == "smtp" ? "outgoingServer" : "incomingServer";
    out += fmt::format(
        "    <{0} type=\"{1}\">\n"
        "      <hostname>{2}</hostname>\n"
        "      <port>{3}</port>\n"
        "      <socketType>{4}</socketType>\n"
        "      <username>%EMAILADDRESS%</username>\n"
        "      <authentication>password-cleartext</authentication>\n"
        "    </{0}>\n",
        tag, escape_xml(one.protocol), escape_xml(one.host), one.port, socket_type(one.encryption));
  }
  return out + "  </emailProvider>\n</clientConfig>\n";
}

AutodiscoverAsked parse_autodiscover(std::string_view body) {
  return {element(body, "EMailAddress"), element(body, "AcceptableResponseSchema")};
}

std::string autodiscover_xml(const Settings& settings, std::string_view address,
                             std::string_view display_name) {
  std::string out = fmt::format(
      "{}"
      "  <Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/"
      "responseschema/2006a\">\n"
      "    <User>\n"
      "      <DisplayName>{}</DisplayName>\n"
      "    </User>\n"
      "    <Account>\n"
      "      <AccountType>email</AccountType>\n"
      "      <Action>settings</Action>\n",
      kAutodiscoverHead, escape_xml(display_name.empty() ? address : display_name));
  for (const Advertised& one : settings) out += protocol_block(one, address);
  return out + "    </Account>\n  </Response>\n</Autodiscover>\n";
}

std::string autodiscover_error_xml(unsigned code, std::string_view message,
                                   std::string_view time_of_day, std::uint64_t id) {
  return fmt::format(
      "{}"
      "  <Response>\n"
      "    <Error Time=\"{}\" Id=\"{}\">\n"
      "      <ErrorCode>{}</ErrorCode>\n"
      "      <Message>{}</Message>\n"
      "      <DebugData/>\n"
      "    </Error>\n"
      "  </Response>\n"
      "</Autodiscover>\n",
      kAutodiscoverHead, escape_xml(time_of_day), id, code, escape_xml(message));
}

std::string mobileconfig(const Settings& settings, std::string_view address,
                         std::string_view title) {
  const Advertised* const in = first(settings, false);
  const Advertised* const out_way = first(settings, true);
  if (in == nullptr || out_way == nullptr) return {};
  const std::string identifier = profile_identifier(address);
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
      "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
      "<plist version=\"1.0\">\n"
      "<dict>\n"
      "  <key>PayloadContent</key>\n"
      "  <array>\n"
      "    <dict>\n";
  out += plist_text("EmailAccountDescription", title);
  out += plist_text("EmailAccountType", in->protocol == "imap" ? "EmailTypeIMAP" : "EmailTypePOP");
  out += plist_text("EmailAddress", address);
  out += plist_server("Incoming", *in, address);
  out += plist_server("Outgoing", *out_way, address);
  out += plist_flag("OutgoingPasswordSameAsIncomingPassword", true);
  out += plist_text("PayloadDisplayName", title);
  out += plist_text("PayloadIdentifier", identifier + ".account");
  out += plist_text("PayloadType", "com.apple.mail.managed");
  out += plist_text("PayloadUUID", uuid_of("account", address));
  out += plist_number("PayloadVersion", 1);
  out += "    </dict>\n  </array>\n";
  out += plist_text("PayloadDisplayName", title);
  out += plist_text("PayloadDescription", fmt::format("Mail account {}", address));
  out += plist_text("PayloadIdentifier", identifier);
  out += plist_flag("PayloadRemovalDisallowed", false);
  out += plist_text("PayloadType", "Configuration");
  out += plist_text("PayloadUUID", uuid_of("profile", address));
  out += plist_number("PayloadVersion", 1);
  return out + "</dict>\n</plist>\n";
}

}  // namespace hauspost::web
