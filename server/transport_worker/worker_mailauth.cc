#include "server/transport_worker/worker_mailauth.h"

#include "base/beat.h"
#include "base/log.h"
#include "base/text.h"
#include "server/child/mailauth.pb.h"
#include "server/child/transport_secrets.h"

namespace hauspost::transport_worker {

namespace {

namespace wire = child::wire;
using mailauth::Finding;

constexpr Seconds kReportsEvery{60};
constexpr int kKeysCheckedMax = 64;  // of one call

std::string_view word_of(mailauth::Action action) {
  switch (action) {
    case mailauth::Action::kAccept: return "accept";
    case mailauth::Action::kJunk: return "junk";
    case mailauth::Action::kReject: return "reject";
  }
  return "accept";
}

// Lines end in CRLF, as they would after SMTP.
std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  char last = 0;
  for (const char c : text) {
    if (c == '\n' && last != '\r') out += '\r';
    out += c;
    last = c;
  }
  return out;
}

void add_verdict(wire::MailauthTestReply& reply, std::string_view method, std::string_view result,
                 std::string_view domain, std::string_view selector, std::string_view detail) {
  wire::MailauthVerdict* verdict = reply.add_verdicts();
  verdict->set_method(std::string(method));
  verdict->set_result(std::string(result));
  verdict->set_domain(escape_for_log(domain));
  verdict->set_selector(escape_for_log(selector));
  verdict->set_detail(escape_for_log(detail));
}

std::string dmarc_detail(const mailauth::Verdicts& verdicts) {
  const mailauth::DmarcVerdict& dmarc = *verdicts.dmarc;
  std::string out;
  const auto add = [&out](const std::string& text) {
    if (!text.empty()) out += (out.empty() ? "" : ", ") + text;
  };
  const bool judged =
      dmarc.status == mailauth::DmarcStatus::kPass || dmarc.status == mailauth::DmarcStatus::kFail;
  if (judged) {
    add("policy of " + dmarc.owner + ": " + std::string(to_string(dmarc.record.policy)));
    add(dmarc.spf_aligned ? "SPF aligned" : "SPF not aligned");
    add(dmarc.dkim_aligned ? "DKIM aligned" : "DKIM not aligned");
  }
  add(verdicts.override_reason);
  return out;
}

wire::MailauthTestReply to_wire(const Finding& finding, const std::string& authserv_id) {
  const mailauth::Verdicts& verdicts = finding.verdicts;
  wire::MailauthTestReply reply;
  if (verdicts.spf) {
    const std::string& detail =
        verdicts.spf->problem.empty() ? verdicts.spf->explanation : verdicts.spf->problem;
    add_verdict(reply, "spf", to_string(verdicts.spf->result), verdicts.spf->domain, {}, detail);
  }
  for (const auto& one : verdicts.dkim.value_or(std::vector<mailauth::DkimResult>()))
    add_verdict(reply, "dkim", to_string(one.status), one.domain, one.selector, one.reason);
  if (verdicts.dkim && verdicts.dkim->empty()) add_verdict(reply, "dkim", "none", {}, {}, {});
  if (verdicts.arc) {
    const auto& sealers = verdicts.arc->sealers;
    add_verdict(reply, "arc", to_string(verdicts.arc->status),
                sealers.empty() ? std::string_view() : sealers.back(), {}, verdicts.arc->reason);
  }
  if (verdicts.dmarc)
    add_verdict(reply, "dmarc", to_string(verdicts.dmarc->status), verdicts.dmarc->domain, {},
                dmarc_detail(verdicts));
  reply.set_field("Authentication-Results: " + mailauth::results_value(authserv_id, verdicts));
  reply.set_action(std::string(word_of(finding.action)));
  return reply;
}

// What became of a key's record; the last of several that are looked at counts.
std::string_view compare(const std::vector<std::string>& found, const mailauth::KeyRecord& wanted) {
  std::string_view outcome = "missing";
  for (const std::string& text : found) {
    const auto record = mailauth::parse_key_record(text);
    if (!record) {
      outcome = "broken";
    } else if (record->key.empty()) {
      outcome = "revoked";
    } else if (record->key != wanted.key || record->algorithm != wanted.algorithm) {
      outcome = "different";
    } else {
      return record->sha256 && record->email ? "good" : "broken";
    }
  }
  return outcome;
}

}  // namespace

WorkerMailauth::WorkerMailauth(const std::string& data_root, std::string hostname,
                               const directory::DirectoryReader& reader, const Clock& clock,
                               dns::Resolver& resolver, mailauth::AggregateReporter::Mailer mailer)
    : keys_folder_(child::transport_secrets_folder(data_root) + "/dkim"),
      hostname_(std::move(hostname)),
      reader_(reader),
      authentication_(clock, &resolver, hostname_),
      reports_(clock, {.folder = data_root + "/dmarc-reports"}),
      reporter_(reports_, resolver, authentication_.suffixes(), clock, std::move(mailer)) {
  authentication_.report_to(&reports_);
  apply_settings();
  load_keys();
}

void WorkerMailauth::start(TaskGroup& tasks) {
  tasks.spawn("mailauth settings", follow_settings());
  tasks.spawn("dmarc reports", send_reports());
}

