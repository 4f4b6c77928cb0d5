// Certificates that the server orders by itself.
#include <fmt/format.h>

#include "base/text.h"
#include "server/child/frontend.pb.h"
#include "server/supervisor/acme_orders.h"
#include "server/supervisor/admin_acme_api.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

constexpr unsigned kReasonMost = 10;  // RFC 5280 section 5.3.1
constexpr unsigned kReasonUnused = 7;
constexpr std::size_t kEabKeyMax = 4096;

std::string_view state_of(const AcmeFacts& facts) {
  const AcmeState& state = facts.state;
  if (facts.under_way) return "ordering";
  if (state.not_after_s != 0 && state.not_after_s <= unix_now()) return "expired";
  if (state.failures > 0) return "failing";
  return state.issued_s == 0 ? "waiting" : "good";
}

admin::AcmeOrder wire_of(const AcmeFacts& facts) {
  admin::AcmeOrder out;
  const directory::AcmeOrder& order = facts.order;
  out.set_name(order.name());
  for (const std::string& name : order.names) out.add_names(name);
  out.set_directory(order.directory);
  for (const std::string& contact : order.contacts) out.add_contacts(contact);
  out.set_challenge(std::string(directory::to_string(order.challenge)));
  out.set_key(order.rsa ? "rsa" : "ecdsa");
  out.set_ca_file(order.ca_file);
  out.set_eab_kid(order.eab_kid);
  out.set_certificate_file(facts.certificate_file);
  out.set_state(std::string(state_of(facts)));
  out.set_step(facts.step);
  out.set_error(facts.state.error);
  out.set_error_type(facts.state.error_type);
  out.set_last_try_s(facts.state.last_try_s);
  out.set_next_try_s(facts.state.next_try_s);
  out.set_issued_s(facts.state.issued_s);
  out.set_not_before_s(facts.state.not_before_s);
  out.set_not_after_s(facts.state.not_after_s);
  out.set_failures(facts.state.failures);
  out.set_tries(facts.tries);
  return out;
}

Result<directory::AcmeOrder> order_of(const admin::AcmeEnableRequest& request) {
  const admin::AcmeOrder& wire = request.order();
  directory::AcmeOrder order;
  for (const std::string& name : wire.names()) order.names.push_back(ascii_lower(name));
  order.directory = wire.directory();
  order.contacts = {wire.contacts().begin(), wire.contacts().end()};
  order.terms_agreed = request.agree_terms();
  const auto challenge = directory::parse_acme_challenge(wire.challenge());
  if (!challenge) return fail(ErrorCode::kInvalid, "a challenge is http-01 or tls-alpn-01");
  order.challenge = *challenge;
  if (wire.key() != "ecdsa" && wire.key() != "rsa")
    return fail(ErrorCode::kInvalid, "a key is ecdsa or rsa");
  order.rsa = wire.key() == "rsa";
  order.ca_file = wire.ca_file();
  order.eab_kid = wire.eab_kid();
  TRY(directory::check(order));
  return order;
}

}  // namespace

Task<Result<admin::AcmeEnableReply>> AdminService::acme_enable(admin::AcmeEnableRequest request) {
  CO_TRY_ASSIGN(directory::AcmeOrder order, order_of(request));
  if (request.eab_key().size() > kEabKeyMax)
    co_return fail(ErrorCode::kInvalid, "the key of the external account is too long");
  if (!order.ca_file.empty()) {
    CO_TRY(supervisor_.ownership().lend(order.ca_file, child::Role::kAcme, Ownership::Need::kRead));
  }
  admin::AcmeEnableReply reply;
  if (request.dry_run()) {
    *reply.mutable_order() = wire_of(AcmeFacts{.order = std::move(order)});
    co_return reply;
  }
  CO_TRY_ASSIGN(const AcmeFacts facts,
                co_await supervisor_.acme().enable(std::move(order), Secret(request.eab_key())));
  *reply.mutable_order() = wire_of(facts);
  co_return reply;
}

Task<Result<admin::AcmeShowReply>> AdminService::acme_show(admin::AcmeShowRequest request) {
  admin::AcmeShowReply reply;
  if (!request.name().empty()) {
    CO_TRY_ASSIGN(const AcmeFacts facts, supervisor_.acme().show(ascii_lower(request.name())));
    *reply.add_orders() = wire_of(facts);
    co_return reply;
  }
  CO_TRY_ASSIGN(const auto all, supervisor_.acme().list());
  for (const AcmeFacts& facts : all) *reply.add_orders() = wire_of(facts);
  co_return reply;
}

Task<Result<admin::AcmeRenewReply>> AdminService::acme_renew(admin::AcmeRenewRequest request) {
  CO_TRY_ASSIGN(const AcmeFacts facts, supervisor_.acme().renew(ascii_lower(request.name())));
  admin::AcmeRenewReply reply;
  *reply.mutable_order() = wire_of(facts);
  co_return reply;
}

Task<Result<admin::AcmeDisableReply>> AdminService::acme_disable(
    admin::AcmeDisableRequest request) {
  const std::string name = ascii_lower(request.name());
  admin::AcmeDisableReply reply;
  auto facts =
      request.dry_run() ? supervisor_.acme().show(name) : co_await supervisor_.acme().disable(name);
  if (!facts) co_return fail(facts.error());
  *reply.mutable_order() = wire_of(*facts);
  co_return reply;
}

Task<Result<admin::AcmeRevokeReply>> AdminService::acme_revoke(admin::AcmeRevokeRequest request) {
  if (request.reason() > kReasonMost || request.reason() == kReasonUnused) {
    co_return fail(ErrorCode::kInvalid,
                   "a reason is 0 (none), 1 (key compromise), 4 (superseded) or another number of "
                   "RFC 5280 section 5.3.1");
  }
  const std::string name = ascii_lower(request.name());
  auto facts = request.dry_run() ? supervisor_.acme().show(name)
                                 : co_await supervisor_.acme().revoke(name, request.reason());
  if (!facts) co_return fail(facts.error());
  admin::AcmeRevokeReply reply;
  *reply.mutable_order() = wire_of(*facts);
  co_return reply;
}

// Which of the front-end's certificates the server orders by itself, and when it does so again.
void AdminService::note_orders(
    google::protobuf::RepeatedPtrField<child::wire::Certificate>& certificates) {
  const auto all = supervisor_.acme().list();
  if (!all) return;
  for (const AcmeFacts& facts : *all) {
    for (child::wire::Certificate& one : certificates) {
      if (one.certificate_file() != facts.certificate_file) continue;
      one.set_order(facts.order.name());
      one.set_renews_s(facts.state.next_try_s);
    }
  }
}

}  // namespace hauspost::supervisor
