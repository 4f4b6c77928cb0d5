#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/auth/auth_client.h"
#include "server/directory/client_settings.h"
#include "server/directory/names.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/limits_wire.h"

namespace hauspost::supervisor {

namespace {

constexpr std::uint32_t kListDefault = 10'000;
constexpr std::size_t kListBytes = 8ULL << 20;  // then the rest is for another call

directory::MailboxOrder to_order(const admin::NewMailbox& wanted) {
  return {.address = wanted.address(),
          .aliases = {wanted.aliases().begin(), wanted.aliases().end()},
          .display_name = wanted.display_name(),
          .database = wanted.database(),
          .shared = wanted.shared()};
}

void refuse(admin::MailboxOutcome& outcome, const Error& error) {
  outcome.set_error(error.text);
  outcome.set_error_code(std::string(to_string(error.code)));
}

bool is_in_domain(const directory::MailboxEntry& entry, const std::string& domain) {
  const auto ends = [&](const std::string& address) { return address.ends_with("@" + domain); };
  return ends(entry.address) || std::ranges::any_of(entry.aliases, ends);
}

// Best first: encrypted from the first byte, then STARTTLS.
struct ClientService {
  std::string_view service;
  std::string_view encryption;
};
constexpr ClientService kClientServices[] = {
    {"imaps", "TLS"},     {"imap", "STARTTLS"},   {"pop3s", "TLS"},
    {"pop3", "STARTTLS"}, {"submissions", "TLS"}, {"submission", "STARTTLS"},
};

std::string_view encryption_word(directory::Encryption encryption) {
  switch (encryption) {
    case directory::Encryption::kTls: return "TLS";
    case directory::Encryption::kStartTls: return "STARTTLS";
    case directory::Encryption::kNone: break;
  }
  return "none";
}

admin::ClientSetting* add_setting(const directory::Advertised& from, const std::string& user,
                                  admin::ClientSettingsReply& reply) {
  const bool sending = from.protocol == "smtp";
  admin::ClientSetting* out = reply.add_settings();
  out->set_service((sending ? "submission" : from.protocol) +
                   (from.encryption == directory::Encryption::kTls ? "s" : ""));
  out->set_host(from.host);
  out->set_port(from.port);
  out->set_encryption(std::string(encryption_word(from.encryption)));
  out->set_user(user);
  return out;
}

// What the administrator has said of the inside takes the place of what the listeners tell.
void replace_inside(const directory::DirectoryReader& reader, std::string_view protocol,
                    const std::string& user, admin::ClientSettingsReply& reply) {
  const auto said = directory::connection_settings(directory::asking(reader), protocol,
                                                   directory::Side::kInternal);
  if (said.empty()) return;
  auto& all = *reply.mutable_settings();
  std::vector<std::string> open;
  for (const admin::ClientSetting& one : all) {
    if (one.available()) open.push_back(one.service());
  }
  const auto of_protocol = [&](const admin::ClientSetting& one) {
    return switching_service(one.service()) == protocol;
  };
  all.erase(std::remove_if(all.begin(), all.end(), of_protocol), all.end());
  for (const directory::ConnectionSetting& one : said) {
    admin::ClientSetting* out =
        add_setting({std::string(protocol), one.host, one.port, one.encryption}, user, reply);
    out->set_available(std::ranges::find(open, out->service()) != open.end());
  }
}

}  // namespace

admin::Mailbox to_wire(const directory::MailboxEntry& entry) {
  admin::Mailbox out;
  out.set_guid(std::string(entry.guid.as_bytes()));
  out.set_address(entry.address);
  out.set_system(entry.system);
  // Where a system mailbox gets mail is nobody's business.
  if (!entry.system)
    for (const std::string& alias : entry.aliases) out.add_aliases(alias);
  out.set_display_name(entry.display_name);
  out.set_database(entry.database);
  out.set_enabled(entry.enabled);
  out.set_imap(entry.imap);
  out.set_pop3(entry.pop3);
  out.set_smtp(entry.smtp);
  out.set_protocol_restricted(entry.protocol_restricted);
  out.set_created_s(entry.created_s);
  out.set_shared(entry.shared);
  out.set_app_passwords_only(entry.app_passwords_only);
  out.set_forward_to(entry.forward_to);
  out.set_forward_only(!entry.forward_to.empty() && !entry.forward_keeps_copy);
  *out.mutable_limits() = to_wire(entry.limits);
  for (const std::string& name : entry.imap_without) out.add_imap_without(name);
  return out;
}

Result<directory::MailboxEntry> AdminService::find_mailbox(const std::string& name,
                                                           bool system) const {
  TRY_ASSIGN(auto entry, supervisor_.directory().reader().find_login(name));
  // "user/mailbox" is how one logs in, not a name: it must not stand for the user here.
  // A mail user has no mailbox, though they log in.
  if (!entry || entry->opens || !entry->is_mailbox()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no mailbox, or more than one, is named \"{}\"; see: hauspost mailbox "
                            "list",
                            escape_for_log(name)));
  }
  if (entry->system && !system) {
    return fail(ErrorCode::kDenied,
                fmt::format("mailbox {} is the server's own, for probes: it cannot be changed, and "
                            "goes with its database; see: hauspost health show",
                            entry->address));
  }
  return std::move(*entry);
}

