#include "tools/cli/cmd_certificate_acme.h"

#include <fmt/format.h>

#include <filesystem>
#include <thread>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/supervisor/admin_acme_api.h"
#include "tools/cli/progress.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr char kAcmeProduction[] = "https://acme-v02.api.letsencrypt.org/directory";
constexpr char kAcmeStaging[] = "https://acme-staging-v02.api.letsencrypt.org/directory";
constexpr std::size_t kEabFileMax = 4096;
constexpr std::chrono::milliseconds kAcmePoll{200};
constexpr std::chrono::minutes kAcmeWait{20};

struct AcmeOptions {
  std::vector<std::string> names;
  std::string directory;
  bool staging = false;
  std::vector<std::string> contacts;
  bool agree_terms = false;
  std::string challenge = "http-01";
  std::string key = "ecdsa";
  std::string ca_file;
  std::string eab_kid;
  std::string eab_key_file;
  std::string name;
  unsigned reason = 0;
  bool no_wait = false;
  bool dry_run = false;
};

Json acme_json(const admin::AcmeOrder& order) {
  Json names = Json::array();
  for (const std::string& name : order.names()) names.push_back(name);
  Json contacts = Json::array();
  for (const std::string& contact : order.contacts()) contacts.push_back(contact);
  return {{"name", order.name()},
          {"names", names},
          {"directory", order.directory()},
          {"contacts", contacts},
          {"challenge", order.challenge()},
          {"key", order.key()},
          {"ca_file", order.ca_file()},
          {"eab_kid", order.eab_kid()},
          {"certificate_file", order.certificate_file()},
          {"state", order.state()},
          {"step", order.step()},
          {"error", order.error()},
          {"error_type", order.error_type()},
          {"last_try_s", order.last_try_s()},
          {"next_try_s", order.next_try_s()},
          {"issued_s", order.issued_s()},
          {"not_before_s", order.not_before_s()},
          {"not_after_s", order.not_after_s()},
          {"failures", order.failures()}};
}

std::string acme_time(std::int64_t time_s) { return time_s == 0 ? "-" : human_time(time_s); }

std::string acme_names(const admin::AcmeOrder& order) {
  std::string out;
  for (const std::string& name : order.names()) out += (out.empty() ? "" : ", ") + name;
  return printable(out);
}

// All of one order.
void say_acme_order(Context& context, const admin::AcmeOrder& order) {
  Table table({{"ORDER"}, {printable(order.name())}});
  table.add({"state", order.step().empty() ? order.state() : order.state() + ": " + order.step()});
  table.add({"names", acme_names(order)});
  table.add({"authority", printable(order.directory())});
  table.add({"challenge", order.challenge()});
  table.add({"key", order.key()});
  for (const std::string& contact : order.contacts()) table.add({"contact", printable(contact)});
  if (!order.ca_file().empty()) table.add({"its authorities", printable(order.ca_file())});
  if (!order.eab_kid().empty()) table.add({"external account", printable(order.eab_kid())});
  if (order.issued_s() != 0) {
    table.add({"certificate", printable(order.certificate_file())});
    table.add(
        {"valid", human_time(order.not_before_s()) + " to " + human_time(order.not_after_s())});
  }
  if (!order.error().empty()) table.add({"last error", printable(order.error())});
  if (order.failures() > 0) table.add({"failures", std::to_string(order.failures())});
  table.add({"last try", acme_time(order.last_try_s())});
  table.add({"next try", acme_time(order.next_try_s())});
  context.say(table.render(0));
}

// Follows a try to its end, by the count of tries that have ended.
Outcome<admin::AcmeOrder> follow_acme(Context& context, admin::AcmeOrder order) {
  JobProgress progress(system_clock());
  const std::uint64_t before = order.tries();
  admin::AcmeShowRequest request;
  request.set_name(order.name());
  const auto until = std::chrono::steady_clock::now() + kAcmeWait;
  while (order.tries() == before) {
    if (std::chrono::steady_clock::now() >= until) {
      return partial(
          fmt::format("order {} is still under way ({}); see: hauspost certificate acme "
                      "show {}",
                      order.name(), order.step(), order.name()));
    }
    progress.update(order.step().empty() ? "waiting" : order.step(), 0, 0);
    std::this_thread::sleep_for(kAcmePoll);
    TRY_ASSIGN(const auto reply, context.ask(request));
    if (reply.orders().empty()) return refused(ErrorCode::kNotFound, "the order is gone");
    order = reply.orders(0);
  }
  return order;
}

