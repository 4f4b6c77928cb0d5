#include "transport/authentication/aggregate_reporter.h"

#include <fmt/format.h>

#include "base/ids.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "protocols/smtp/address.h"
#include "transport/dns/tls_report_mail.h"
#include "transport/trace.h"

namespace hauspost::mailauth {

namespace {

// Not the whole world at midnight.
constexpr Seconds kDelayLeast{10 * 60};
constexpr Seconds kDelayMost{4 * 3600};
constexpr std::size_t kBase64Line = 76;

// Some time in the morning after the day of `now`.
WallTime next_time(WallTime now) {
  const auto midnight = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
  const auto span = static_cast<std::uint64_t>((kDelayMost - kDelayLeast).count());
  return midnight + kDelayLeast + Seconds(static_cast<std::int64_t>(random_u64() % span));
}

}  // namespace

AggregateReporter::AggregateReporter(AggregateReports& reports, dns::Resolver& resolver,
                                     const PublicSuffixes& suffixes, const Clock& clock,
                                     Mailer mailer)
    : reports_(reports),
      resolver_(resolver),
      suffixes_(suffixes),
      clock_(clock),
      mailer_(std::move(mailer)) {}

void AggregateReporter::configure(AggregateReporterSettings settings) {
  settings_ = std::move(settings);
  reports_.collect(settings_.on);
}

ReportIdentity AggregateReporter::identity(const std::string& date,
                                           const std::string& domain) const {
  // The same however often it is sent, so that who gets it twice can tell.
  return {settings_.organization, settings_.from,
          fmt::format("{}.{}@{}", date, domain, settings_.submitter)};
}

Task<std::vector<AggregateReporter::Sending>> AggregateReporter::send(std::string until,
                                                                      std::string only_domain) {
  std::vector<Sending> outcomes;
  for (const std::string& date : reports_.dates()) {
    if (date >= until) break;
    for (const std::string& domain : reports_.open_domains(date)) {
      if (!only_domain.empty() && domain != only_domain) continue;
      outcomes.push_back(co_await send_one(date, domain));
      if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return outcomes;
    }
  }
  co_return outcomes;
}

Task<AggregateReporter::Consent> AggregateReporter::agrees(std::string domain,
                                                           std::string address) {
  const auto host = to_a_labels(address.substr(address.rfind('@') + 1));
  if (!host || !smtp::address_from(address)) co_return Consent::kNo;
  if (suffixes_.organisational(*host) == suffixes_.organisational(domain)) co_return Consent::kYes;
  const auto answer = co_await resolver_.txt(domain + "._report._dmarc." + *host);
  if (answer.outcome == dns::Outcome::kTemporary) co_return Consent::kUnknown;
  for (const std::string& text : answer.records) {
    const auto record = parse_dmarc_record(text);
    // Such a record needs no policy: only what is not DMARC at all does not count.
    if (record || !record.error().empty()) co_return Consent::kYes;
  }
  co_return Consent::kNo;
}

Task<AggregateReporter::Sending> AggregateReporter::send_one(std::string date, std::string domain) {
  Sending outcome{date, domain, {}, {}, {}};
  const DomainReport* report = reports_.find(date, domain);
  if (report == nullptr) co_return outcome;
  const std::vector<std::string> addresses = report->policy.report_to;
  for (const std::string& to : addresses) {
    const Consent consent = co_await agrees(domain, to);
    if (consent == Consent::kUnknown) {
      outcome.error = "no answer from the DNS whether " + escape_for_log(to) + " wants reports";
      co_return outcome;
    }
    if (consent == Consent::kNo) {
      outcome.refused.push_back(to);
      continue;
    }
    if (const auto sent = co_await mail_to(date, domain, to); !sent) {
      outcome.error = sent.error().text;
      co_return outcome;
    }
    outcome.sent_to.push_back(to);
  }
  reports_.mark(date, domain);
  if (!outcome.sent_to.empty())
    log::info("dmarc_report.sent",
              {{"domain", domain}, {"date", date}, {"addresses", outcome.sent_to.size()}});
  co_return outcome;
}

Task<Result<>> AggregateReporter::mail_to(std::string date, std::string domain, std::string to) {
  const DomainReport* report = reports_.find(date, domain);
  if (report == nullptr) co_return fail(ErrorCode::kNotFound, "the report is gone");
  const ReportIdentity who = identity(date, domain);
  const std::string message =
      compose_aggregate_mail(settings_, to, date, domain, who.report_id,
                             report_xml(date, domain, *report, who), clock_.now());
  co_return co_await mailer_(settings_.from, to, message);
}

Task<void> AggregateReporter::tick() {
  const WallTime now = clock_.now();
  reports_.forget_before(dns::date_of(now - std::chrono::days(kDaysKept)));
  if (next_send_ == WallTime{} || now < next_send_ - std::chrono::days(2))
    next_send_ = next_time(now - std::chrono::days(1));
  if (settings_.on && now >= next_send_) {
    next_send_ = next_time(now);
    for (const Sending& outcome : co_await send(reports_.today()))
      if (!outcome.error.empty())
        log::warning("dmarc_report.unsent", {{"domain", outcome.domain}, {"cause", outcome.error}});
  }
  if (const auto saved = reports_.save(); !saved)
    log::warning("dmarc_report.unsaved", {{"cause", saved.error()}});
}

std::string compose_aggregate_mail(const AggregateReporterSettings& settings, const std::string& to,
                                   const std::string& date, const std::string& domain,
                                   const std::string& report_id, std::string_view xml,
                                   WallTime now) {
  const dns::DayRange range = dns::day_range(date);
  const std::string boundary = "report-" + Guid::random().to_string();
  const std::string file =
      fmt::format("{}!{}!{}!{}.xml.gz", settings.submitter, domain, range.begin_s, range.end_s);
  std::string out;
  const auto line = [&out](std::string_view text) { out.append(text).append("\r\n"); };
  line("Date: " + transport::rfc5322_date(now));
  line("From: <" + settings.from + ">");
  line("To: <" + to + ">");
  line("Subject: Report Domain: " + domain + "\r\n Submitter: " + settings.submitter +
       "\r\n Report-ID: <" + report_id + ">");
  line("Message-ID: <" + Guid::random().to_string() + "@" + settings.submitter + ">");
  line("Auto-Submitted: auto-generated");
  line("MIME-Version: 1.0");
  line("Content-Type: multipart/mixed; boundary=\"" + boundary + "\"");
  line("");
  line("--" + boundary);
  line("Content-Type: text/plain; charset=us-ascii");
  line("");
  line("This is a DMARC aggregate report about " + domain + " of " + date + ".");
  line("");
  line("--" + boundary);
  line("Content-Type: application/gzip; name=\"" + file + "\"");
  line("Content-Transfer-Encoding: base64");
  line("Content-Disposition: attachment; filename=\"" + file + "\"");
  line("");
  const std::string encoded = base64_encode(dns::gzip(xml));
  for (std::size_t i = 0; i < encoded.size(); i += kBase64Line)
    line(encoded.substr(i, kBase64Line));
  line("--" + boundary + "--");
  return out;
}

}  // namespace hauspost::mailauth