Result<std::shared_ptr<link::RpcClient>> AdminService::auth_control() {
  auto control = supervisor_.auth().control();
  if (control) return control;
  return fail(ErrorCode::kUnavailable,
              "passwords cannot be changed: auth does not run; see: hauspost status");
}

Task<Result<>> AdminService::store_password(Guid mailbox, Secret password) {
  CO_TRY_ASSIGN(const std::shared_ptr<link::RpcClient> control, auth_control());
  co_return co_await auth::set_password(*control, mailbox, std::move(password));
}

Task<Result<admin::MailboxCreateReply>> AdminService::mailbox_create(
    admin::MailboxCreateRequest request) {
  if (request.mailboxes_size() > admin::kMailboxesPerCallMax) {
    co_return fail(ErrorCode::kInvalid,
                   fmt::format("more than {} mailboxes in one call", admin::kMailboxesPerCallMax));
  }
  std::vector<directory::MailboxOrder> orders;
  for (const admin::NewMailbox& wanted : request.mailboxes()) orders.push_back(to_order(wanted));
  directory::DirectoryWriter& directory = supervisor_.directory();
  CO_TRY_ASSIGN(auto planned, directory.create_mailboxes(orders, unix_now(), true));

  admin::MailboxCreateReply reply;
  std::vector<directory::MailboxOrder> accepted;
  std::vector<int> places;  // of the accepted orders in the reply
  for (int i = 0; i < request.mailboxes_size(); ++i) {
    admin::MailboxOutcome& outcome = *reply.add_outcomes();
    outcome.set_index(static_cast<std::uint32_t>(i));
    const auto at = static_cast<std::size_t>(i);
    if (!planned[at]) {
      refuse(outcome, planned[at].error());
      continue;
    }
    if (request.dry_run()) {
      *outcome.mutable_mailbox() = to_wire(*planned[at]);
      continue;
    }
    // The password first: a mailbox is never there without it.
    Secret password(std::move(*request.mutable_mailboxes(i)->mutable_password()));
    if (!password.empty()) {
      const auto stored = co_await store_password(orders[at].guid, std::move(password));
      if (!stored) {
        refuse(outcome, stored.error());
        continue;
      }
    }
    accepted.push_back(std::move(orders[at]));
    places.push_back(i);
  }
  if (accepted.empty()) co_return reply;
  CO_TRY_ASSIGN(const auto created, directory.create_mailboxes(accepted, unix_now(), false));
  for (std::size_t i = 0; i < created.size(); ++i) {
    admin::MailboxOutcome& outcome = *reply.mutable_outcomes(places[i]);
    if (created[i]) {
      *outcome.mutable_mailbox() = to_wire(*created[i]);
    } else {
      refuse(outcome, created[i].error());  // its verifier belongs to nobody and cannot be used
    }
  }
  co_return reply;
}

