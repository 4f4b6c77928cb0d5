#include "transport/track/track_counts.h"

#include "base/metrics.h"

namespace hauspost::transport {

namespace {

metrics::CounterFamily g_messages("hauspost_smtp_messages_total",
                                  "Messages taken from clients: answered 250.");
metrics::CounterFamily g_bytes("hauspost_smtp_message_bytes_total",
                               "Size of the messages taken from clients.");
metrics::CounterFamily g_recipients("hauspost_transport_recipients_total",
                                    "What became of recipients, attempt by attempt.", {"outcome"});
metrics::CounterFamily g_reports("hauspost_transport_reports_total",
                                 "Reports (DSN) made for senders.");
metrics::CounterFamily g_quarantined("hauspost_transport_quarantined_total",
                                     "Messages held back by filters, and those that stopped "
                                     "transport more than once.",
                                     {"kind"});

void count_recipients(const TrackedEvent& event, std::string_view outcome) {
  g_recipients.with({outcome}).add(std::max<std::size_t>(event.recipients.size(), 1));
}

}  // namespace

void count_event(const TrackedEvent& event) {
  switch (event.event) {
    case TrackEvent::kReceive:
      g_messages.add();
      g_bytes.add(event.bytes);
      break;
    case TrackEvent::kSend: return count_recipients(event, "sent");
    case TrackEvent::kDeliver: return count_recipients(event, "delivered");
    case TrackEvent::kDuplicateDeliver: return count_recipients(event, "duplicate");
    case TrackEvent::kDefer: return count_recipients(event, "deferred");
    case TrackEvent::kFail: return count_recipients(event, "failed");
    case TrackEvent::kDrop: return count_recipients(event, "dropped");
    case TrackEvent::kTransfer: return count_recipients(event, "queued");
    case TrackEvent::kDsn: g_reports.add(); break;
    case TrackEvent::kPoison: g_quarantined.with({"poison"}).add(); break;
    case TrackEvent::kQuarantine: g_quarantined.with({"quarantine"}).add(); break;
    case TrackEvent::kRefuse:
    case TrackEvent::kResolve:
    case TrackEvent::kExpand:
    case TrackEvent::kRedirect:
    case TrackEvent::kResubmit:
    case TrackEvent::kVerdict: break;
  }
}

}  // namespace hauspost::transport