// After a try: what came of it, and the error when it came to nothing.
Outcome<> tell_acme(Context& context, const admin::AcmeOrder& order) {
  context.print(acme_json(order));
  if (!order.error().empty()) {
    std::string text = fmt::format("order {}: {}; it is tried again at {}", order.name(),
                                   printable(order.error()), acme_time(order.next_try_s()));
    if (order.issued_s() != 0)
      text += fmt::format("; the certificate in use stays, it is good until {}",
                          human_time(order.not_after_s()));
    return std::unexpected(Failure{Exit::kPartial, "partial", text, context.json()});
  }
  context.say(fmt::format("Certificate for {}: {}, good until {}; the next is ordered at {}.",
                          acme_names(order), printable(order.certificate_file()),
                          human_time(order.not_after_s()), acme_time(order.next_try_s())));
  return {};
}

Outcome<> run_acme_enable(Context& context, AcmeOptions& options) {
  if (options.staging && !options.directory.empty())
    return usage("--staging and --directory name two servers: say one of them");
  if (options.eab_kid.empty() != options.eab_key_file.empty())
    return usage("--eab-kid and --eab-key-file belong together");
  admin::AcmeEnableRequest request;
  admin::AcmeOrder& order = *request.mutable_order();
  for (const std::string& name : options.names) order.add_names(name);
  request.set_name(ascii_lower(options.names.front()));
  const std::string known = options.staging ? kAcmeStaging : kAcmeProduction;
  order.set_directory(options.directory.empty() ? known : options.directory);
  for (const std::string& contact : options.contacts) order.add_contacts(contact);
  order.set_challenge(options.challenge);
  order.set_key(options.key);
  if (!options.ca_file.empty())
    order.set_ca_file(std::filesystem::absolute(options.ca_file).lexically_normal().string());
  order.set_eab_kid(options.eab_kid);
  request.set_agree_terms(options.agree_terms);
  request.set_dry_run(options.dry_run);
  if (!options.eab_key_file.empty()) {
    auto bytes = read_small_file(options.eab_key_file, kEabFileMax);
    if (!bytes) return refused(bytes.error());
    const std::size_t end = bytes->find_last_not_of(" \t\r\n=");
    request.set_eab_key(bytes->substr(0, end == std::string::npos ? 0 : end + 1));
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (options.dry_run || options.no_wait) {
    context.print(acme_json(reply.order()));
    context.say(options.dry_run ? fmt::format("Would order a certificate for {} at {}. Nothing was "
                                              "changed.",
                                              acme_names(reply.order()), order.directory())
                                : fmt::format("Ordering a certificate for {}; see: hauspost "
                                              "certificate acme show {}",
                                              acme_names(reply.order()), request.name()));
    return {};
  }
  TRY_ASSIGN(const auto ended, follow_acme(context, reply.order()));
  return tell_acme(context, ended);
}

Outcome<> run_acme_show(Context& context, AcmeOptions& options) {
  admin::AcmeShowRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (!options.name.empty()) {
    context.print(acme_json(reply.orders(0)));
    say_acme_order(context, reply.orders(0));
    return {};
  }
  Json all = Json::array();
  Table table({{"ORDER"}, {"NAMES"}, {"STATE"}, {"UNTIL"}, {"NEXT TRY"}, {"LAST ERROR"}});
  for (const admin::AcmeOrder& order : reply.orders()) {
    all.push_back(acme_json(order));
    table.add({printable(order.name()), acme_names(order), order.state(),
               acme_time(order.not_after_s()), acme_time(order.next_try_s()),
               order.error().empty() ? "-" : printable(order.error())});
  }
  context.print({{"orders", all}});
  context.say(reply.orders().empty()
                  ? "No certificate is ordered; see: hauspost certificate acme enable"
                  : table.render(terminal_width()));
  return {};
}

Outcome<> run_acme_renew(Context& context, AcmeOptions& options) {
  admin::AcmeRenewRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (options.no_wait) {
    context.print(acme_json(reply.order()));
    context.say("Ordering; see: hauspost certificate acme show " + reply.order().name());
    return {};
  }
  TRY_ASSIGN(const auto ended, follow_acme(context, reply.order()));
  return tell_acme(context, ended);
}

Outcome<> run_acme_disable(Context& context, AcmeOptions& options) {
  admin::AcmeDisableRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  if (!options.dry_run)
    TRY(context.confirm("Order no further certificates for " + options.name));
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"dry_run", options.dry_run}, {"order", acme_json(reply.order())}});
  const std::string& file = reply.order().certificate_file();
  const bool issued = reply.order().issued_s() != 0;
  if (options.dry_run) {
    context.say("Would order no further certificates for " + acme_names(reply.order()) +
                ". Nothing was changed.");
  } else {
    context.say("No further certificates are ordered for " + acme_names(reply.order()) + ".");
  }
  if (issued) {
    context.say(
        fmt::format("What was issued stays in use until {}; to take it away: hauspost "
                    "certificate remove {}",
                    human_time(reply.order().not_after_s()), printable(file)));
  }
  return {};
}

