#include "tools/cli/setup_run.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/child/frontend.pb.h"
#include "server/supervisor/admin_health_api.h"
#include "server/supervisor/settings.h"
#include "tools/cli/zone_facts.h"

namespace hauspost::cli {

namespace {

constexpr std::string_view kAllSpace = "*";

std::string none_is_empty(const std::string& answer) { return answer == "none" ? "" : answer; }

void take_domains(const admin::DomainListReply& reply, SetupState& state) {
  for (const auto& domain : reply.domains()) state.domains.push_back(domain.name());
}

bool serves_everything(const admin::SendConnector& connector) {
  return connector.enabled() &&
         std::ranges::any_of(connector.address_spaces(), [](const std::string& space) {
           std::string_view name = space;
           if (istarts_with(name, "smtp:")) name.remove_prefix(5);
           return name.substr(0, name.find(';')) == kAllSpace;
         });
}

Outcome<> create_database(Context& context, const std::string& name, const Answers& answers) {
  admin::DatabaseCreateRequest request;
  request.set_name(name);
  request.set_path(answers.text("database-path"));
  TRY(context.ask(request));
  return {};
}

Outcome<> create_mailbox(Context& context, const SetupStep& step, const Answers& answers,
                         const SetupState& state, const SetupSecrets& secrets) {
  admin::MailboxCreateRequest request;
  admin::NewMailbox* mailbox = request.add_mailboxes();
  mailbox->set_address(step.object);
  mailbox->set_database(state.databases.empty() || answers.given("database")
                            ? answers.text("database")
                            : std::string());
  mailbox->set_password(std::string(secrets.mailbox.reveal()));
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (reply.outcomes_size() == 1 && reply.outcomes(0).error().empty()) return {};
  return refused(ErrorCode::kInvalid, reply.outcomes_size() == 1 ? reply.outcomes(0).error()
                                                                 : "no answer about the mailbox");
}

Outcome<> add_administrator(Context& context, const std::string& group,
                            const std::string& administrator) {
  admin::GroupMemberAddRequest add;
  add.set_name(group);
  add.add_members(administrator);
  TRY_ASSIGN(const auto added, context.ask(add));
  if (added.outcomes_size() == 1 && !added.outcomes(0).error().empty())
    return refused(ErrorCode::kInvalid,
                   fmt::format("{}; name somebody with --administrator ADDRESS, or none",
                               added.outcomes(0).error()));
  return {};
}

// A group, so that whoever reads it can be changed without touching a mailbox.
Outcome<> create_role_addresses(Context& context, const std::string& domain,
                                const std::string& administrator, const SetupState& state) {
  admin::RecipientCreateRequest request;
  request.set_kind("group");
  request.set_name("postmaster@" + domain);
  request.set_display_name("Postmaster");
  const std::string abuse = "abuse@" + domain;
  const bool taken = std::ranges::any_of(
      state.addresses, [&](const std::string& one) { return iequals(one, abuse); });
  if (!taken && !iequals(abuse, administrator)) request.add_aliases(abuse);
  request.mutable_changes()->set_anyone(true);
  TRY(context.ask(request));
  auto added = add_administrator(context, request.name(), administrator);
  if (added) return {};
  // Without a member it would swallow what comes, and the next run would take it for done.
  admin::RecipientRemoveRequest remove;
  remove.set_kind(request.kind());
  remove.set_name(request.name());
  TRY(context.ask(remove));
  return added;
}

Outcome<> switch_service(Context& context, const std::string& name, bool on) {
  if (on) {
    admin::ServiceEnableRequest request;
    request.add_names(name);
    TRY(context.ask(request));
    return {};
  }
  admin::ServiceDisableRequest request;
  request.add_names(name);
  TRY(context.ask(request));
  return {};
}

Outcome<> create_send_connector(Context& context, const std::string& name, const Answers& answers,
                                const SetupSecrets& secrets) {
  admin::SendConnectorCreateRequest request;
  request.set_name(name);
  const auto change = [&](std::string_view key, const std::string& value) {
    auto* one = request.add_changes();
    one->set_key(std::string(key));
    one->add_values(value);
  };
  change("address-space", std::string(kAllSpace));
  if (answers.text("send") == "smart-host") {
    change("smart-host", answers.text("smart-host"));
    if (const std::string user = none_is_empty(answers.text("smart-host-user")); !user.empty()) {
      change("auth", "basic");
      change("user", user);
      change("tls", "encryption");  // no password in the clear
      request.set_password(std::string(secrets.smart_host.reveal()));
    }
  }
  TRY(context.ask(request));
  return {};
}

Outcome<> create_dkim_key(Context& context, const std::string& domain, const Answers& answers) {
  admin::DkimCreateRequest request;
  request.set_name(domain);
  request.set_algorithm(answers.text("dkim"));
  TRY(context.ask(request));
  return {};
}

Outcome<StepOutcome> activate_dkim_key(Context& context, const std::string& object) {
  const auto space = object.find(' ');
  admin::DkimActivateRequest request;
  request.set_name(object.substr(0, space));
  request.set_selector(object.substr(space + 1));
  const auto reply = context.ask(request);
  if (reply) return StepOutcome{};
  if (reply.error().exit != Exit::kRefused) return std::unexpected(reply.error());
  return StepOutcome{"not yet: " + reply.error().text, false};
}

Outcome<> add_certificate(Context& context, const Answers& answers) {
  admin::CertificateAddRequest request;
  request.set_name(answers.text("certificate-file"));
  request.set_key_file(answers.text("key-file"));
  TRY(context.ask(request));
  return {};
}

Outcome<> note_settings(Context& context, const Answers& answers, const SetupState& state) {
  admin::SetupSetRequest request;
  *request.mutable_settings() = settings_wanted(answers, state);
  TRY(context.ask(request));
  if (request.settings().administrator() == state.settings.administrator()) return {};
  admin::HealthSetRequest health;
  health.set_administrator(request.settings().administrator());
  TRY(context.ask(health));
  return {};
}

// "mail.example.org:993:SSL" of the first listener of a service; empty: it has none.
std::string connection_text(const admin::StatusReply& status, std::string_view service,
                            std::string_view encryption) {
  for (const auto& listener : status.listeners())
    if (listener.service() == service)
      return fmt::format("{}:{}:{}", status.hostname(), listener.port(), encryption);
  return {};
}

template <class Request>
Outcome<> show_connections(Context& context, const std::vector<std::string>& connections) {
  Request request;
  for (const std::string& one : connections)
    if (!one.empty()) request.mutable_external()->add_settings(one);
  if (!request.has_external()) return {};
  TRY(context.ask(request));
  return {};
}

Outcome<> show_users_where(Context& context, const Answers& answers) {
  TRY_ASSIGN(const auto status, context.ask(admin::StatusRequest{}));
  if (answers.yes("imap"))
    TRY(show_connections<admin::ImapSetRequest>(context, {connection_text(status, "imaps", "SSL"),
                                                          connection_text(status, "imap", "TLS")}));
  if (answers.yes("pop3"))
    TRY(show_connections<admin::Pop3SetRequest>(context, {connection_text(status, "pop3s", "SSL"),
                                                          connection_text(status, "pop3", "TLS")}));
  TRY_ASSIGN(const auto connectors, context.ask(admin::ReceiveConnectorListRequest{}));
  for (const auto& connector : connectors.connectors()) {
    if (connector.listener() != "submission" || connector.internal()) continue;
    admin::ReceiveConnectorSetRequest request;
    request.set_name(connector.name());
    auto* change = request.add_changes();
    change->set_key("advertise-client-settings");
    change->add_values("on");
    auto* name = request.add_changes();
    name->set_key("fqdn");
    name->add_values(status.hostname());
    TRY(context.ask(request));
    break;
  }
  return {};
}

// Whether somebody has the address, whatever they are.
Outcome<bool> address_exists(Context& context, const std::string& address) {
  admin::MailboxShowRequest mailbox;
  mailbox.set_name(address);
  const auto found = context.ask(mailbox);
  if (found) return true;
  if (found.error().exit != Exit::kRefused) return std::unexpected(found.error());
  for (const std::string_view kind : {"group", "contact", "mailuser"}) {
    admin::RecipientShowRequest request;
    request.set_kind(std::string(kind));
    request.set_name(address);
    if (context.ask(request)) return true;
  }
  return false;
}

}  // namespace

Outcome<SetupState> find_setup_state(Context& context, const std::string& root) {
  SetupState state;
  state.root = root;
  state.root_there = supervisor::check_data_root(root).has_value();
  if (!state.root_there) return state;
  const auto status = context.ask(admin::StatusRequest{});
  if (!status && status.error().exit == Exit::kUnreachable) return state;
  if (!status) return std::unexpected(status.error());
  state.running = true;
  state.hostname = status->hostname();
  for (const auto& database : status->databases()) {
    state.databases.push_back(database.name());
    state.any_mailbox |= database.mailboxes() > 0;
  }
  for (const auto& service : status->services())
    if (service.enabled()) state.services.push_back(service.name());
  TRY_ASSIGN(const auto domains, context.ask(admin::DomainListRequest{}));
  take_domains(domains, state);
  TRY_ASSIGN(const auto connectors, context.ask(admin::SendConnectorListRequest{}));
  state.sends_everywhere = std::ranges::any_of(connectors.connectors(), serves_everything);
  TRY_ASSIGN(const auto keys, context.ask(admin::DkimListRequest{}));
  for (const auto& key : keys.keys())
    state.dkim.push_back(
        {key.domain(), key.selector(), key.state(), key.record_name(), key.record()});
  TRY_ASSIGN(const auto certificates, context.ask(admin::CertificateListRequest{}));
  for (const auto& one : certificates.certificates())
    state.certificate_files.push_back(one.certificate_file());
  TRY_ASSIGN(auto settings, context.ask(admin::SetupShowRequest{}));
  state.settings = std::move(*settings.mutable_settings());
  TRY(find_names_state(context, state));
  return state;
}

Outcome<> mark_under_way(Context& context, bool under_way) {
  TRY_ASSIGN(const auto now, context.ask(admin::SetupShowRequest{}));
  admin::SetupSetRequest request;
  *request.mutable_settings() = now.settings();
  request.mutable_settings()->set_under_way(under_way);
  TRY(context.ask(request));
  return {};
}

Outcome<> find_addresses(Context& context, const std::vector<std::string>& wanted,
                         SetupState& state) {
  for (const std::string& address : wanted) {
    TRY_ASSIGN(const bool there, address_exists(context, address));
    if (there) state.addresses.push_back(address);
  }
  return {};
}

Outcome<StepOutcome> do_step(Context& context, const SetupStep& step, const Answers& answers,
                             const SetupState& state, const SetupSecrets& secrets) {
  Outcome<> done;
  switch (step.kind) {
    case StepKind::kInit:
    case StepKind::kStart: break;
    case StepKind::kDatabase: done = create_database(context, step.object, answers); break;
    case StepKind::kDomain: {
      admin::DomainAddRequest request;
      request.set_name(step.object);
      if (const auto reply = context.ask(request); !reply) done = std::unexpected(reply.error());
      break;
    }
    case StepKind::kMailbox: done = create_mailbox(context, step, answers, state, secrets); break;
    case StepKind::kRoleAddresses:
      done = create_role_addresses(context, step.object, answers.text("administrator"), state);
      break;
    case StepKind::kEnable: done = switch_service(context, step.object, true); break;
    case StepKind::kDisable: done = switch_service(context, step.object, false); break;
    case StepKind::kSendConnector:
      done = create_send_connector(context, step.object, answers, secrets);
      break;
    case StepKind::kDkimKey: done = create_dkim_key(context, step.object, answers); break;
    case StepKind::kDkimActivate: return activate_dkim_key(context, step.object);
    case StepKind::kCertificate: done = add_certificate(context, answers); break;
    case StepKind::kStsMode: done = set_sts_mode(context, step.object); break;
    case StepKind::kAcme: return order_certificates(context, answers);
    case StepKind::kLookups: done = show_users_where(context, answers); break;
    case StepKind::kSettings: done = note_settings(context, answers, state); break;
  }
  if (!done) return std::unexpected(done.error());
  return StepOutcome{};
}

Outcome<Secret> secret_from_file(const std::string& path) {
  const auto text = file_text(path);
  if (!text) return usage(text.error().text);
  std::string line = text->substr(0, text->find_first_of("\r\n"));
  if (line.empty()) return usage(fmt::format("{}: its first line, the password, is empty", path));
  if (!is_valid_utf8(line)) return usage(fmt::format("{}: the password is not UTF-8", path));
  struct stat facts{};
  if (::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
      (facts.st_mode & (S_IRGRP | S_IROTH)) != 0)
    fmt::print(stderr, "hauspost: {}: others can read the password in it: chmod 600 {}\n", path,
               path);
  return Secret(std::move(line));
}

}  // namespace hauspost::cli
