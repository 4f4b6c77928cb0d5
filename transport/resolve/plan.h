// The plan of a message: what becomes of its recipients once groups are expanded and contacts and
// forwards are followed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transport/directory.h"
#include "transport/dsn/report.h"
#include "transport/queue/envelope.h"
#include "transport/services.h"

namespace hauspost::transport {

inline constexpr std::size_t kExpandedMax = 100'000;  // recipients of one message after expansion
inline constexpr std::size_t kRedirectsMax = 20;      // one behind the other

struct Target {
  Recipient recipient;
  Resolved resolved;  // kMailbox, or one that leaves()
};

// One form of the message: its reverse-path and what stands in front of it.
struct Fork {
  Envelope envelope;   // without recipients
  std::string prefix;  // Delivered-To of those who passed it on, against loops
  std::vector<Target> targets;
};

struct Refused {
  std::size_t fork = 0;  // whose sender is told
  Recipient recipient;
  std::string_view status;  // a literal: "5.1.1"
  std::string text;
};

struct Plan {
  std::vector<Fork> forks;  // the first is the message as it came; it may have no targets
  std::vector<Refused> refused;
  // Groups whose NOTIFY asked for success: RFC 3461 section 5.2.7.
  std::vector<DsnRecipient> expanded;
};

struct PlanInput {
  Envelope envelope;  // without recipients
  std::vector<Target> recipients;
  std::string_view header;  // trace fields and the message's own, for Delivered-To; must outlive
  std::uint64_t message_bytes = 0;
};

// Each mailbox and each address outside stands in the plan once, unless the client named it twice.
// A forward that leads back, or to nobody, leaves the message in the mailbox that forwards. Ids of
// forks follow from the message's, so that a repetition doubles nothing. kUnavailable: the
// directory cannot be read. Lets other tasks run between pages of members.
Task<Result<Plan>> make_plan(const Services& services, PlanInput input);

// For recipients that need none: mailboxes that forward nothing, and what leaves.
bool is_plain(const std::vector<Target>& recipients);

// The field's body without its folds, trimmed; empty: it is not there. `name` in lower case.
std::string_view header_field(std::string_view header, std::string_view name);

}  // namespace hauspost::transport