Task<Result<admin::MailboxListReply>> AdminService::mailbox_list(
    admin::MailboxListRequest request) {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  if (!request.database().empty()) CO_TRY(find_database(request.database()));
  std::string domain;
  if (!request.domain().empty()) {
    CO_TRY_ASSIGN(domain, directory::canonical_domain(request.domain()));
  }
  CO_TRY_ASSIGN(auto entries, reader.mailboxes());
  if (request.all()) {
    CO_TRY_ASSIGN(auto system, reader.system_mailboxes());
    std::ranges::move(system, std::back_inserter(entries));
    std::ranges::sort(entries, {}, &directory::MailboxEntry::address);
  }
  const std::uint32_t limit = request.limit() == 0 ? kListDefault : request.limit();
  admin::MailboxListReply reply;
  std::size_t bytes = 0;
  for (const directory::MailboxEntry& entry : entries) {
    if (!request.after().empty() && entry.address <= request.after()) continue;
    if (!request.database().empty() && !iequals(entry.database, request.database())) continue;
    if (!domain.empty() && !is_in_domain(entry, domain)) continue;
    if (static_cast<std::uint32_t>(reply.mailboxes_size()) == limit || bytes > kListBytes) {
      reply.set_more(true);
      break;
    }
    admin::Mailbox* mailbox = reply.add_mailboxes();
    *mailbox = to_wire(entry);
    bytes += mailbox->ByteSizeLong();
  }
  co_return reply;
}

Task<Result<admin::MailboxShowReply>> AdminService::mailbox_show(
    admin::MailboxShowRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name(), true));
  admin::MailboxShowReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  CO_TRY_ASSIGN(*reply.mutable_effective(), effective_limits(entry.guid));
  co_return reply;
}

Task<Result<admin::MailboxSetPasswordReply>> AdminService::mailbox_set_password(
    admin::MailboxSetPasswordRequest request) {
  Secret password(std::move(*request.mutable_password()));
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  if (entry.shared) {
    co_return fail(ErrorCode::kDenied,
                   fmt::format("mailbox {} is shared: it has no password; let somebody in: hauspost "
                               "mailbox permission add {} --user USER",
                               entry.address, entry.address));
  }
  CO_TRY(co_await store_password(entry.guid, std::move(password)));
  admin::MailboxSetPasswordReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  reply.set_sessions_ended(co_await end_logins(entry.guid, {}, false));
  co_return reply;
}

Task<Result<admin::ClientSettingsReply>> AdminService::client_settings(
    admin::ClientSettingsRequest request) {
  std::string user;
  if (!request.name().empty()) {
    CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
    user = entry.address;
  }
  admin::ClientSettingsReply reply;
  for (const ClientService& wanted : kClientServices) {
    for (const FrontendListeners::Listener& listener : supervisor_.listeners().all()) {
      if (listener.settings.service != wanted.service) continue;
      admin::ClientSetting* out = reply.add_settings();
      out->set_service(std::string(wanted.service));
      out->set_host(supervisor_.settings().hostname);
      out->set_port(listener.settings.port);
      out->set_encryption(std::string(wanted.encryption));
      out->set_user(user);
      out->set_available(static_cast<bool>(listener.fd));
      break;  // clients need one port a service: the first that was configured
    }
  }
  const auto& reader = supervisor_.directory().reader();
  replace_inside(reader, "imap", user, reply);
  replace_inside(reader, "pop3", user, reply);
  CO_TRY_ASSIGN(const auto advertised, directory::advertised_settings(reader));
  for (const directory::Advertised& one : advertised) {
    admin::ClientSetting* out = add_setting(one, user, reply);
    out->set_available(true);
    out->set_outside(true);
  }
  co_return reply;
}

}  // namespace hauspost::supervisor
