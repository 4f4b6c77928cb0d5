#include "transport/queue/local_carrier.h"

#include "tests/unit/transport/queue_rig.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

// Everybody of example.org is what their name says.
class KindsDirectory final : public Directory {
 public:
  Resolved resolve(std::string_view address) const override {
    Resolved out;
    out.kind = address.starts_with("team")   ? Resolved::Kind::kGroup
               : address.starts_with("gone") ? Resolved::Kind::kUnknown
                                             : Resolved::Kind::kUnavailable;
    return out;
  }
  Result<bool> is_accepted_domain(std::string_view) const override { return true; }
  Result<bool> owns_address(const Guid&, std::string_view) const override { return false; }
  Result<SenderRules> sender_rules(const Guid&) const override { return SenderRules{}; }
};

struct Again {
  std::vector<std::pair<Envelope, std::string>> taken;
  std::optional<Error> error;
  Task<Result<>> submit(Envelope envelope, std::string message) {
    taken.emplace_back(std::move(envelope), std::move(message));
    if (error) co_return fail(*error);
    co_return Result<>{};
  }
};

}  // namespace

TEST_CASE("local carrier: who became something else is resolved again, the others have their end") {
  using Kind = RecipientResult::Kind;
  QueueRig rig;
  KindsDirectory directory;
  DeliveryClients clients(rig.io.get_executor());
  Again again;
  LocalCarrier carrier(directory, clients, Milliseconds(1000),
                       [&](Envelope envelope, std::string message) {
                         return again.submit(std::move(envelope), std::move(message));
                       });
  const Envelope envelope =
      rig.envelope({"team@example.org", "gone@example.org", "later@example.org"});
  auto report = rig.wait_for(carrier.carry(mailboxes({}), envelope, "Subject: x\r\n\r\n"));
  CHECK_FALSE(report.hop_failed);
  REQUIRE(report.recipients.size() == 3);
  CHECK(report.recipients[0].kind == Kind::kRelayed);
  CHECK(report.recipients[1].kind == Kind::kFailed);
  CHECK(report.recipients[1].status == "5.1.1");
  CHECK(report.recipients[2].kind == Kind::kDeferred);
  REQUIRE(again.taken.size() == 1);
  CHECK(again.taken[0].first.delivery == envelope.delivery);
  CHECK(again.taken[0].first.sender == envelope.sender);
  REQUIRE(again.taken[0].first.recipients.size() == 1);
  CHECK(again.taken[0].first.recipients[0].address == "team@example.org");
  CHECK(again.taken[0].second == "Subject: x\r\n\r\n");

  again.error = Error{ErrorCode::kUnavailable, "no room"};
  report = rig.wait_for(carrier.carry(mailboxes({}), envelope, "x"));
  CHECK(report.recipients[0].kind == Kind::kDeferred);
  again.error = Error{ErrorCode::kDenied, "you may not"};
  report = rig.wait_for(carrier.carry(mailboxes({}), envelope, "x"));
  CHECK(report.recipients[0].kind == Kind::kFailed);
  CHECK(report.recipients[0].diagnostic == "you may not");
}
