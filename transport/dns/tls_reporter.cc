#include "transport/dns/tls_reporter.h"

#include "base/ids.h"
#include "base/log.h"
#include "base/random.h"

namespace hauspost::dns {

namespace {

// RFC 8460 section 4.1 asks for a random delay, so that not the whole world reports at midnight.
constexpr Seconds kDelayLeast{5 * 60};
constexpr Seconds kDelayMost{4 * 3600};

// Some time in the morning after the day of `now`.
WallTime next_time(WallTime now) {
  const auto midnight = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
  const auto span = static_cast<std::uint64_t>((kDelayMost - kDelayLeast).count());
  return midnight + kDelayLeast + Seconds(static_cast<std::int64_t>(random_u64() % span));
}

}  // namespace

TlsReporter::TlsReporter(TlsReports& reports, Resolver& resolver, const Clock& clock, Mailer mailer)
    : reports_(reports), resolver_(resolver), clock_(clock), mailer_(std::move(mailer)) {}

void TlsReporter::configure(TlsReporterSettings settings) {
  settings_ = std::move(settings);
  reports_.collect(settings_.on);
}

TlsReports::Identity TlsReporter::identity() const {
  return {settings_.organization, settings_.from,
          Guid::random().to_string() + "@" + settings_.submitter};
}

Task<std::vector<TlsReporter::Sending>> TlsReporter::send(std::string until,
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

Task<TlsReporter::Sending> TlsReporter::send_one(std::string date, std::string domain) {
  Sending outcome{date, domain, {}, {}};
  const Answer<std::string> record = co_await resolver_.txt("_smtp._tls." + domain);
  if (record.outcome == Outcome::kTemporary) {
    outcome.error = "no answer from the DNS about _smtp._tls." + domain;
    co_return outcome;
  }
  for (const std::string& to : report_addresses(record.records)) {
    const auto sent = co_await mail_to(date, domain, to);
    if (!sent) {
      outcome.error = sent.error().text;
      co_return outcome;
    }
    outcome.sent_to.push_back(to);
  }
  // What is counted of a day after a report that came early is reported when the day has ended.
  if (date < reports_.today()) reports_.mark(date, domain);
  if (!outcome.sent_to.empty())
    log::info("tls_report.sent",
              {{"domain", domain}, {"date", date}, {"addresses", outcome.sent_to.size()}});
  co_return outcome;
}

Task<Result<>> TlsReporter::mail_to(std::string date, std::string domain, std::string to) {
  const TlsReports::Identity who = identity();
  const std::string json = reports_.report(date, domain, who);
  const std::string message = compose_report_mail(
      {settings_.submitter, settings_.from, to, domain, date, who.report_id, json}, clock_.now());
  co_return co_await mailer_(settings_.from, to, message);
}

Task<void> TlsReporter::tick() {
  const WallTime now = clock_.now();
  reports_.forget_before(date_of(now - std::chrono::days(kDaysKept)));
  if (next_send_ == WallTime{} || now < next_send_ - std::chrono::days(2))
    next_send_ = next_time(now - std::chrono::days(1));
  if (settings_.on && now >= next_send_) {
    next_send_ = next_time(now);
    for (const Sending& outcome : co_await send(reports_.today()))
      if (!outcome.error.empty())
        log::warning("tls_report.unsent", {{"domain", outcome.domain}, {"cause", outcome.error}});
  }
  if (const auto saved = reports_.save(); !saved)
    log::warning("tls_report.unsaved", {{"cause", saved.error()}});
}

}  // namespace hauspost::dns
