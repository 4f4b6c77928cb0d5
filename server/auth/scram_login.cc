#include "server/auth/scram_login.h"

#include "base/random.h"
#include "base/text.h"
#include "protocols/sasl/saslprep.h"

namespace hauspost::auth {

namespace {

using Binding = sasl::ScramClientFirst::Binding;

bool is_on(const directory::AuthSettings& settings, crypto::Digest digest) {
  return digest == crypto::Digest::kSha1 ? settings.scram_sha_1 : settings.scram_sha_256;
}

std::string server_nonce() {
  std::uint8_t bytes[sasl::kScramServerNonceBytes];
  random_bytes(bytes);
  return base64_encode({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

// Empty: this connection has no such binding, or nobody knows the type.
std::string_view binding_of(const ChannelBindings& bindings, std::string_view type) {
  if (type == "tls-exporter") return bindings.tls_exporter;
  if (type == "tls-server-end-point") return bindings.tls_server_end_point;
  return {};
}

// RFC 5802 section 6.
std::string_view binding_problem(const sasl::ScramMechanism& mechanism,
                                 const sasl::ScramClientFirst& first,
                                 const ChannelBindings& bindings) {
  const bool used = first.binding == Binding::kUsed;
  if (mechanism.plus != used) return "channel_binding_missing";
  if (used && binding_of(bindings, first.binding_type).empty()) return "channel_binding_unknown";
  // It can bind and was not told that we can, though we said so: somebody else changed the list.
  if (first.binding == Binding::kUnadvertised && !bindings.tls_exporter.empty())
    return "channel_binding_downgrade";
  return {};
}

bool has_keys(const StoredCredentials& stored, bool app_passwords_only, crypto::Digest digest) {
  if (!stored.scram) return false;
  if (!app_passwords_only && !stored.scram->password.of(digest).stored_key.empty()) return true;
  return !stored.app_passwords.empty();
}

Attempt attempt_of(const SaslMessage& message, const sasl::ScramMechanism& mechanism) {
  return {message.client_address, message.protocol, message.session, std::string(mechanism.name)};
}

}  // namespace

void ScramLogins::make_room() {
  while (!exchanges_.empty() && (exchanges_.size() >= limits_.exchanges_max ||
                                 clock_.steady() >= exchanges_.front().expires)) {
    by_id_.erase(exchanges_.front().id);
    exchanges_.pop_front();
  }
}

// Each exchange has one last message: a second try needs a new nonce.
std::optional<ScramLogins::Exchange> ScramLogins::forget(const Guid& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  Exchange exchange = std::move(*found->second);
  exchanges_.erase(found->second);
  by_id_.erase(found);
  if (clock_.steady() >= exchange.expires) return std::nullopt;
  return exchange;
}

Result<ScramLogins::Outcome> ScramLogins::take(SaslMessage message,
                                               const directory::AuthSettings& settings) {
  if (message.exchange.is_nil()) return begin(message, settings);
  const auto exchange = forget(message.exchange);
  if (!exchange) return fail(ErrorCode::kDenied, std::string(kDeniedText));
  return finish(message, *exchange, settings);
}

Result<ScramLogins::Outcome> ScramLogins::begin(const SaslMessage& message,
                                                const directory::AuthSettings& settings) {
  const sasl::ScramMechanism* mechanism = sasl::find_scram(message.mechanism);
  if (mechanism == nullptr || !is_on(settings, mechanism->digest))
    return fail(ErrorCode::kInvalid, "no such mechanism");
  auto first = sasl::parse_scram_first(message.message.reveal());
  if (!first) return fail(ErrorCode::kInvalid, "malformed");
  const std::string name = sasl::saslprep(first->name).value_or(first->name);
  TRY_ASSIGN(const Login login, rules_.find(name, message.protocol));
  std::string_view reason = binding_problem(*mechanism, *first, message.bindings);
  const std::string& actor = first->authorization_id;
  if (reason.empty() && !actor.empty() && !iequals(actor, first->name))
    reason = "acting_for_another";
  // Whoever has no keys gets a salt all the same, and always the same one.
  std::string salt = verifiers_.stand_in_salt(name);
  auto iterations = static_cast<std::uint32_t>(settings.scram_iterations);
  if (login.entry) {
    TRY_ASSIGN(const StoredCredentials stored, verifiers_.credentials(login.entry->guid));
    if (has_keys(stored, login.entry->app_passwords_only || !login.local, mechanism->digest)) {
      salt = stored.scram->salt;
      iterations = stored.scram->iterations;
    }
  }
  make_room();
  sasl::ScramServer server(*mechanism, std::move(*first), server_nonce(), salt, iterations);
  Outcome outcome;
  outcome.answer.exchange = Guid::random();
  outcome.answer.message = server.server_first();
  exchanges_.push_back({outcome.answer.exchange, clock_.steady() + limits_.lifetime, *mechanism,
                        std::move(server), std::move(salt), message.bindings, reason});
  by_id_[outcome.answer.exchange] = std::prev(exchanges_.end());
  return outcome;
}

Result<ScramLogins::Outcome> ScramLogins::finish(const SaslMessage& message,
                                                 const Exchange& exchange,
                                                 const directory::AuthSettings& settings) {
  const crypto::Digest digest = exchange.mechanism.digest;
  const sasl::ScramClientFirst& first = exchange.server.first();
  const Attempt attempt = attempt_of(message, exchange.mechanism);
  const auto last = sasl::parse_scram_final(message.message.reveal());
  if (!last) return fail(ErrorCode::kInvalid, "malformed");
  // Asked anew: password, flags and switches may have changed since the first message.
  TRY_ASSIGN(const Login login, rules_.find(first.name, message.protocol));
  std::string_view reason = login.reason.empty() ? exchange.reason : login.reason;
  if (!is_on(settings, digest)) reason = "mechanism_off";
  if (const auto blocked = rules_.blocked(message.client_address, first.name, login);
      !blocked.empty()) {
    reason = blocked;
  }
  if (!exchange.server.belongs(*last, binding_of(exchange.bindings, first.binding_type)) &&
      reason.empty()) {
    reason = "channel_binding_mismatch";
  }
  StoredCredentials stored;
  if (login.entry) {
    TRY_ASSIGN(stored, verifiers_.credentials(login.entry->guid));
  }
  const bool same_salt = stored.scram && stored.scram->salt == exchange.salt;
  const sasl::ScramKeys* keys = nullptr;
  std::optional<AppPassword> used;
  // One proof is looked at whoever it is: with no keys it fails like a wrong one.
  const sasl::ScramKeys nobodys{std::string(crypto::digest_bytes(digest), 'x'), {}};
  const bool own = same_salt && login.local && !login.entry->app_passwords_only;
  const sasl::ScramKeys& password = own ? stored.scram->password.of(digest) : nobodys;
  if (exchange.server.proves(*last, password) && own) keys = &password;
  if (same_salt) {
    for (const AppPassword& one : stored.app_passwords) {
      if (!exchange.server.proves(*last, one.scram.of(digest))) continue;
      keys = &one.scram.of(digest);
      used = one;
    }
  }
  // Clients that choose SCRAM by themselves do so also where no proof can be right.
  const bool keyless =
      login.entry && !has_keys(stored, login.entry->app_passwords_only || !login.local, digest);
  if (reason.empty() && keys == nullptr) reason = keyless ? "no_scram_keys" : "wrong_password";
  if (reason.empty() && used && !used->protocols.has(message.protocol))
    reason = "app_password_scope";
  if (!reason.empty()) return rules_.refuse(attempt, first.name, login.entry, reason);
  Outcome outcome;
  outcome.answer.message = exchange.server.server_final(*last, *keys);
  outcome.answer.identity =
      rules_.accept(attempt, *login.entry, used ? used->name : std::string(), false);
  outcome.used = std::move(used);
  return outcome;
}

}  // namespace hauspost::auth
