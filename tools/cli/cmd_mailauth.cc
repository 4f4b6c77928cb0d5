// SPF, DKIM, DMARC and ARC: what is checked, what follows, and what a message would get.
#include <fmt/format.h>

#include <fstream>

#include "base/text.h"
#include "server/child/mailauth.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::size_t kTestedBytesMax = 15 * 1024 * 1024;  // what a call to the server can carry
constexpr std::string_view kDefaultWord = "default";

struct MailauthSetOptions {
  std::vector<std::pair<std::string, std::string>> given;  // by the settings' names
  std::vector<std::string> skip;
  std::vector<std::string> sealers;
  std::string time_limit;
  bool dry_run = false;
};

struct MailauthTestOptions {
  std::string file;
  std::string client;
  std::string helo;
  std::string from;
};

struct DmarcReportOptions {
  std::string domain;
  std::string date;
  bool today = false;
};

template <class Reply>
void show_mailauth_settings(Context& context, const Reply& reply) {
  Json settings = Json::object();
  Table table({{"SETTING"}, {"VALUE"}, {"CHANGED FROM"}});
  const auto shown = [](const std::string& name, const std::string& text) {
    if (!text.empty()) return printable(text);
    if (name == "report-from") return std::string("postmaster@ the host name");
    return std::string(name == "trusted-sealers" ? "none" : "the host name");
  };
  for (const admin::MailauthSetting& one : reply.settings()) {
    settings[one.name()] = one.value();
    table.add({one.name(), shown(one.name(), one.value()),
               one.value() == one.default_value() ? "" : shown(one.name(), one.default_value())});
  }
  context.print({{"settings", settings}});
  context.say(table.render(terminal_width()));
}

Outcome<> run_mailauth_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::MailauthShowRequest()));
  show_mailauth_settings(context, reply);
  return {};
}

// "default" stands for what was never set.
std::string or_default(std::string value) {
  return value == kDefaultWord ? std::string() : std::move(value);
}

