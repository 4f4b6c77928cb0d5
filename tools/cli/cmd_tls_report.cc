// Reports about TLS on connections to other servers (RFC 8460).
#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct TlsReportOptions {
  std::string domain;
  std::string date;
  bool now = false;
};

void show_tls_sums(Context& context, const child::wire::TlsReportReply& report) {
  Json sums = Json::array();
  Table table(
      {{"DAY (UTC)"}, {"DOMAIN"}, {"POLICY"}, {"GOOD", true}, {"FAILED", true}, {"REPORTED"}});
  for (const auto& sum : report.sums()) {
    sums.push_back({{"date", sum.date()},
                    {"domain", sum.domain()},
                    {"policy", sum.policy()},
                    {"successes", sum.successes()},
                    {"failures", sum.failures()},
                    {"done", sum.done()}});
    table.add({sum.date(), printable(sum.domain()), sum.policy(), std::to_string(sum.successes()),
               std::to_string(sum.failures()), sum.done() ? "yes" : "no"});
  }
  context.print({{"sums", sums}});
  if (table.empty())
    context.say("Nothing was counted; whether anything is shows: hauspost dns show");
  else
    context.say(table.render(terminal_width()));
}

Outcome<> run_tls_report_show(Context& context, TlsReportOptions& options) {
  if (options.domain.empty() && !options.date.empty())
    return usage(
        "--date belongs to the report of a domain: hauspost tls-report show DOMAIN --date DAY");
  admin::TlsReportShowRequest request;
  request.set_domain(options.domain);
  request.set_date(options.date);
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (options.domain.empty()) {
    show_tls_sums(context, reply.report());
    return {};
  }
  context.print({{"report", Json::parse(reply.report().json(), nullptr, false)}});
  context.say(reply.report().json());
  return {};
}

Outcome<> run_tls_report_send(Context& context, TlsReportOptions& options) {
  admin::TlsReportSendRequest request;
  request.set_domain(options.domain);
  request.set_now(options.now);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json sendings = Json::array();
  std::size_t failed = 0;
  for (const auto& sending : reply.report().sendings()) {
    Json to = Json::array();
    for (const std::string& address : sending.sent_to()) to.push_back(address);
    sendings.push_back({{"date", sending.date()},
                        {"domain", sending.domain()},
                        {"sent_to", to},
                        {"error", sending.error()}});
    std::string what = "nobody wants it";
    if (!sending.error().empty()) {
      what = "not sent, tried again later: " + printable(sending.error());
      ++failed;
    } else if (!to.empty()) {
      what = "sent to";
      for (const std::string& address : sending.sent_to()) what += " " + printable(address);
    }
    context.say(fmt::format("{} of {}: {}.", sending.date(), printable(sending.domain()), what));
  }
  context.print({{"sendings", sendings}});
  if (sendings.empty()) {
    context.say(options.now ? "There is nothing to report."
                            : "There is nothing to report of days that have ended; --now takes "
                              "today too.");
  }
  if (failed == 0) return {};
  return std::unexpected(Failure{failed == sendings.size() ? Exit::kRefused : Exit::kPartial,
                                 "unavailable", fmt::format("{} reports were not sent", failed),
                                 true});
}

}  // namespace

void add_tls_report_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun =
      add_noun(app, "tls-report", "What became of TLS on the way to others, and reports about it");
  auto options = std::make_shared<TlsReportOptions>();
  CLI::App* show = add_verb<TlsReportOptions>(
      *noun, "show", "Show what was counted, or the report of a domain as it is sent", chosen,
      options, run_tls_report_show);
  show->add_option("DOMAIN", options->domain, "The report of this domain");
  show->add_option("--date", options->date, "Of this day, as 2026-11-21 (default: today)")
      ->type_name("DAY");
  CLI::App* send = add_verb<TlsReportOptions>(
      *noun, "send", "Send the reports of days that have ended and were not sent", chosen, options,
      run_tls_report_send);
  send->add_option("--domain", options->domain, "Only this domain's")->type_name("DOMAIN");
  send->add_flag("--now", options->now, "That of today too, with what was counted until now");
}

}  // namespace hauspost::cli
