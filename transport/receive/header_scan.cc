#include "transport/receive/header_scan.h"

#include "base/text.h"

namespace hauspost::transport {

namespace {

// The field's name, or empty when the line does not start a field (RFC 5322 section 3.6.8; white
// space before the colon is the obsolete form of section 4.5).
std::string_view field_name(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && line[at] > ' ' && line[at] < 0x7f && line[at] != ':') ++at;
  const std::string_view name = line.substr(0, at);
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  return at < line.size() && line[at] == ':' ? name : std::string_view{};
}

// The end of the field that starts at `at`: behind the CRLF of its last fold.
std::size_t field_end(std::string_view text, std::size_t at) {
  for (;;) {
    const std::size_t crlf = text.find("\r\n", at);
    if (crlf == std::string_view::npos) return text.size();
    at = crlf + 2;
    if (at == text.size() || (text[at] != ' ' && text[at] != '\t')) return at;
  }
}

void note_field(HeaderScan& scan, std::string_view name, HeaderScan::Span span) {
  ++scan.fields;
  scan.longest_field = std::max(scan.longest_field, span.end - span.begin);
  if (iequals(name, "Received")) ++scan.received;
  if (iequals(name, "Date")) scan.has_date = true;
  if (iequals(name, "Message-ID")) scan.has_message_id = true;
  if (iequals(name, "Bcc")) scan.bcc.push_back(span);
}

}  // namespace

HeaderScan scan_header(std::string_view message, std::size_t bytes_max, std::size_t fields_max) {
  HeaderScan scan;
  const std::string_view text = message.substr(0, bytes_max + 1);
  std::size_t at = 0;
  while (at < text.size() && scan.fields <= fields_max) {
    if (text.substr(at).starts_with("\r\n")) {
      scan.bytes = at + 2;
      return scan;
    }
    const std::string_view name = field_name(text.substr(at, text.find("\r\n", at) - at));
    if (name.empty()) break;
    const std::size_t end = field_end(text, at);
    note_field(scan, name, {at, end});
    at = end;
  }
  scan.well_formed = at > 0;
  scan.bytes = at;
  return scan;
}

void remove_bcc(std::string& message, const HeaderScan& scan) {
  for (auto span = scan.bcc.rbegin(); span != scan.bcc.rend(); ++span) {
    message.erase(span->begin, span->end - span->begin);
  }
}

}  // namespace hauspost::transport