std::string one_line(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

Outcome<> run_mailauth_set(Context& context, MailauthSetOptions& options) {
  admin::MailauthSetRequest request;
  request.set_dry_run(options.dry_run);
  const auto add = [&request](const std::string& name, std::string value) {
    admin::MailauthSetting* one = request.add_settings();
    one->set_name(name);
    one->set_value(or_default(std::move(value)));
  };
  for (const auto& [name, value] : options.given)
    if (!value.empty()) add(name, value);
  if (!options.skip.empty()) add("skip", one_line(options.skip));
  if (!options.sealers.empty()) {
    const std::string sealers = one_line(options.sealers);
    add("trusted-sealers", sealers == "none" ? std::string(kDefaultWord) : sealers);
  }
  if (!options.time_limit.empty() && options.time_limit != kDefaultWord) {
    const auto seconds = parse_duration(options.time_limit);
    if (!seconds || *seconds < 1 || *seconds > 3600)
      return usage(fmt::format("--time-limit {}: whole seconds, for instance 5s",
                               printable(options.time_limit)));
    add("time-limit-ms", std::to_string(*seconds * 1000));
  } else if (!options.time_limit.empty()) {
    add("time-limit-ms", std::string(kDefaultWord));
  }
  if (request.settings().empty())
    return usage("nothing to change; see: hauspost mailauth set --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_mailauth_settings(context, reply);
  if (options.dry_run) context.say("Nothing was changed.");
  return {};
}

Outcome<std::string> read_message(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return refused(errno_error(path));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return refused(ErrorCode::kInternal, fmt::format("{}: cannot be read", path));
  if (text.size() > kTestedBytesMax)
    return refused(ErrorCode::kExhausted, fmt::format("{}: larger than {}", printable(path),
                                                      human_bytes(kTestedBytesMax)));
  return text;
}

Outcome<> run_mailauth_test(Context& context, MailauthTestOptions& options) {
  admin::MailauthTestRequest request;
  auto& test = *request.mutable_test();
  TRY_ASSIGN(*test.mutable_message(), read_message(options.file));
  test.set_client(options.client);
  test.set_helo(options.helo);
  test.set_sender(options.from);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const auto& outcome = reply.outcome();
  Json verdicts = Json::array();
  Table table({{"METHOD"}, {"RESULT"}, {"DOMAIN"}, {"SELECTOR"}, {"DETAIL"}});
  for (const auto& one : outcome.verdicts()) {
    verdicts.push_back({{"method", one.method()},
                        {"result", one.result()},
                        {"domain", one.domain()},
                        {"selector", one.selector()},
                        {"detail", one.detail()}});
    table.add({one.method(), one.result(), printable(one.domain()), printable(one.selector()),
               printable(one.detail())});
  }
  context.print({{"verdicts", verdicts},
                 {"field", outcome.field()},
                 {"action", outcome.action()},
                 {"client_checked", outcome.client_checked()}});
  if (!table.empty()) context.say(table.render(terminal_width()));
  for (std::string_view line : split(outcome.field(), '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    context.say((line.starts_with('\t') ? "    " : "") + printable(trim(line)));
  }
  context.say(outcome.action() == "reject" ? "\nIt would be refused: 550 5.7.26."
              : outcome.action() == "junk" ? "\nIt would go into the folder Junk."
                                           : "\nIt would be accepted.");
  if (!options.client.empty() && !outcome.client_checked())
    context.say(
        "Mail from this client is not checked, though: see \"skip\" in hauspost mailauth "
        "show.");
  return {};
}

Json dmarc_sendings_json(const child::wire::DmarcReportReply& reports) {
  Json out = Json::array();
  for (const auto& one : reports.sendings()) {
    Json sent = Json::array();
    for (const std::string& to : one.sent_to()) sent.push_back(to);
    Json unwilling = Json::array();
    for (const std::string& to : one.refused()) unwilling.push_back(to);
    out.push_back({{"date", one.date()},
                   {"domain", one.domain()},
                   {"sent_to", sent},
                   {"not_agreed", unwilling},
                   {"error", one.error()}});
  }
  return out;
}

Outcome<> run_dmarc_report_list(Context& context, DmarcReportOptions&) {
  TRY_ASSIGN(const auto reply, context.ask(admin::DmarcReportShowRequest()));
  Json sums = Json::array();
  Table table({{"DATE"}, {"DOMAIN"}, {"MESSAGES", true}, {"FAILED", true}, {"REPORTED"}});
  for (const auto& sum : reply.reports().sums()) {
    sums.push_back({{"date", sum.date()},
                    {"domain", sum.domain()},
                    {"messages", sum.messages()},
                    {"failures", sum.failures()},
                    {"reported", sum.done()}});
    table.add({sum.date(), printable(sum.domain()), std::to_string(sum.messages()),
               std::to_string(sum.failures()), sum.done() ? "yes" : "no"});
  }
  context.print({{"reports", sums}});
  context.say(table.empty() ? "Nothing was counted; see \"reports\" in hauspost mailauth show."
                            : table.render(terminal_width()));
  return {};
}

Outcome<> run_dmarc_report_show(Context& context, DmarcReportOptions& options) {
  admin::DmarcReportShowRequest request;
  request.mutable_query()->set_domain(options.domain);
  request.mutable_query()->set_date(options.date);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"xml", reply.reports().xml()}});
  for (const std::string_view line : split(trim(reply.reports().xml()), '\n'))
    context.say(printable(line));
  return {};
}

Outcome<> run_dmarc_report_send(Context& context, DmarcReportOptions& options) {
  admin::DmarcReportSendRequest request;
  request.mutable_query()->set_domain(options.domain);
  request.mutable_query()->set_today(options.today);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"sendings", dmarc_sendings_json(reply.reports())}});
  std::size_t failed = 0;
  for (const auto& one : reply.reports().sendings()) {
    std::string to;
    for (const std::string& address : one.sent_to()) to += " " + printable(address);
    failed += one.error().empty() ? 0 : 1;
    context.say(fmt::format("{} {}: {}", one.date(), printable(one.domain()),
                            !one.error().empty() ? "not sent: " + printable(one.error())
                            : to.empty()         ? "nobody gets it"
                                                 : "sent to" + to));
    for (const std::string& address : one.refused())
      context.say(fmt::format("  {} did not agree to get reports about {}", printable(address),
                              printable(one.domain())));
  }
  if (reply.reports().sendings().empty()) context.say("There is nothing to send.");
  if (failed == 0) return {};
  Failure failure =
      partial(fmt::format("{} reports were not sent; they are tried again", failed)).error();
  failure.answered = true;
  return std::unexpected(std::move(failure));
}

