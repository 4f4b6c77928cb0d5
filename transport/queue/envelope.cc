#include "transport/queue/envelope.h"

#include <algorithm>

#include "store/database.h"
#include "transport/queue/envelope.pb.h"

namespace hauspost::transport {

namespace {

constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kErrorTextMax = 500;
// Recipients of one item; leaves room for the other fields, of which only the sender is not small.
constexpr std::size_t kRecipientBytesMax = store::kAnnotationMax - 8 * 1024;
constexpr std::size_t kRecipientOverhead = 32 + kErrorTextMax;  // an error may come later

Result<Guid> optional_guid(std::string_view bytes) {
  if (bytes.empty()) return Guid{};
  const auto guid = Guid::from_bytes(bytes);
  if (!guid) return fail(ErrorCode::kCorrupt, "queue: bad id in an envelope");
  return *guid;
}

std::uint32_t ret_number(const std::optional<smtp::Ret>& ret) {
  if (!ret) return 0;
  return *ret == smtp::Ret::kFull ? 1 : 2;
}

std::optional<smtp::Ret> ret_from_number(std::uint32_t number) {
  if (number == 1) return smtp::Ret::kFull;
  if (number == 2) return smtp::Ret::kHeaders;
  return std::nullopt;
}

WallTime wall_time(std::int64_t microseconds) {
  return WallTime(std::chrono::microseconds(microseconds));
}

}  // namespace

std::string to_annotation(const Envelope& envelope) {
  disk::Envelope message;
  message.set_format(kFormat);
  message.set_delivery_id(std::string(envelope.delivery.as_bytes()));
  message.set_sender(envelope.sender);
  for (const Recipient& recipient : envelope.recipients) {
    disk::Recipient& to = *message.add_recipients();
    to.set_address(recipient.address);
    to.set_notify(recipient.notify);
    to.set_orcpt(recipient.orcpt);
    to.set_original(recipient.original);
    to.set_delay_reported(recipient.delay_reported);
    to.set_attempts(recipient.attempts);
    to.set_last_error(recipient.last_error.substr(0, kErrorTextMax));
  }
  message.set_received_us(envelope.received.time_since_epoch().count());
  message.set_envid(envelope.envid);
  message.set_ret(ret_number(envelope.ret));
  message.set_smtputf8(envelope.smtputf8);
  message.set_eight_bit(envelope.eight_bit);
  if (!envelope.session.is_nil()) message.set_session_id(std::string(envelope.session.as_bytes()));
  if (!envelope.user.is_nil()) message.set_user(std::string(envelope.user.as_bytes()));
  message.set_attempts(envelope.attempts);
  message.set_next_attempt_us(envelope.next_attempt.time_since_epoch().count());
  message.set_last_error(envelope.last_error.substr(0, kErrorTextMax));
  message.set_binary(envelope.binary);
  message.set_require_tls(envelope.require_tls);
  message.set_priority(envelope.priority);
  message.set_hold_until_us(envelope.hold_until.time_since_epoch().count());
  message.set_deliver_by_us(envelope.deliver_by.time_since_epoch().count());
  message.set_deliver_by_notify(envelope.deliver_by_notify);
  message.set_deliver_by_trace(envelope.deliver_by_trace);
  if (!envelope.network.is_nil()) message.set_network_id(std::string(envelope.network.as_bytes()));
  message.set_report(envelope.report);
  message.set_connector(envelope.connector);
  message.set_client_address(envelope.client_address);
  message.set_junk(envelope.junk);
  message.set_redirected(envelope.redirected);
  return message.SerializeAsString();
}

Result<Envelope> envelope_from_annotation(std::string_view bytes) {
  disk::Envelope message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      message.format() != kFormat) {
    return fail(ErrorCode::kCorrupt, "queue: not an envelope of a known format");
  }
  Envelope envelope;
  const auto delivery = Guid::from_bytes(message.delivery_id());
  if (!delivery) return fail(ErrorCode::kCorrupt, "queue: envelope without a delivery id");
  envelope.delivery = *delivery;
  envelope.sender = message.sender();
  for (const disk::Recipient& recipient : message.recipients()) {
    envelope.recipients.push_back(
        {recipient.address(), static_cast<smtp::NotifyBits>(recipient.notify()), recipient.orcpt(),
         recipient.original(), recipient.delay_reported(), recipient.attempts(),
         recipient.last_error()});
  }
  envelope.received = wall_time(message.received_us());
  envelope.envid = message.envid();
  envelope.ret = ret_from_number(message.ret());
  envelope.smtputf8 = message.smtputf8();
  envelope.eight_bit = message.eight_bit();
  TRY_ASSIGN(envelope.session, optional_guid(message.session_id()));
  TRY_ASSIGN(envelope.user, optional_guid(message.user()));
  envelope.attempts = message.attempts();
  envelope.next_attempt = wall_time(message.next_attempt_us());
  envelope.last_error = message.last_error();
  envelope.binary = message.binary();
  envelope.require_tls = message.require_tls();
  constexpr std::int32_t kPriorityMax = 9;
  envelope.priority =
      static_cast<std::int8_t>(std::clamp(message.priority(), -kPriorityMax, kPriorityMax));
  envelope.hold_until = wall_time(message.hold_until_us());
  envelope.deliver_by = wall_time(message.deliver_by_us());
  envelope.deliver_by_notify = message.deliver_by_notify();
  envelope.deliver_by_trace = message.deliver_by_trace();
  TRY_ASSIGN(envelope.network, optional_guid(message.network_id()));
  envelope.report = message.report();
  envelope.connector = message.connector();
  envelope.client_address = message.client_address();
  envelope.junk = message.junk();
  envelope.redirected = message.redirected();
  return envelope;
}

std::vector<Envelope> split_to_fit(Envelope envelope) {
  std::vector<Recipient> all = std::exchange(envelope.recipients, {});
  std::vector<Envelope> pieces;
  std::size_t bytes = 0;
  for (Recipient& recipient : all) {
    const std::size_t more = recipient.address.size() + recipient.orcpt.size() +
                             recipient.original.size() + kRecipientOverhead;
    if (pieces.empty() || bytes + more > kRecipientBytesMax) {
      pieces.push_back(envelope);
      bytes = 0;
    }
    bytes += more;
    pieces.back().recipients.push_back(std::move(recipient));
  }
  return pieces;
}

}  // namespace hauspost::transport
