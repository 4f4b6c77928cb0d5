#include "transport/delivery/delivery_wire.h"

#include <algorithm>

#include "base/bytes.h"
#include "transport/delivery/delivery.pb.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kLengthBytes = 4;

using Outcome = DeliverResult::Outcome;
constexpr std::pair<Outcome, wire::DeliverResult::Outcome> kOutcomes[] = {
    {Outcome::kDelivered, wire::DeliverResult::OUTCOME_DELIVERED},
    {Outcome::kDuplicate, wire::DeliverResult::OUTCOME_DUPLICATE},
    {Outcome::kExhausted, wire::DeliverResult::OUTCOME_EXHAUSTED},
    {Outcome::kRetry, wire::DeliverResult::OUTCOME_RETRY},
    {Outcome::kOverQuota, wire::DeliverResult::OUTCOME_OVER_QUOTA},
};

Result<Guid> optional_guid(std::string_view bytes) {
  if (bytes.empty()) return Guid{};
  const auto guid = Guid::from_bytes(bytes);
  if (!guid) return fail(ErrorCode::kCorrupt, "delivery: bad id");
  return *guid;
}

Result<DeliverRequest> from_wire(const wire::DeliverRequest& message) {
  DeliverRequest request;
  const auto delivery = Guid::from_bytes(message.delivery_id());
  if (!delivery || delivery->is_nil()) return fail(ErrorCode::kCorrupt, "delivery: no id");
  request.delivery = *delivery;
  request.internal_date_s = message.internal_date_s();
  TRY_ASSIGN(request.session, optional_guid(message.session_id()));
  TRY_ASSIGN(request.user, optional_guid(message.user()));
  const auto count = static_cast<std::size_t>(message.targets_size());
  if (count == 0 || count > kDeliverTargetsMax) {
    return fail(ErrorCode::kCorrupt, "delivery: bad number of targets");
  }
  for (const wire::DeliverTarget& target : message.targets()) {
    const auto mailbox = Guid::from_bytes(target.mailbox());
    if (!mailbox) return fail(ErrorCode::kCorrupt, "delivery: bad mailbox");
    request.targets.push_back(
        {*mailbox, target.label(), target.folder().empty() ? "INBOX" : target.folder()});
  }
  return request;
}

}  // namespace

std::string to_trailer(const DeliverRequest& request) {
  wire::DeliverRequest message;
  message.set_delivery_id(std::string(request.delivery.as_bytes()));
  message.set_internal_date_s(request.internal_date_s);
  if (!request.session.is_nil()) message.set_session_id(std::string(request.session.as_bytes()));
  if (!request.user.is_nil()) message.set_user(std::string(request.user.as_bytes()));
  for (const DeliverTarget& target : request.targets) {
    wire::DeliverTarget& to = *message.add_targets();
    to.set_mailbox(std::string(target.mailbox.as_bytes()));
    to.set_label(target.label);
    to.set_folder(target.folder);
  }
  std::string out = message.SerializeAsString();
  put_le(out, static_cast<std::uint32_t>(out.size()));
  return out;
}

Result<DeliverRequest> take_trailer(std::string& body) {
  if (body.size() < kLengthBytes) return fail(ErrorCode::kCorrupt, "delivery: too short");
  const std::size_t end = body.size() - kLengthBytes;
  const std::size_t length = load_le<std::uint32_t>(body.data() + end);
  if (length > end) return fail(ErrorCode::kCorrupt, "delivery: trailer longer than the call");
  wire::DeliverRequest message;
  if (!message.ParseFromArray(body.data() + end - length, static_cast<int>(length))) {
    return fail(ErrorCode::kCorrupt, "delivery: request does not parse");
  }
  body.resize(end - length);
  return from_wire(message);
}

std::string to_wire(std::span<const DeliverResult> results) {
  wire::DeliverReply message;
  for (const DeliverResult& result : results) {
    wire::DeliverResult& to = *message.add_results();
    for (const auto& [ours, theirs] : kOutcomes) {
      if (ours == result.outcome) to.set_outcome(theirs);
    }
    to.set_text(result.text);
    to.set_nearly_full(result.nearly_full);
  }
  return message.SerializeAsString();
}

Result<std::vector<DeliverResult>> deliver_results_from_wire(std::string_view bytes) {
  wire::DeliverReply message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::kCorrupt, "delivery: reply does not parse");
  }
  std::vector<DeliverResult> results;
  for (const wire::DeliverResult& result : message.results()) {
    const auto* known = std::ranges::find(kOutcomes, result.outcome(),
                                          [](const auto& pair) { return pair.second; });
    if (known == std::end(kOutcomes)) return fail(ErrorCode::kCorrupt, "delivery: bad outcome");
    results.push_back({known->first, result.text(), result.nearly_full()});
  }
  return results;
}

std::string usage_request_to_wire(const Guid& mailbox) {
  wire::UsageRequest message;
  message.set_mailbox(std::string(mailbox.as_bytes()));
  return message.SerializeAsString();
}

Result<Guid> usage_request_from_wire(std::string_view bytes) {
  wire::UsageRequest message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kCorrupt, "usage: request does not parse");
  const auto mailbox = Guid::from_bytes(message.mailbox());
  if (!mailbox) return fail(ErrorCode::kCorrupt, "usage: bad mailbox");
  return *mailbox;
}

std::string usage_to_wire(std::uint64_t used) {
  wire::UsageReply message;
  message.set_bytes(used);
  return message.SerializeAsString();
}

Result<std::uint64_t> usage_from_wire(std::string_view bytes) {
  wire::UsageReply message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kCorrupt, "usage: reply does not parse");
  return message.bytes();
}

}  // namespace hauspost::transport
