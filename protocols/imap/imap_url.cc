#include "protocols/imap/imap_url.h"

#include "base/text.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

// Percent-encoding undone; nullopt: a stray "%".
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const auto byte = from_hex(text.substr(at + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    at += 2;
  }
  return out;
}

// What stands behind `name` up to the next "/;" or ";", taken from `rest`; nullopt: `name` does not
// come next.
std::optional<std::string_view> take_value(std::string_view& rest, std::string_view name) {
  if (!istarts_with(rest, name)) return std::nullopt;
  rest.remove_prefix(name.size());
  const std::size_t end = std::min({rest.find("/;"), rest.find(';'), rest.size()});
  const std::string_view value = rest.substr(0, end);
  rest.remove_prefix(end);
  return value;
}

// nz-number of 32 bits.
std::optional<std::uint32_t> nz_number(std::string_view digits) {
  const auto value = parse_u64(digits);
  if (!value || *value == 0 || *value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

// enc-mailbox [";UIDVALIDITY=" nz-number] in front of "/;UID=".
bool take_mailbox(std::string_view& rest, ImapUrl& url) {
  if (istarts_with(rest, ";UID=")) return true;  // relative to the selected mailbox
  if (rest.starts_with('/')) rest.remove_prefix(1);
  const std::size_t end = rest.find(';');
  if (end == std::string_view::npos) return false;
  std::string_view name = rest.substr(0, end);
  if (istarts_with(rest.substr(end), ";UIDVALIDITY=")) {
    rest.remove_prefix(end);
    url.uid_validity = nz_number(*take_value(rest, ";UIDVALIDITY="));
    if (!url.uid_validity) return false;
  } else {
    if (!name.ends_with('/')) return false;
    name.remove_suffix(1);
    rest.remove_prefix(end - 1);
  }
  // RFC 5092 section 4: UTF-8, not modified UTF-7.
  const auto utf8 = decoded(name);
  if (!utf8 || utf8->empty()) return false;
  url.mailbox = utf8_mailbox_path(*utf8);
  return url.mailbox && rest.starts_with('/') ? (rest.remove_prefix(1), true) : false;
}

bool take_section(std::string_view text, ImapUrl& url, const Limits& limits) {
  auto section = decoded(text);
  if (!section) return false;
  const RawCommand raw{*std::move(section), {}};
  Cursor in(raw, limits);
  auto parsed = parse_section(in);
  if (!parsed || !in.at_end()) return false;
  url.section = *std::move(parsed);
  return true;
}

// partial-range: number ["." nz-number].
bool take_partial(std::string_view text, ImapUrl& url) {
  const std::size_t dot = text.find('.');
  const auto offset = parse_u64(text.substr(0, dot));
  if (!offset) return false;
  url.offset = *offset;
  if (dot == std::string_view::npos) return true;
  url.count = parse_u64(text.substr(dot + 1));
  return url.count.has_value() && *url.count > 0;
}

}  // namespace

std::optional<ImapUrl> parse_imap_url(std::string_view url_text, const Limits& limits) {
  // "//server/..." and "imap://..." name a server; whether it is this one nobody here knows.
  if (url_text.starts_with("//") || url_text.contains("://")) return std::nullopt;
  ImapUrl url;
  std::string_view rest = url_text;
  if (!take_mailbox(rest, url)) return std::nullopt;
  const auto uid_text = take_value(rest, ";UID=");
  const auto uid = uid_text ? nz_number(*uid_text) : std::nullopt;
  if (!uid) return std::nullopt;
  url.uid = *uid;
  if (const auto section = take_value(rest, "/;SECTION=")) {
    if (!take_section(*section, url, limits)) return std::nullopt;
  }
  if (const auto partial = take_value(rest, "/;PARTIAL=")) {
    if (!take_partial(*partial, url)) return std::nullopt;
  }
  if (!rest.empty()) return std::nullopt;
  return url;
}

}  // namespace hauspost::imap
