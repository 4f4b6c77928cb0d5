#include "transport/delivery/serve_delivery.h"

#include "base/link/rpc.h"
#include "base/log.h"
#include "base/metrics.h"
#include "transport/delivery/delivery_wire.h"

namespace hauspost::transport {

namespace {

using Outcome = DeliverResult::Outcome;

DeliverResult failed(const Error& error) {
  return {error.code == ErrorCode::kExhausted ? Outcome::kExhausted : Outcome::kRetry, error.text};
}

DeliverResult to_result(const store::Delivered& delivered) {
  if (delivered.over_quota) return {Outcome::kOverQuota, "the mailbox is full", true};
  return {delivered.duplicate ? Outcome::kDuplicate : Outcome::kDelivered, {},
          delivered.nearly_full};
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
    results.push_back(to_result(one));
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
      results.push_back(to_result(delivered->front()));
  }
  co_return results;
}

metrics::CounterFamily g_deliveries("hauspost_store_deliveries_total",
                                    "Deliveries into mailboxes, by outcome.", {"outcome"});

std::string_view word_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDelivered: return "delivered";
    case Outcome::kDuplicate: return "duplicate";
    case Outcome::kOverQuota: return "over_quota";
    case Outcome::kExhausted: return "exhausted";
    case Outcome::kRetry: return "retry";
    default: return "other";
  }
}

void count(std::span<const DeliverResult> results) {
  for (const DeliverResult& result : results) g_deliveries.with({word_of(result.outcome)}).add();
}

void tell_refused(const DeliverRequest& request, const std::vector<DeliverResult>& results,
                  const RefusedHook& refused) {
  if (!refused) return;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].outcome == Outcome::kOverQuota) refused(request.targets[i].mailbox);
  }
}

Task<Result<std::string>> answer_deliver(store::Database& database, const RefusedHook& refused,
                                         std::string bytes) {
  CO_TRY_ASSIGN(const DeliverRequest request, take_trailer(bytes));
  const auto body = std::make_shared<const std::string>(std::move(bytes));
  const store::Actor actor{request.session, request.user, {}};
  auto together = co_await deliver_together(database, actor, request, body);
  if (together) {
    count(*together);
    tell_refused(request, *together, refused);
    co_return to_wire(*together);
  }
  if (request.targets.size() == 1) {
    const DeliverResult result = failed(together.error());
    count({&result, 1});
    co_return to_wire({&result, 1});
  }
  const auto results = co_await deliver_apart(database, actor, request, body);
  count(results);
  tell_refused(request, results, refused);
  co_return to_wire(results);
}

Result<std::string> answer_usage(const store::Database& database, const std::string& body) {
  TRY_ASSIGN(const Guid guid, usage_request_from_wire(body));
  const auto mailbox = database.snapshot().mailbox(guid);
  return usage_to_wire(mailbox ? mailbox->bytes : 0);
}

Task<Result<std::string>> answer(store::Database& database, const RefusedHook& refused,
                                 std::uint16_t method, std::string body) {
  if (method == kMethodUsage) co_return answer_usage(database, body);
  if (method != kMethodDeliver) co_return fail(ErrorCode::kInvalid, "delivery: unknown method");
  co_return co_await answer_deliver(database, refused, std::move(body));
}

}  // namespace

Task<Result<>> serve_delivery(UnixSocket socket, store::Database& database, RefusedHook refused) {
  const link::RpcHandler handler = [&database, &refused](std::uint16_t method, std::string body) {
    return answer(database, refused, method, std::move(body));
  };
  co_return co_await link::serve_rpc(std::move(socket), handler);
}

}  // namespace hauspost::transport
