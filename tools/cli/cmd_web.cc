// hauspost web show and set.
#include <fmt/format.h>

#include "server/supervisor/admin_web_api.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct WebSetOptions {
  std::string mta_sts;
  std::string max_age;
  std::vector<std::string> mx;
  std::optional<std::string> title;
  bool dry_run = false;
};

template <class Texts>
Json web_texts(const Texts& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

template <class Texts>
std::string web_lines(const Texts& texts, std::string_view none) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out.empty() ? std::string(none) : out;
}

void show_web(Context& context, const admin::WebSettings& settings) {
  context.print({{"enabled", settings.enabled()},
                 {"endpoints", web_texts(settings.endpoints())},
                 {"advertised", web_texts(settings.advertised())},
                 {"title", settings.title()},
                 {"mta_sts_mode", settings.mta_sts_mode()},
                 {"mta_sts_max_age_s", settings.mta_sts_max_age_s()},
                 {"mta_sts_mx", web_texts(settings.mta_sts_mx())},
                 {"policy", settings.policy()},
                 {"policy_id", settings.policy_id()}});
  Table table({{"SETTING"}, {"VALUE"}});
  table.add({"service web", settings.enabled() ? "on" : "off"});
  table.add({"listens at", web_lines(settings.endpoints(), "nowhere: see [listeners]")});
  table.add({"shown to users", web_lines(settings.advertised(), "nothing")});
  table.add(
      {"title", settings.title().empty() ? "the domain's name" : printable(settings.title())});
  table.add({"mta-sts", settings.mta_sts_mode()});
  table.add({"max-age", duration_text(settings.mta_sts_max_age_s())});
  table.add({"mx", web_lines(settings.mta_sts_mx(), "the server's name")});
  table.add({"policy id", settings.policy_id().empty() ? "-" : settings.policy_id()});
  context.say(table.render(terminal_width()));
}

Outcome<> run_web_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::WebShowRequest{}));
  show_web(context, reply.settings());
  return {};
}

Outcome<> run_web_set(Context& context, WebSetOptions& options) {
  admin::WebSetRequest request;
  request.set_dry_run(options.dry_run);
  if (!options.mta_sts.empty()) request.set_mta_sts_mode(options.mta_sts);
  if (!options.max_age.empty()) {
    const auto seconds = parse_duration(options.max_age);
    if (!seconds || *seconds < 0 || *seconds > UINT32_MAX)
      return usage(
          fmt::format("--max-age {}: a time, for instance 7d", printable(options.max_age)));
    request.set_mta_sts_max_age_s(static_cast<std::uint32_t>(*seconds));
  }
  for (const std::string& name : options.mx) {
    auto& names = *request.mutable_mta_sts_mx();
    if (name != "default") names.add_names(name);
  }
  if (options.title) request.set_title(*options.title);
  if (!request.has_mta_sts_mode() && !request.has_mta_sts_max_age_s() &&
      !request.has_mta_sts_mx() && !request.has_title())
    return usage("nothing to set; see: hauspost web set --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_web(context, reply.settings());
  return {};
}

}  // namespace

void add_web_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun =
      add_noun(app, "web", "What is told over HTTP: settings of mail programs, MTA-STS");
  add_verb(*noun, "show", "Show the settings, and what users are shown", chosen, run_web_show);
  auto options = std::make_shared<WebSetOptions>();
  CLI::App* set = add_verb<WebSetOptions>(*noun, "set", "Change settings, from the next request on",
                                          chosen, options, run_web_set);
  set->add_option("--mta-sts", options->mta_sts, "The policy that other servers are asked to keep")
      ->check(CLI::IsMember({"off", "testing", "enforce"}));
  set->add_option("--max-age", options->max_age, "How long they remember it; 1d to 365d")
      ->type_name("TIME");
  set->add_option("--mx", options->mx,
                  "Names of the MX in the policy, in place of all before; may be given several "
                  "times; \"default\": the server's own")
      ->type_name("HOST")
      ->allow_extra_args(false);
  set->add_option("--title", options->title, "Above the pages; empty: the domain's name")
      ->type_name("TEXT");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace hauspost::cli
