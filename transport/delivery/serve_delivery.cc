#include "transport/delivery/serve_delivery.h"

#include "base/link/rpc.h"
#include "base/log.h"
#include "transport/delivery/delivery_wire.h"

namespace hauspost::transport {

namespace {

using Outcome = DeliverResult::Outcome;

DeliverResult failed(const Error& error) {
  return {error.code == ErrorCode::kExhausted ? Outcome::kExhausted : Outcome::kRetry, error.text};
}

store::Delivery make_delivery(const DeliverRequest& request,
                              std::shared_ptr<const std::string> body) {
  return {request.delivery, std::move(body), request.internal_date_s, {}};
}

store::DeliveryTarget store_target(const DeliverTarget& target) {
  return {target.mailbox, target.label, target.folder, 0};
}

Task<Result<std::vector<DeliverResult>>> deliver_together(store::Database& database,
                                                          const store::Actor& actor,
                                                          const DeliverRequest& request,
                                                          std::shared_ptr<const std::string> body) {
  store::Delivery delivery = make_delivery(request, std::move(body));
  for (const DeliverTarget& target : request.targets) {
    delivery.targets.push_back(store_target(target));
  }
  CO_TRY_ASSIGN(const auto delivered, co_await database.deliver(actor, std::move(delivery)));
  std::vector<DeliverResult> results;
  for (const store::Delivered& one : delivered) {
    results.push_back({one.duplicate ? Outcome::kDuplicate : Outcome::kDelivered, {}});
  }
  co_return results;
}

// The store takes all targets or none. When it takes none, each is tried alone, so that one full
// mailbox does not cost the others their mail.
Task<std::vector<DeliverResult>> deliver_apart(store::Database& database, const store::Actor& actor,
                                               const DeliverRequest& request,
                                               std::shared_ptr<const std::string> body) {
  std::vector<DeliverResult> results;
  for (const DeliverTarget& target : request.targets) {
    store::Delivery delivery = make_delivery(request, body);
    delivery.targets.push_back(store_target(target));
    auto delivered = co_await database.deliver(actor, std::move(delivery));
    if (!delivered)
      results.push_back(failed(delivered.error()));
    else
      results.push_back(
          {delivered->front().duplicate ? Outcome::kDuplicate : Outcome::kDelivered, {}});
  }
  co_return results;
}

Task<Result<std::string>> answer_deliver(store::Database& database, std::string bytes) {
  CO_TRY_ASSIGN(const DeliverRequest request, take_trailer(bytes));
  const auto body = std::make_shared<const std::string>(std::move(bytes));
  const store::Actor actor{request.session, request.user, {}};
  auto together = co_await deliver_together(database, actor, request, body);
  if (together) co_return to_wire(*together);
  if (request.targets.size() == 1) {
    const DeliverResult result = failed(together.error());
    co_return to_wire({&result, 1});
  }
  const auto results = co_await deliver_apart(database, actor, request, body);
  co_return to_wire(results);
}

Task<Result<std::string>> answer(store::Database& database, std::uint16_t method,
                                 std::string body) {
  if (method != kMethodDeliver) co_return fail(ErrorCode::kInvalid, "delivery: unknown method");
  co_return co_await answer_deliver(database, std::move(body));
}

}  // namespace

Task<Result<>> serve_delivery(UnixSocket socket, store::Database& database) {
  const link::RpcHandler handler = [&database](std::uint16_t method, std::string body) {
    return answer(database, method, std::move(body));
  };
  co_return co_await link::serve_rpc(std::move(socket), handler);
}

}  // namespace hauspost::transport