Outcome<> run_acme_revoke(Context& context, AcmeOptions& options) {
  admin::AcmeRevokeRequest request;
  request.set_name(options.name);
  request.set_reason(options.reason);
  request.set_dry_run(options.dry_run);
  if (!options.dry_run)
    TRY(context.confirm("Have the authority revoke the certificate of " + options.name +
                        ", and order another"));
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (options.dry_run) {
    context.print({{"dry_run", true}, {"order", acme_json(reply.order())}});
    context.say(
        fmt::format("Would have {} revoke the certificate for {}, and order another. "
                    "Nothing was changed.",
                    printable(reply.order().directory()), acme_names(reply.order())));
    return {};
  }
  context.say("Revoked. Another is ordered, with another key.");
  TRY_ASSIGN(const auto ended, follow_acme(context, reply.order()));
  return tell_acme(context, ended);
}

void add_acme_order_argument(CLI::App* verb, AcmeOptions& options) {
  verb->add_option("NAME", options.name, "The first name of its certificate")->required();
}

void add_acme_enable(CLI::App& noun, Verb& chosen, const std::shared_ptr<AcmeOptions>& options) {
  CLI::App* enable = add_verb<AcmeOptions>(
      noun, "enable", "Order a certificate now, and another whenever it is time", chosen, options,
      run_acme_enable);
  enable->add_option("--name", options->names, "A host name; the first names the order")
      ->type_name("HOST")
      ->required();
  enable
      ->add_option("--directory", options->directory,
                   "The authority's ACME directory; Let's Encrypt unless it is said")
      ->type_name("URL");
  enable->add_flag("--staging", options->staging,
                   "Let's Encrypt's staging server, whose certificates nobody trusts");
  enable->add_option("--contact", options->contacts, "Whom the authority may write to")
      ->type_name("ADDRESS");
  enable->add_flag("--agree-terms", options->agree_terms,
                   "You have read the authority's terms of service and agree");
  enable
      ->add_option("--challenge", options->challenge,
                   "http-01 (port 80, service web) or tls-alpn-01 (port 443, listener https)")
      ->type_name("KIND")
      ->capture_default_str();
  enable->add_option("--key", options->key, "ecdsa (P-256) or rsa (2048 bits)")
      ->type_name("KIND")
      ->capture_default_str();
  enable
      ->add_option("--ca-file", options->ca_file,
                   "PEM: the only authorities that the server itself may be of")
      ->type_name("FILE");
  enable->add_option("--eab-kid", options->eab_kid, "Of an account that you have there already")
      ->type_name("ID");
  enable->add_option("--eab-key-file", options->eab_key_file, "Its HMAC key in base64url")
      ->type_name("FILE");
  enable->add_flag("--no-wait", options->no_wait, "Return before the certificate is there");
  enable->add_flag("--dry-run", options->dry_run, "Check, change nothing");
}

}  // namespace

void add_certificate_acme_commands(CLI::App& certificate, Verb& chosen) {
  CLI::App* noun = add_noun(certificate, "acme", "Certificates that the server orders by itself");
  auto options = std::make_shared<AcmeOptions>();
  add_acme_enable(*noun, chosen, options);
  add_verb<AcmeOptions>(*noun, "show", "Show the orders, or all of one", chosen, options,
                        run_acme_show)
      ->add_option("NAME", options->name, "The first name of its certificate; none: all");
  CLI::App* renew =
      add_verb<AcmeOptions>(*noun, "renew", "Order another now", chosen, options, run_acme_renew);
  add_acme_order_argument(renew, *options);
  renew->add_flag("--no-wait", options->no_wait, "Return before the certificate is there");
  CLI::App* disable = add_verb<AcmeOptions>(
      *noun, "disable", "Order no more; what was issued stays", chosen, options, run_acme_disable);
  add_acme_order_argument(disable, *options);
  disable->add_flag("--dry-run", options->dry_run, "Check, change nothing");
  CLI::App* revoke =
      add_verb<AcmeOptions>(*noun, "revoke", "Have the authority revoke it, and order another",
                            chosen, options, run_acme_revoke);
  add_acme_order_argument(revoke, *options);
  revoke
      ->add_option("--reason", options->reason,
                   "Number of RFC 5280: 0 none, 1 key compromise, 4 superseded")
      ->type_name("N")
      ->capture_default_str();
  revoke->add_flag("--dry-run", options->dry_run, "Check, change nothing");
}

}  // namespace hauspost::cli
