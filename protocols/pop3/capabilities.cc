#include "protocols/pop3/capabilities.h"

#include "base/text.h"

namespace hauspost::pop3 {

std::string capability_reply(const CapabilityFacts& facts) {
  std::string reply =
      "+OK Capability list follows\r\n"
      "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
      "UTF8\r\nLANG\r\n";
  if (facts.may_log_in) {
    reply += "USER\r\nSASL";
    for (const std::string_view mechanism : facts.mechanisms) {
      reply += ' ';
      reply += mechanism;
    }
    reply += "\r\n";
  }
  if (facts.offers_tls) reply += "STLS\r\n";
  // Strangers need not know; RFC 2449 section 6.9 leaves it to the transaction state.
  if (facts.logged_in) reply += "IMPLEMENTATION Hauspost\r\n";
  return reply + ".\r\n";
}

std::string language_reply(std::string_view language) {
  if (language.empty()) {
    return "+OK Language listing follows\r\n"
           "en English\r\ni-default Default language\r\n.\r\n";
  }
  if (language == "*" || iequals(language, "i-default")) return "+OK i-default Language set\r\n";
  if (iequals(language, "en") || istarts_with(language, "en-")) return "+OK en Language set\r\n";
  return "-ERR Language is not supported\r\n";
}

}  // namespace hauspost::pop3