void WorkerMailauth::apply_settings() {
  version_ = reader_.version().value_or(version_);
  auto settings = directory::mailauth_settings(reader_);
  if (!settings) {
    log::warning("mailauth.settings_unreadable", {{"cause", settings.error()}});
    return;
  }
  authentication_.set(std::move(settings->checks));
  mailauth::AggregateReporterSettings told{settings->reports, hostname_, settings->report_from,
                                           settings->report_organization};
  if (told.from.empty()) told.from = "postmaster@" + hostname_;
  if (told.organization.empty()) told.organization = hostname_;
  reporter_.configure(std::move(told));
}

void WorkerMailauth::save() {
  if (const auto saved = reports_.save(); !saved)
    log::warning("dmarc_report.unsaved", {{"cause", saved.error()}});
}

Task<void> WorkerMailauth::send_reports() {
  while (co_await sleep_to_beat(kReportsEvery)) co_await reporter_.tick();
}

void WorkerMailauth::load_keys() {
  auto keys = mailauth::SigningKeys::load(keys_folder_);
  for (const std::string& fault : keys.faults())
    log::warning("dkim.key_unreadable", {{"cause", fault}});
  authentication_.set_keys(std::move(keys));
}

Task<void> WorkerMailauth::follow_settings() {
  while (co_await sleep_to_beat()) {
    if (reader_.version().value_or(version_) != version_) apply_settings();
  }
}

Result<std::string> WorkerMailauth::reload() {
  apply_settings();
  load_keys();
  wire::MailauthReloadReply reply;
  reply.set_keys(static_cast<std::uint32_t>(authentication_.keys().all().size()));
  for (const std::string& fault : authentication_.keys().faults()) reply.add_faults(fault);
  return reply.SerializeAsString();
}

Task<Result<std::string>> WorkerMailauth::test(std::string body) {
  wire::MailauthTestRequest request;
  if (!request.ParseFromString(body))
    co_return fail(ErrorCode::kInvalid, "the request does not parse");
  if (authentication_.resolver() == nullptr)
    co_return fail(ErrorCode::kUnavailable, "transport asks no DNS");
  if (!request.client().empty() && !mailauth::IpAddress::parse(request.client()))
    co_return fail(ErrorCode::kInvalid, escape_for_log(request.client(), 60) + " is no address");
  const std::string message = with_crlf(request.message());
  const Finding finding = co_await authentication_.check({.client = request.client(),
                                                          .helo = request.helo(),
                                                          .sender = request.sender(),
                                                          .message = message});
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "testing a message");
  auto reply = to_wire(finding, authentication_.authserv_id());
  reply.set_client_checked(authentication_.checks(request.client()));
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> WorkerMailauth::report(std::string body) {
  wire::DmarcReportRequest request;
  if (!request.ParseFromString(body))
    co_return fail(ErrorCode::kInvalid, "the request does not parse");
  wire::DmarcReportReply reply;
  const std::string domain = ascii_lower(request.domain());
  if (request.send()) {
    const std::string until = request.today() ? "9999-99-99" : reports_.today();
    for (const auto& outcome : co_await reporter_.send(until, domain)) {
      wire::DmarcReportSending* sending = reply.add_sendings();
      sending->set_date(outcome.date);
      sending->set_domain(outcome.domain);
      for (const std::string& to : outcome.sent_to) sending->add_sent_to(escape_for_log(to));
      for (const std::string& to : outcome.refused) sending->add_refused(escape_for_log(to));
      sending->set_error(outcome.error);
    }
    save();
    co_return reply.SerializeAsString();
  }
  if (!domain.empty()) {
    const mailauth::DomainReport* report = reports_.find(request.date(), domain);
    if (report == nullptr)
      co_return fail(ErrorCode::kNotFound,
                     escape_for_log(domain + " of " + request.date()) +
                         ": nothing was counted; see: hauspost mailauth report list");
    reply.set_xml(mailauth::report_xml(request.date(), domain, *report,
                                       reporter_.identity(request.date(), domain)));
    co_return reply.SerializeAsString();
  }
  for (const auto& sum : reports_.sums()) {
    wire::DmarcReportSum* out = reply.add_sums();
    out->set_date(sum.date);
    out->set_domain(sum.domain);
    out->set_messages(sum.messages);
    out->set_failures(sum.failures);
    out->set_done(sum.done);
  }
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> WorkerMailauth::check_published(std::string body) {
  wire::DkimCheckRequest request;
  if (!request.ParseFromString(body) || request.keys_size() > kKeysCheckedMax)
    co_return fail(ErrorCode::kInvalid, "the request does not parse, or asks for too much");
  dns::Resolver* resolver = authentication_.resolver();
  if (resolver == nullptr) co_return fail(ErrorCode::kUnavailable, "transport asks no DNS");
  wire::DkimCheckReply reply;
  for (const wire::DkimPublished& key : request.keys()) {
    const auto wanted = mailauth::parse_key_record(key.record());
    if (!wanted) co_return fail(ErrorCode::kInvalid, key.name() + ": " + wanted.error());
    const auto answer = co_await resolver->txt(key.name());
    wire::DkimCheckResult* result = reply.add_results();
    result->set_name(key.name());
    for (const std::string& text : answer.records) result->add_found(escape_for_log(text, 1000));
    result->set_outcome(answer.outcome == dns::Outcome::kTemporary
                            ? "no answer"
                            : std::string(compare(answer.records, *wanted)));
  }
  co_return reply.SerializeAsString();
}

}  // namespace hauspost::transport_worker
