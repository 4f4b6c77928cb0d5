// block list, lift, show, set.
#include <fmt/format.h>

#include "base/text.h"
#include "server/auth/defence_calls.h"
#include "server/child/defence.pb.h"
#include "server/directory/frontend_settings.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kBlockCallTime = std::chrono::seconds(10);

admin::BlockRules to_wire(const directory::DefenceRules& from) {
  admin::BlockRules to;
  to.set_failures_max(from.failures_max);
  to.set_account_failures_max(from.account_failures_max);
  to.set_period_s(from.period_s);
  to.set_block_s(from.block_s);
  to.set_longest_block_s(from.longest_block_s);
  for (const Network& network : from.allowed) to.add_allowed(network.to_string());
  return to;
}

Result<Network> network_of(const std::string& text) {
  const auto network = Network::parse(text);
  if (network) return *network;
  return fail(ErrorCode::kInvalid,
              fmt::format("\"{}\" is no address and no network such as 192.0.2.0/24 or "
                          "2001:db8::/32",
                          escape_for_log(text)));
}

// What `request` names is changed, the rest stays.
Result<> apply(const admin::BlockSetRequest& request, directory::DefenceRules& rules) {
  if (request.has_failures_max()) rules.failures_max = request.failures_max();
  if (request.has_account_failures_max())
    rules.account_failures_max = request.account_failures_max();
  if (request.has_period_s()) rules.period_s = request.period_s();
  if (request.has_block_s()) rules.block_s = request.block_s();
  if (request.has_longest_block_s()) rules.longest_block_s = request.longest_block_s();
  for (const std::string& text : request.disallow()) {
    TRY_ASSIGN(const Network network, network_of(text));
    if (std::erase(rules.allowed, network) == 0) {
      return fail(ErrorCode::kNotFound, network.to_string() +
                                            " is not on the allow-list; see: hauspost block show");
    }
  }
  for (const std::string& text : request.allow()) {
    TRY_ASSIGN(const Network network, network_of(text));
    if (std::ranges::find(rules.allowed, network) == rules.allowed.end())
      rules.allowed.push_back(network);
  }
  return {};
}

}  // namespace

Task<Result<admin::BlockListReply>> AdminService::block_list(admin::BlockListRequest) {
  CO_TRY_ASSIGN(const auto control, auth_control());
  CO_TRY_ASSIGN(
      const std::string bytes,
      co_await control->call(static_cast<std::uint16_t>(auth::DefenceMethod::kBlockList),
                             std::string_view(), kBlockCallTime));
  child::wire::BlockListReply answer;
  if (!answer.ParseFromString(bytes))
    co_return fail(ErrorCode::kCorrupt, "hauspost-auth's answer does not parse");
  admin::BlockListReply reply;
  *reply.mutable_blocks() = std::move(*answer.mutable_blocks());
  reply.set_total(answer.total());
  co_return reply;
}

Task<Result<admin::BlockLiftReply>> AdminService::block_lift(admin::BlockLiftRequest request) {
  CO_TRY_ASSIGN(const auto control, auth_control());
  child::wire::BlockLiftRequest question;
  question.set_subject(request.name());
  CO_TRY_ASSIGN(
      const std::string bytes,
      co_await control->call(static_cast<std::uint16_t>(auth::DefenceMethod::kBlockLift),
                             question.SerializeAsString(), kBlockCallTime));
  child::wire::BlockLiftReply answer;
  if (!answer.ParseFromString(bytes))
    co_return fail(ErrorCode::kCorrupt, "hauspost-auth's answer does not parse");
  if (answer.lifted() == 0 && !request.name().empty()) {
    co_return fail(ErrorCode::kNotFound, fmt::format("\"{}\" is not blocked; see: hauspost block "
                                                     "list",
                                                     escape_for_log(request.name())));
  }
  admin::BlockLiftReply reply;
  reply.set_lifted(answer.lifted());
  co_return reply;
}

Task<Result<admin::BlockShowReply>> AdminService::block_show(admin::BlockShowRequest) {
  admin::BlockShowReply reply;
  *reply.mutable_rules() =
      to_wire(directory::defence_rules(directory::asking(supervisor_.directory().reader())));
  co_return reply;
}

Task<Result<admin::BlockSetReply>> AdminService::block_set(admin::BlockSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  auto rules = directory::defence_rules(directory::asking(supervisor_.directory().reader()));
  CO_TRY(apply(request, rules));
  CO_TRY(request.dry_run() ? directory::check(rules)
                           : directory::set_defence_rules(supervisor_.directory(), rules));
  admin::BlockSetReply reply;
  *reply.mutable_rules() = to_wire(rules);
  co_return reply;
}

}  // namespace hauspost::supervisor
