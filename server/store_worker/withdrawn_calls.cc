#include "server/store_worker/withdrawn_calls.h"

#include <algorithm>

#include "base/log.h"
#include "server/child/mailbox.pb.h"

namespace hauspost::store_worker {

namespace {

namespace wire = child::wire;

wire::Withdrawal to_wire(const imap::Withdrawal& from) {
  wire::Withdrawal to;
  to.set_mailbox(std::string(from.device.mailbox.as_bytes()));
  to.set_extension(std::string(imap::name_of(from.extension)));
  to.set_device(from.device.id);
  to.set_address(from.device.address);
  to.set_user(from.device.user);
  to.set_cause(from.cause);
  to.set_since_s(from.since_s);
  to.set_until_s(from.until_s);
  return to;
}

}  // namespace

Result<std::string> answer_withdrawn_call(imap::Withdrawals& withdrawals,
                                          child::ControlMethod method, const std::string& body,
                                          std::int64_t now_s) {
  wire::WithdrawnRequest request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kInvalid, "the request does not parse");
  const auto mailbox =
      request.mailbox().empty() ? std::nullopt : Guid::from_bytes(request.mailbox());
  const auto extension = imap::extension_named(request.extension());
  if ((!request.mailbox().empty() && !mailbox) || (!request.extension().empty() && !extension))
    return fail(ErrorCode::kInvalid, "the request names no mailbox or no extension");
  std::vector<imap::Withdrawal> found;
  if (method == child::ControlMethod::kWithdrawnLift && !request.dry_run()) {
    found = withdrawals.lift(mailbox, extension, now_s);
    for (const imap::Withdrawal& one : found) {
      log::info("imap.extension.lifted", {{"user", one.device.user},
                                          {"device", one.device.id},
                                          {"extension", imap::name_of(one.extension)}});
    }
  } else {
    found = withdrawals.list(now_s);
    std::erase_if(found, [&](const imap::Withdrawal& one) {
      return (mailbox && *mailbox != one.device.mailbox) ||
             (extension && *extension != one.extension);
    });
  }
  wire::WithdrawnReply reply;
  for (const imap::Withdrawal& one : found) *reply.add_withdrawals() = to_wire(one);
  return reply.SerializeAsString();
}

}  // namespace hauspost::store_worker
