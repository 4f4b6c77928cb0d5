#include "transport/receive/header_scan.h"

#include <algorithm>

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

// "by HOST" in a Received field, outside of what the client called itself.
bool names_host_as_receiver(std::string_view field, std::string_view hostname) {
  for (std::size_t at = 0; (at = field.find("by", at)) != std::string_view::npos; at += 2) {
    const char before = at == 0 ? ' ' : field[at - 1];
    if (before != ' ' && before != '\t' && before != '\n') continue;
    std::string_view rest = field.substr(at + 2);
    const std::size_t host = std::min(rest.find_first_not_of(" \t\r\n"), rest.size());
    if (host == 0) continue;  // a longer word
    rest.remove_prefix(host);
    return iequals(rest.substr(0, rest.find_first_of(" \t\r;(")), hostname);
  }
  return false;
}

// White space and comments, which may be nested (RFC 5322 section 3.2.2).
std::size_t skip_comments(std::string_view body) {
  std::size_t depth = 0;
  std::size_t at = 0;
  for (; at < body.size(); ++at) {
    const char c = body[at];
    if (c == '(') {
      ++depth;
    } else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      break;
    } else if (c == ')') {
      --depth;
    } else if (c == '\\' && depth > 0) {
      ++at;
    }
  }
  return std::min(at, body.size());
}

// authserv-id (RFC 8601 section 2.2), with what may stand before it passed over.
std::string results_name(std::string_view body) {
  body.remove_prefix(skip_comments(body));
  std::string name;
  if (!body.starts_with('"')) {
    name = body.substr(0, body.find_first_of(" \t\r\n;(\""));
    return name;
  }
  for (std::size_t at = 1; at < body.size() && body[at] != '"'; ++at) {
    if (body[at] == '\\' && at + 1 < body.size()) ++at;
    name += body[at];
  }
  return name;
}

void note_received(HeaderScan& scan, std::string_view field, HeaderScan::Span span,
                   const HeaderQuestions& questions) {
  ++scan.received;
  if (questions.routing) scan.routing.push_back(span);
  if (!questions.hostname.empty() && names_host_as_receiver(field, questions.hostname))
    ++scan.received_by_us;
}

// The first letter decides which names are compared: most fields are none of them.
void note_field(HeaderScan& scan, std::string_view name, std::string_view message,
                HeaderScan::Span span, const HeaderQuestions& questions) {
  ++scan.fields;
  scan.longest_field = std::max(scan.longest_field, span.end - span.begin);
  switch (ascii_lower(name.front())) {
    case 'a':
      if (!questions.hostname.empty() && iequals(name, "Authentication-Results") &&
          iequals(results_name(field_body(message, span)), questions.hostname))
        scan.our_results.push_back(span);
      break;
    case 'b':
      if (iequals(name, "Bcc")) scan.bcc.push_back(span);
      break;
    case 'd':
      if (iequals(name, "Date")) scan.has_date = true;
      break;
    case 'f':
      if (iequals(name, "From")) scan.from.push_back(span);
      break;
    case 'm':
      if (iequals(name, "Message-ID")) scan.has_message_id = true;
      break;
    case 'r':
      if (iequals(name, "Received"))
        note_received(scan, message.substr(span.begin, span.end - span.begin), span, questions);
      else if (iequals(name, "Return-Path"))
        scan.return_path.push_back(span);
      else if (questions.routing && istarts_with(name, "Resent-"))
        scan.routing.push_back(span);
      break;
    case 's':
      if (iequals(name, "Sender")) scan.sender.push_back(span);
      break;
    case 'x':
      if (istarts_with(name, "X-Hauspost-Organization-") ||
          istarts_with(name, "X-Hauspost-Forest-"))
        scan.organisation.push_back(span);
      break;
    default: break;
  }
}

}  // namespace

std::size_t field_end(std::string_view text, std::size_t at) {
  for (;;) {
    const std::size_t crlf = text.find("\r\n", at);
    if (crlf == std::string_view::npos) return text.size();
    at = crlf + 2;
    if (at == text.size() || (text[at] != ' ' && text[at] != '\t')) return at;
  }
}

std::string_view field_body(std::string_view message, HeaderScan::Span span) {
  std::string_view field = message.substr(span.begin, span.end - span.begin);
  field.remove_prefix(std::min(field.find(':'), field.size() - 1) + 1);
  if (field.ends_with("\r\n")) field.remove_suffix(2);
  return field;
}

HeaderScan scan_header(std::string_view message, std::size_t bytes_max, std::size_t fields_max,
                       const HeaderQuestions& questions) {
  HeaderScan scan;
  const std::string_view text = message.substr(0, bytes_max + 1);
  std::size_t at = 0;
  while (at < text.size() && scan.fields <= fields_max) {
    if (text.substr(at).starts_with("\r\n")) {
      scan.bytes = at + 2;
      return scan;
    }
    const std::string_view name = field_name(text.substr(at, text.find("\r\n", at) - at));
    // Readers pass over a line that is no field and see those behind it: so do we.
    if (name.empty() && at == 0) break;
    const std::size_t end = field_end(text, at);
    if (!name.empty()) note_field(scan, name, text, {at, end}, questions);
    at = end;
  }
  scan.well_formed = at > 0;
  scan.bytes = at;
  return scan;
}

void remove_fields(std::string& message, std::vector<HeaderScan::Span> spans) {
  if (spans.empty()) return;
  std::ranges::sort(spans, {}, &HeaderScan::Span::begin);
  std::size_t to = spans.front().begin;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const std::size_t from = spans[i].end;
    const std::size_t end = i + 1 < spans.size() ? spans[i + 1].begin : message.size();
    std::copy(message.data() + from, message.data() + end, message.data() + to);
    to += end - from;
  }
  message.resize(to);
}

void remove_bcc(std::string& message, const HeaderScan& scan) { remove_fields(message, scan.bcc); }

}  // namespace hauspost::transport