void add_mailauth_set(CLI::App& noun, Verb& chosen) {
  const auto options = std::make_shared<MailauthSetOptions>();
  CLI::App* set = add_verb<MailauthSetOptions>(
      noun, "set", "Change what is checked and what follows; \"default\" takes a change back",
      chosen, options, run_mailauth_set);
  constexpr std::pair<const char*, const char*> kTexts[] = {
      {"spf", "Check SPF: on or off"},
      {"dkim", "Check DKIM signatures: on or off"},
      {"dmarc", "Follow DMARC: on or off"},
      {"arc", "Check ARC chains: on or off"},
      {"sign", "Sign what leaves with the keys there are: on or off"},
      {"seal", "Seal (ARC) what is passed on: on or off"},
      {"enforce", "What follows a DMARC failure: monitor, quarantine or reject"},
      {"authserv-id", "Our name in Authentication-Results"},
      {"reports", "Send DMARC's aggregate reports: on or off"},
      {"report-from", "Sender of the reports"},
      {"report-organization", "Our name in the reports"}};
  options->given.reserve(std::size(kTexts));
  for (const auto& [name, text] : kTexts) {
    options->given.emplace_back(name, std::string());
    set->add_option(std::string("--") + name, options->given.back().second, text)
        ->type_name("VALUE");
  }
  set->add_option("--skip", options->skip,
                  "Networks of clients that are not checked; \"none\": everybody is. Default: "
                  "private networks and this host")
      ->type_name("NETWORK");
  set->add_option("--trusted-sealers", options->sealers,
                  "Domains whose ARC seals outweigh a DMARC failure; \"none\" trusts nobody")
      ->type_name("DOMAIN");
  set->add_option("--time-limit", options->time_limit,
                  "For all questions about one message (default: 5s)")
      ->type_name("TIME");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

void add_dmarc_report(CLI::App& noun, Verb& chosen) {
  CLI::App* report = add_noun(noun, "report", "Aggregate reports to owners of domains (DMARC)");
  const auto options = std::make_shared<DmarcReportOptions>();
  add_verb<DmarcReportOptions>(*report, "list", "List what was counted, by day and domain", chosen,
                               options, run_dmarc_report_list);
  CLI::App* show = add_verb<DmarcReportOptions>(*report, "show", "Show a report as it is sent",
                                                chosen, options, run_dmarc_report_show);
  show->add_option("DOMAIN", options->domain, "What it is about")->required();
  show->add_option("DATE", options->date, "Its day, for instance 2026-11-22 (UTC)")->required();
  CLI::App* send = add_verb<DmarcReportOptions>(
      *report, "send", "Send what is due now instead of in the coming night", chosen, options,
      run_dmarc_report_send);
  send->add_option("--domain", options->domain, "Only about this domain")->type_name("NAME");
  send->add_flag("--today", options->today, "The day that has not ended, too");
}

}  // namespace

void add_mailauth_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "mailauth", "Who mail is from: SPF, DKIM, DMARC and ARC");
  add_verb(*noun, "show", "Show what is checked and what follows", chosen, run_mailauth_show);
  add_mailauth_set(*noun, chosen);
  const auto options = std::make_shared<MailauthTestOptions>();
  CLI::App* test = add_verb<MailauthTestOptions>(
      *noun, "test", "Check a message in a file, and say what would become of it", chosen, options,
      run_mailauth_test);
  test->add_option("FILE", options->file, "The message")->required();
  test->add_option("--client", options->client,
                   "Address of the SMTP client; without it SPF is left out")
      ->type_name("ADDRESS");
  test->add_option("--helo", options->helo, "What the client said in EHLO")->type_name("NAME");
  test->add_option("--from", options->from, "Sender of the envelope")->type_name("ADDRESS");
  add_dmarc_report(*noun, chosen);
}

}  // namespace hauspost::cli
