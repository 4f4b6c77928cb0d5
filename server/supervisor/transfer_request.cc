#include "server/supervisor/transfer_request.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "server/child/job_transfer.pb.h"
#include "server/supervisor/requests.pb.h"
#include "server/supervisor/transfer_fields.h"

namespace hauspost::supervisor {

namespace {

using State = TransferRequest::State;

constexpr std::array<std::string_view, 7> kPriorities = {"lowest", "lower",  "low",      "normal",
                                                         "high",   "higher", "emergency"};

stored::RequestState to_stored_state(State state) {
  switch (state) {
    case State::kQueued:
    case State::kInProgress: return stored::REQUEST_STATE_QUEUED;
    case State::kSuspended: return stored::REQUEST_STATE_SUSPENDED;
    case State::kFailed: return stored::REQUEST_STATE_FAILED;
    case State::kCompleted: return stored::REQUEST_STATE_COMPLETED;
  }
  return stored::REQUEST_STATE_UNSPECIFIED;
}

std::optional<State> from_stored_state(stored::RequestState state) {
  switch (state) {
    case stored::REQUEST_STATE_QUEUED: return State::kQueued;
    case stored::REQUEST_STATE_SUSPENDED: return State::kSuspended;
    case stored::REQUEST_STATE_FAILED: return State::kFailed;
    case stored::REQUEST_STATE_COMPLETED: return State::kCompleted;
    default: return std::nullopt;
  }
}

}  // namespace

Result<TransferPriority> parse_priority(std::string_view word) {
  for (std::size_t i = 0; i < kPriorities.size(); ++i) {
    if (iequals(kPriorities[i], word)) return static_cast<TransferPriority>(i + 1);
  }
  return fail(ErrorCode::kInvalid, "priority " + escape_for_log(word) +
                                       " is none of: lowest, lower, low, normal, high, higher, "
                                       "emergency");
}

std::string_view word_of(TransferPriority priority) {
  return kPriorities[static_cast<std::size_t>(priority) - 1];
}

std::string_view state_word(const TransferRequest& request) {
  switch (request.state) {
    case State::kQueued: return "Queued";
    case State::kInProgress: return "InProgress";
    case State::kSuspended: return "Suspended";
    case State::kFailed: return "Failed";
    case State::kCompleted: return request.has_warning() ? "CompletedWithWarning" : "Completed";
  }
  return "?";
}

std::string to_stored(const TransferRequest& request) {
  stored::Request out;
  put_wish(request, out);
  put_progress(request, out);
  out.set_mailbox_guid(std::string(request.mailbox_guid.as_bytes()));
  out.set_mailbox(request.mailbox);
  out.set_id(std::string(request.id.as_bytes()));
  out.set_is_export(request.is_export);
  out.set_name(request.name);
  out.set_priority(static_cast<std::uint32_t>(request.priority));
  out.set_keep_completed_s(request.keep_completed_s);
  out.set_state(to_stored_state(request.state));
  out.set_detail(request.detail);
  return out.SerializeAsString();
}

Result<TransferRequest> from_stored(std::string_view bytes) {
  stored::Request from;
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kCorrupt, "it does not parse");
  const auto id = Guid::from_bytes(from.id());
  const auto mailbox = Guid::from_bytes(from.mailbox_guid());
  const auto state = from_stored_state(from.state());
  if (!id || id->is_nil() || !mailbox || !state || from.priority() < 1 ||
      from.priority() > kPriorities.size())
    return fail(ErrorCode::kCorrupt, "it holds no request");
  TransferRequest to;
  take_wish(from, to);
  to.id = *id;
  to.is_export = from.is_export();
  to.name = from.name();
  to.mailbox_guid = *mailbox;
  to.mailbox = from.mailbox();
  to.priority = static_cast<TransferPriority>(from.priority());
  to.keep_completed_s = from.keep_completed_s();
  to.state = *state;
  to.detail = from.detail();
  to.created_s = from.created_s();
  to.started_s = from.started_s();
  to.ended_s = from.ended_s();
  to.tally = {.messages = from.messages(),
              .bytes = from.bytes(),
              .bad = from.bad(),
              .large = from.large(),
              .odd = from.odd(),
              .skipped = from.skipped(),
              .folders = from.folders(),
              .folders_made = from.folders_made()};
  to.done = from.done();
  to.total = from.total();
  to.worked_s = from.worked_s();
  return to;
}

std::string to_job(const TransferRequest& request) {
  child::wire::TransferRequest out;
  put_wish(request, out);
  out.set_mailbox_guid(std::string(request.mailbox_guid.as_bytes()));
  out.set_mailbox(request.mailbox);
  out.set_request(std::string(request.id.as_bytes()));
  return out.SerializeAsString();
}

}  // namespace hauspost::supervisor
