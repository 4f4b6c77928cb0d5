#include "transport/receive/inspect.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "transport/authentication/aggregate_reports.h"

namespace hauspost::transport {

namespace {

using mailauth::Action;

metrics::CounterFamily g_verdicts("hauspost_mail_authentication_total",
                                  "Messages from outside looked at, by method and result.",
                                  {"method", "result"});

void count(const mailauth::Verdicts& verdicts) {
  if (verdicts.spf) g_verdicts.with({"spf", to_string(verdicts.spf->result)}).add();
  if (verdicts.dkim) {
    // The best of several signatures.
    const auto best = std::ranges::min_element(*verdicts.dkim, {}, &mailauth::DkimResult::status);
    g_verdicts.with({"dkim", best == verdicts.dkim->end() ? "none" : to_string(best->status)}).add();
  }
  if (verdicts.arc) g_verdicts.with({"arc", to_string(verdicts.arc->status)}).add();
  if (verdicts.dmarc) g_verdicts.with({"dmarc", to_string(verdicts.dmarc->status)}).add();
}

void tell(Services& services, const Incoming& incoming, const InspectInput& input,
          const mailauth::Finding& finding, std::string_view status) {
  count(finding.verdicts);
  const std::string summary = mailauth::results_summary(finding.verdicts);
  TrackedEvent event;
  event.event = TrackEvent::kVerdict;
  event.message =
      incoming.envelope.network.is_nil() ? incoming.envelope.delivery : incoming.envelope.network;
  event.session = incoming.envelope.session;
  event.sender = incoming.envelope.sender;
  event.source = "mailauth";
  event.remote = input.client_address;
  event.status = status;
  event.detail = summary;
  event.bytes = incoming.message.size();
  services.tracker->record(event);
  log::debug("mailauth.checked", {{"id", incoming.id}, {"results", summary}, {"status", status}});
}

}  // namespace

Task<std::optional<smtp::Reply>> inspect_message(Services& services, const InspectInput& input,
                                                 Incoming& incoming) {
  mailauth::Authentication* authentication = services.authentication;
  if (authentication == nullptr || !authentication->checks(input.client_address))
    co_return std::nullopt;
  auto finding = co_await authentication->check({.client = input.client_address,
                                                 .helo = input.hello,
                                                 .sender = incoming.envelope.sender,
                                                 .message = incoming.message});
  if (mailauth::AggregateReports* reports = authentication->reports()) reports->record(finding);
  if (finding.action == Action::kReject) {
    const smtp::Reply refusal{550, "5.7.26",
                              fmt::format("The domain {} does not vouch for this message (DMARC)",
                                          finding.verdicts.dmarc->domain)};
    tell(services, incoming, input, finding, "550 5.7.26");
    co_return refusal;
  }
  tell(services, incoming, input, finding, finding.action == Action::kJunk ? "junk" : "accepted");
  incoming.prefix.insert(
      0, "Authentication-Results: " +
             mailauth::results_value(authentication->authserv_id(), finding.verdicts) + "\r\n");
  incoming.envelope.junk = incoming.envelope.junk || finding.action == Action::kJunk;
  incoming.verdicts = std::make_shared<const mailauth::Verdicts>(std::move(finding.verdicts));
  co_return std::nullopt;
}

void remove_false_results(const Services& services, Incoming& incoming) {
  // Those in the host's name were found when the header was looked at.
  if (iequals(services.authentication->authserv_id(), services.hostname)) return;
  mailauth::remove_own_results(incoming.message, services.authentication->authserv_id());
}

}  // namespace hauspost::transport
