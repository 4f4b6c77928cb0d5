#include "server/frontend/sasl_dialogue.h"

#include <algorithm>

#include "base/text.h"
#include "protocols/sasl/scram.h"

namespace hauspost::frontend {

namespace {

using Turn = SaslDialogue::Turn;

Turn turn(Turn::Kind kind) { return Turn{.kind = kind}; }

Turn ask(std::string text) { return Turn{.kind = Turn::Kind::kAsk, .text = std::move(text)}; }

Turn done(Result<auth::Identity> identity) {
  return Turn{.kind = Turn::Kind::kDone, .identity = std::move(identity)};
}

}  // namespace

std::vector<std::string_view> offered_mechanisms(const Services& services, const Client& client) {
  std::vector<std::string_view> mechanisms;
  if (!client.facts().may_log_in()) return mechanisms;
  const directory::AuthSettings settings = services.auth_settings
                                               ? services.auth_settings()
                                               : directory::AuthSettings{.scram_sha_256 = false};
  const bool plus = client.can_bind_channel();
  if (!client.verified_names().empty()) mechanisms.push_back("EXTERNAL");
  if (settings.scram_sha_256 && plus) mechanisms.push_back("SCRAM-SHA-256-PLUS");
  if (settings.scram_sha_256) mechanisms.push_back("SCRAM-SHA-256");
  if (settings.scram_sha_1 && plus) mechanisms.push_back("SCRAM-SHA-1-PLUS");
  if (settings.scram_sha_1) mechanisms.push_back("SCRAM-SHA-1");
  // RFC 6750 section 5.3: tokens go over TLS alone.
  if (!services.bearer_error.empty() && client.facts().tls) {
    mechanisms.push_back("OAUTHBEARER");
    mechanisms.push_back("XOAUTH2");
  }
  mechanisms.push_back("PLAIN");
  mechanisms.push_back("LOGIN");
  return mechanisms;
}

std::optional<SaslDialogue> SaslDialogue::create(const Services& services,
                                                 const SessionContext& context, LoginGate& gate,
                                                 std::string_view mechanism) {
  const auto offered = offered_mechanisms(services, context.client);
  const auto found =
      std::ranges::find_if(offered, [&](std::string_view one) { return iequals(one, mechanism); });
  if (found == offered.end()) return std::nullopt;
  if (sasl::find_scram(*found) != nullptr)
    return SaslDialogue(services, context, gate, Carried{std::string(*found), {}, {}});
  auto exchange = sasl::Exchange::create(*found);
  if (!exchange) return std::nullopt;
  return SaslDialogue(services, context, gate, std::move(*exchange));
}

Task<Turn> SaslDialogue::start(std::optional<std::string_view> initial_response) {
  if (auto* exchange = std::get_if<sasl::Exchange>(&part_))
    co_return co_await settle(exchange->start(initial_response));
  // The client speaks first, and has not yet: an empty challenge asks it to.
  if (!initial_response) co_return ask({});
  co_return co_await carry(*initial_response);
}

Task<Turn> SaslDialogue::line(std::string_view line) {
  // Whatever answers the error, a refusal is what follows it.
  if (refused_) co_return done(fail(*std::exchange(refused_, std::nullopt)));
  if (auto* exchange = std::get_if<sasl::Exchange>(&part_))
    co_return co_await settle(exchange->line(line));
  if (line == "*") co_return turn(Turn::Kind::kAborted);
  co_return co_await carry(line);
}

Task<Turn> SaslDialogue::settle(sasl::Step step) {
  switch (step.kind) {
    case sasl::Step::Kind::kChallenge: co_return ask(std::move(step.challenge));
    case sasl::Step::Kind::kDone: co_return co_await decide(std::move(step.credentials));
    case sasl::Step::Kind::kAborted: co_return turn(Turn::Kind::kAborted);
    case sasl::Step::Kind::kInvalid: break;
  }
  co_return turn(Turn::Kind::kMalformed);
}

Task<Turn> SaslDialogue::decide(sasl::Credentials credentials) {
  const bool bearer = credentials.proof == sasl::Proof::kBearer;
  auto identity = co_await gate_->check(std::move(credentials));
  if (identity || !bearer || identity.error().code != ErrorCode::kDenied)
    co_return done(std::move(identity));
  // RFC 7628 section 3.2.3: the error goes out as a challenge, its answer says nothing.
  refused_ = std::move(identity).error();
  co_return ask(base64_encode(services_->bearer_error));
}

Task<Turn> SaslDialogue::carry(std::string_view text) {
  auto& carried = std::get<Carried>(part_);
  // What answers our last message is empty; a client that sends more has not understood it.
  if (carried.identity) {
    if (!text.empty() && text != "=") co_return turn(Turn::Kind::kMalformed);
    co_return done(std::move(*carried.identity));
  }
  if (text.size() > sasl::kLineMax) co_return turn(Turn::Kind::kMalformed);
  auto bytes = base64_decode(text);
  if (!bytes || bytes->empty()) co_return turn(Turn::Kind::kMalformed);
  const ClientFacts& facts = context_->client.facts();
  auth::SaslMessage message{.exchange = carried.exchange,
                            .mechanism = carried.mechanism,
                            .message = Secret(std::move(*bytes)),
                            .bindings = {},
                            .client_address = facts.address,
                            .protocol = facts.protocol,
                            .session = context_->id};
  if (carried.exchange.is_nil()) message.bindings = context_->client.channel_bindings();
  auto answer = co_await gate_->carry(std::move(message));
  if (!answer && answer.error().code == ErrorCode::kInvalid) co_return turn(Turn::Kind::kMalformed);
  if (!answer) co_return done(fail(std::move(answer).error()));
  carried.exchange = answer->exchange;
  if (answer->identity && answer->message.empty()) co_return done(std::move(*answer->identity));
  carried.identity = std::move(answer->identity);
  co_return ask(base64_encode(answer->message));
}

}  // namespace hauspost::frontend
