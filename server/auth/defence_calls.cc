#include "server/auth/defence_calls.h"

#include "server/child/defence.pb.h"

namespace hauspost::auth {

namespace {

constexpr std::size_t kListMax = 10'000;

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::string list(const LoginDefence& defence) {
  child::wire::BlockListReply reply;
  const auto blocks = defence.blocks();
  reply.set_total(blocks.size());
  for (const LoginDefence::Block& block : blocks) {
    if (static_cast<std::size_t>(reply.blocks_size()) == kListMax) break;
    child::wire::LoginBlock* out = reply.add_blocks();
    out->set_subject(block.subject);
    out->set_account(block.account);
    out->set_times(block.times);
    out->set_last_client(block.last_client);
    out->set_since_s(seconds_of(block.since));
    out->set_until_s(seconds_of(block.until));
  }
  return reply.SerializeAsString();
}

}  // namespace

std::optional<Result<std::string>> answer_defence_call(LoginDefence& defence, std::uint16_t method,
                                                       std::string_view body) {
  switch (static_cast<DefenceMethod>(method)) {
    case DefenceMethod::kBlockList: return list(defence);
    case DefenceMethod::kBlockLift: {
      child::wire::BlockLiftRequest request;
      if (!request.ParseFromArray(body.data(), static_cast<int>(body.size())))
        return fail(ErrorCode::kInvalid, "auth: malformed message");
      child::wire::BlockLiftReply reply;
      reply.set_lifted(defence.lift(request.subject()));
      return reply.SerializeAsString();
    }
  }
  return std::nullopt;
}

}  // namespace hauspost::auth
