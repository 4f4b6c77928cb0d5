#include "tools/cli/setup_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/directory.h"
#include "server/directory/names.h"

namespace hauspost::cli {

namespace {

constexpr std::string_view kNobody = "none";

bool has_item(const std::vector<std::string>& all, std::string_view one) {
  return std::ranges::any_of(all, [&](const std::string& item) { return iequals(item, one); });
}

std::string or_empty(const std::string& answer) { return answer == kNobody ? "" : answer; }

bool web_is_known() {
  return std::ranges::any_of(directory::kServices,
                             [](const auto& service) { return service.name == "web"; });
}

std::string canonical(const std::string& domain) {
  return directory::canonical_domain(domain).value_or(domain);
}

void propose_fresh(const SetupState& state, const std::string& machine_name,
                   const std::string& login, Answers& answers) {
  answers.propose("hostname", state.hostname.empty() ? machine_name : state.hostname);
  const std::string host = answers.text("hostname");
  // "mail.example.org" serves example.org.
  const auto dot = host.find('.');
  const bool deep = dot != std::string::npos && host.find('.', dot + 1) != std::string::npos;
  answers.propose("domain", deep ? host.substr(dot + 1) : host);
  const auto domains = answers.list("domain");
  const std::string user = login.empty() || login == "root" ? "mail" : login;
  answers.propose("mailbox", domains.empty() ? std::string(kNobody) : user + "@" + domains.front());
  answers.propose("administrator", answers.text("mailbox"));
  const bool offline = answers.yes("offline");
  // CAA of the authority that is to issue; another one's name is not known from its URL.
  if (answers.text("certificate") == "acme" && answers.text("acme-directory").empty())
    answers.propose("authority", "letsencrypt.org");
  answers.propose("web", web_is_known() ? "yes" : "no");
  answers.propose("send", offline ? "none" : "direct");
  answers.propose("dkim", offline ? "none" : "rsa");
  answers.propose("reports-to", offline ? std::string(kNobody) : answers.text("administrator"));
}

std::string joined(const google::protobuf::RepeatedPtrField<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

void propose_old(const SetupState& state, Answers& answers) {
  answers.propose("hostname", state.hostname);
  answers.propose("domain", fmt::format("{}", fmt::join(state.domains, " ")));
  answers.propose("mailbox", std::string(kNobody));
  const auto on = [&](std::string_view service) {
    return std::string(has_item(state.services, service) ? "yes" : "no");
  };
  for (const std::string_view one : {"imap", "pop3", "web"}) answers.propose(one, on(one));
  answers.propose("send", std::string(kNobody));
  answers.propose("dkim", state.dkim.empty() ? "none" : "rsa");
  answers.propose("mta-sts", state.sts_mode);
  answers.propose("database", state.databases.empty() ? "DB1" : state.databases.front());
  const admin::SetupSettings& settings = state.settings;
  answers.propose("offline", settings.private_box() ? "yes" : "no");
  answers.propose("administrator", settings.administrator());
  answers.propose("dmarc", settings.dmarc_policy());
  answers.propose("reports-to", settings.dmarc_reports_to());
  answers.propose("public-address", joined(settings.public_addresses()));
  answers.propose("authority", joined(settings.authorities()));
  answers.propose("spf", joined(settings.spf()));
  answers.propose("tlsa", settings.tlsa() ? "yes" : "no");
}

class Planner {
 public:
  Planner(const Answers& answers, const SetupState& state) : answers_(answers), state_(state) {}

  std::vector<SetupStep> plan() {
    add_server();
    add_directory();
    add_services();
    add_ways();
    add_lookups();
    return std::move(steps_);
  }

 private:
  void add(StepKind kind, std::string object, std::string text) {
    steps_.push_back({kind, std::move(object), std::move(text)});
  }

  void add_server() {
    if (!state_.root_there)
      add(StepKind::kInit, state_.root,
          fmt::format("make the data root {} for {}", state_.root, answers_.text("hostname")));
    if (!state_.running) add(StepKind::kStart, state_.root, "start the server");
  }

  void add_directory() {
    if (state_.databases.empty() ||
        (answers_.given("database") && !has_item(state_.databases, answers_.text("database"))))
      add(StepKind::kDatabase, answers_.text("database"),
          "create database " + answers_.text("database"));
    for (const std::string& domain : answers_.list("domain"))
      if (!has_item(state_.domains, canonical(domain)))
        add(StepKind::kDomain, canonical(domain), "accept mail for " + canonical(domain));
    const std::string mailbox = or_empty(answers_.text("mailbox"));
    if (!mailbox.empty() && !has_item(state_.addresses, mailbox))
      add(StepKind::kMailbox, mailbox, "create mailbox " + mailbox);
    if (or_empty(answers_.text("administrator")).empty()) return;
    for (const std::string& domain : answers_.list("domain")) {
      const std::string postmaster = "postmaster@" + canonical(domain);
      if (iequals(postmaster, mailbox) || has_item(state_.addresses, postmaster)) continue;
      add(StepKind::kRoleAddresses, canonical(domain),
          fmt::format("mail for postmaster and abuse at {} goes to {}", canonical(domain),
                      answers_.text("administrator")));
    }
  }

  void add_services() {
    for (const std::string_view answer : {"imap", "pop3", "web"}) {
      if (answer == "web" && !web_is_known()) continue;
      for (const std::string& service : services_of(answer)) {
        const bool on = has_item(state_.services, service);
        if (answers_.yes(answer) && !on) add(StepKind::kEnable, service, "enable " + service);
        if (!answers_.yes(answer) && on && answers_.given(answer))
          add(StepKind::kDisable, service, "disable " + service);
      }
    }
  }

  void add_ways() {
    const std::string send = answers_.text("send");
    if (send != kNobody && !send.empty() && !state_.sends_everywhere)
      add(StepKind::kSendConnector, "Internet",
          send == "direct" ? "mail leaves to the hosts that the DNS names"
                           : "mail leaves through " + answers_.text("smart-host"));
    if (const std::string kind = answers_.text("dkim"); kind != kNobody && !kind.empty())
      for (const std::string& domain : answers_.list("domain")) add_dkim(canonical(domain), kind);
    const std::string file = answers_.text("certificate-file");
    if (answers_.text("certificate") == "files" && state_.root_there &&
        !has_item(state_.certificate_files, file))
      add(StepKind::kCertificate, file, "show certificate " + file);
    if (settings_wanted(answers_, state_).SerializeAsString() !=
        state_.settings.SerializeAsString())
      add(StepKind::kSettings, "setup", "note what the DNS is to say of the server");
  }

  // What users and their programs are told of where to connect, on the pages of service web.
  void add_lookups() {
    if (state_.fresh() && web_is_known() && answers_.yes("web"))
      add(StepKind::kLookups, "look-ups", "tell users and their programs where to connect");
    if (const std::string mode = answers_.text("mta-sts"); mode != state_.sts_mode)
      add(StepKind::kStsMode, mode, "MTA-STS: " + mode);
    if (answers_.text("certificate") == "acme" && !state_.acme)
      add(StepKind::kAcme, answers_.text("hostname"), "order certificates, and renew them (ACME)");
  }

  void add_dkim(const std::string& domain, const std::string& kind) {
    bool any = false;
    bool active = false;
    std::string staged;
    for (const DkimRecord& key : state_.dkim) {
      if (key.domain != domain) continue;
      any = true;
      active |= key.state == "active";
      if (key.state == "staged" && staged.empty()) staged = key.selector;
    }
    if (!any)
      add(StepKind::kDkimKey, domain, fmt::format("make a DKIM key ({}) for {}", kind, domain));
    if (any && !active && !staged.empty() && !answers_.yes("offline"))
      add(StepKind::kDkimActivate, domain + " " + staged,
          fmt::format("sign mail of {} with {}, if its record is published", domain, staged));
  }

  const Answers& answers_;
  const SetupState& state_;
  std::vector<SetupStep> steps_;
};

}  // namespace

std::vector<std::string> services_of(std::string_view answer) {
  if (answer == "imap") return {"imap", "imap-backend"};
  if (answer == "pop3") return {"pop3", "pop3-backend"};
  return {std::string(answer)};
}

void propose_answers(const SetupState& state, const std::string& machine_name,
                     const std::string& login, Answers& answers) {
  if (state.fresh())
    propose_fresh(state, machine_name, login, answers);
  else
    propose_old(state, answers);
}

std::vector<std::string> addresses_wanted(const Answers& answers) {
  std::vector<std::string> out;
  if (const std::string mailbox = or_empty(answers.text("mailbox")); !mailbox.empty())
    out.push_back(mailbox);
  for (const std::string& domain : answers.list("domain")) {
    out.push_back("postmaster@" + canonical(domain));
    out.push_back("abuse@" + canonical(domain));
  }
  return out;
}

std::vector<SetupStep> setup_plan(const Answers& answers, const SetupState& state) {
  return Planner(answers, state).plan();
}

admin::SetupSettings settings_wanted(const Answers& answers, const SetupState& state) {
  admin::SetupSettings out = state.settings;
  out.set_under_way(state.fresh());
  out.set_private_box(answers.yes("offline"));
  out.set_administrator(or_empty(answers.text("administrator")));
  out.set_dmarc_policy(answers.text("dmarc"));
  out.set_tlsa(answers.yes("tlsa"));
  if (state.fresh() || answers.given("reports-to")) {
    out.set_dmarc_reports_to(or_empty(answers.text("reports-to")));
    out.set_tls_reports_to(or_empty(answers.text("reports-to")));
  }
  const auto put = [&](std::string_view key, auto* list) {
    list->Clear();
    for (const std::string& one : answers.list(key)) list->Add(std::string(one));
  };
  put("public-address", out.mutable_public_addresses());
  put("authority", out.mutable_authorities());
  put("spf", out.mutable_spf());
  return out;
}

}  // namespace hauspost::cli
