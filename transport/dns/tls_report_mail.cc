#include "transport/dns/tls_report_mail.h"

#include <zlib.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/ids.h"
#include "base/text.h"
#include "protocols/smtp/address.h"
#include "transport/trace.h"

namespace hauspost::dns {

namespace {

constexpr std::size_t kBase64Line = 76;
constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, in gzip's frame

// "%40" -> "@" (RFC 6068 section 2); nullopt: cut short.
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

void add_address(std::vector<std::string>& out, std::string_view uri) {
  if (!istarts_with(uri, "mailto:") || out.size() >= kReportAddressesMax) return;
  uri.remove_prefix(7);
  const auto text = unescape(uri.substr(0, uri.find('?')));
  if (!text || !smtp::address_from(*text)) return;
  if (std::ranges::find(out, *text) == out.end()) out.push_back(*text);
}

std::string folded_base64(std::string_view bytes) {
  const std::string whole = base64_encode(bytes);
  std::string out;
  for (std::size_t i = 0; i < whole.size(); i += kBase64Line)
    out += whole.substr(i, kBase64Line) + "\r\n";
  return out;
}

}  // namespace

std::vector<std::string> report_addresses(const std::vector<std::string>& records) {
  std::optional<std::string_view> only;
  for (const std::string& record : records) {
    const std::string_view text(record);
    if (!text.starts_with("v=TLSRPTv1")) continue;
    const std::string_view rest = trim(text.substr(10));
    if (!rest.starts_with(';')) continue;
    if (only) return {};
    only = rest;
  }
  std::vector<std::string> out;
  if (!only) return out;
  for (const std::string_view part : split(*only, ';')) {
    const std::string_view field = trim(part);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos || trim(field.substr(0, equals)) != "rua") continue;
    for (const std::string_view uri : split(field.substr(equals + 1), ','))
      add_address(out, trim(uri));
    break;
  }
  return out;
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  HP_CHECK(::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindow, 9,
                          Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  std::string input(bytes);  // zlib's pointer is not to const
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  HP_CHECK(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::string compose_report_mail(const TlsReportMail& mail, WallTime now) {
  const DayRange range = day_range(mail.date);
  const std::string boundary = "report-" + Guid::random().to_string();
  const std::string file =
      fmt::format("{}!{}!{}!{}.json.gz", mail.submitter, mail.domain, range.begin_s, range.end_s);
  std::string out;
  const auto line = [&out](std::string_view text) { out.append(text).append("\r\n"); };
  line("Date: " + transport::rfc5322_date(now));
  line("From: <" + mail.from + ">");
  line("To: <" + mail.to + ">");
  line("Subject: Report Domain: " + mail.domain + "\r\n Submitter: " + mail.submitter +
       "\r\n Report-ID: <" + mail.report_id + ">");
  line("Message-ID: <" + Guid::random().to_string() + "@" + mail.submitter + ">");
  line("TLS-Report-Domain: " + mail.domain);
  line("TLS-Report-Submitter: " + mail.submitter);
  line("TLS-Required: No");  // the report may be about TLS that does not work
  line("Auto-Submitted: auto-generated");
  line("MIME-Version: 1.0");
  line("Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"" + boundary + "\"");
  line("");
  line("--" + boundary);
  line("Content-Type: text/plain; charset=us-ascii");
  line("");
  line("This is a report about TLS on connections to " + mail.domain + " on " + mail.date + ".");
  line("");
  line("--" + boundary);
  line("Content-Type: application/tlsrpt+gzip; name=\"" + file + "\"");
  line("Content-Transfer-Encoding: base64");
  line("Content-Disposition: attachment; filename=\"" + file + "\"");
  line("");
  out += folded_base64(gzip(mail.json));
  line("--" + boundary + "--");
  return out;
}

}  // namespace hauspost::dns
