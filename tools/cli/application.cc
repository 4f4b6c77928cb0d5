#include "tools/cli/application.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr const char* kFooter =
    "Exit status:\n"
    "  0  done\n"
    "  1  refused: understood, and not done\n"
    "  2  usage: the command line is wrong\n"
    "  3  unreachable: no server answers for this data root\n"
    "  4  partial: done in part; what was not is listed\n\n"
    "`hauspost help NOUN VERB` explains a verb; hauspost(1) explains all.";

int report_failure(const Failure& failure, bool json) {
  fmt::print(stderr, "hauspost: {}\n", printable(failure.text));
  // A partial answer is on standard output already.
  if (json && failure.exit != Exit::kPartial && !failure.answered) {
    const Json error = {{"error", {{"code", failure.code}, {"text", failure.text}}}};
    fmt::print("{}\n", error.dump(2, ' ', false, Json::error_handler_t::replace));
  }
  return static_cast<int>(failure.exit);
}

// Said here and not by CLI11, whose "a subcommand is required" would hide a misspelt one.
Failure no_verb(const CLI::App& app) {
  const CLI::App* at = &app;
  std::string path = "hauspost";
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = at->get_subcommands()) {
    at = chosen.front();
    path += " " + at->get_name();
  }
  std::string known;
  for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
    known += (known.empty() ? "" : ", ") + sub->get_name();
  }
  return {Exit::kUsage, "usage",
          fmt::format("{}: one of these must follow: {}; see: {} --help", path, known, path)};
}

// Where "help" stands, behind global options; 0: it is not the command.
std::size_t find_help(std::span<const char* const> words) {
  std::size_t at = 1;
  while (at < words.size() && std::string_view(words[at]).starts_with('-'))
    at += std::string_view(words[at]) == "--data" ? 2 : 1;
  return at < words.size() && std::string_view(words[at]) == "help" ? at : 0;
}

}  // namespace

void build_application(CLI::App& app, GlobalOptions& options, Verb& chosen) {
  app.name("hauspost");
  app.description("Administers a Hauspost mail server: hauspost NOUN VERB [NAME] [--option value]");
  app.footer(kFooter);
  app.fallthrough();  // global options may stand anywhere
  // After a noun and a verb a word is never another noun: "service enable imap pop3".
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "hauspost " HAUSPOST_VERSION);
  app.add_option("--data", options.data,
                 "Data root (default: HAUSPOST_DATA, else ./data, else /var/lib/hauspost)")
      ->type_name("DIR")
      ->envname("HAUSPOST_DATA");
  app.add_flag("--json", options.json, "Print the whole answer as JSON");
  app.add_flag("--yes", options.yes, "Ask nothing before something is destroyed");
  add_init_command(app, chosen);
  add_setup_command(app, chosen);
  add_doctor_command(app, chosen);
  add_status_command(app, chosen);
  add_database_commands(app, chosen);
  add_domain_commands(app, chosen);
  add_mailbox_commands(app, chosen);
  add_contact_commands(app, chosen);
  add_mail_user_commands(app, chosen);
  add_group_commands(app, chosen);
  add_service_commands(app, chosen);
  add_imap_commands(app, chosen);
  add_auth_commands(app, chosen);
  add_pop3_commands(app, chosen);
  add_web_commands(app, chosen);
  add_certificate_commands(app, chosen);
  add_listener_commands(app, chosen);
  add_receive_connector_commands(app, chosen);
  add_component_commands(app, chosen);
  add_block_commands(app, chosen);
  add_track_commands(app, chosen);
  add_dkim_commands(app, chosen);
  add_mailauth_commands(app, chosen);
  add_filter_commands(app, chosen);
  add_quarantine_commands(app, chosen);
  add_dns_commands(app, chosen);
  add_dns_record_commands(app, chosen);
  add_tls_report_commands(app, chosen);
  add_send_connector_commands(app, chosen);
  add_auth_settings_commands(app, chosen);
  add_audit_commands(app, chosen);
  add_queue_commands(app, chosen);
  add_safety_net_commands(app, chosen);
  add_server_commands(app, chosen);
  add_server_backup_commands(app, chosen);
  add_job_commands(app, chosen);
  add_health_commands(app, chosen);
  add_test_commands(app, chosen);
  add_session_commands(app, chosen);
  add_metrics_command(app, chosen);
  add_log_commands(app, chosen);
  add_top_command(app, chosen);
  add_backup_commands(app, chosen);
  add_restore_commands(app, chosen);
  add_search_commands(app, chosen);
  add_completion_command(app, chosen);
  add_help_command(app);
}

int run(int argc, const char* const* argv) {
  log::start("cli", log::Level::kError);
  CLI::App app;
  GlobalOptions options;
  Verb chosen;
  build_application(app, options, chosen);
  const std::span words(argv, static_cast<std::size_t>(argc));
  for (const std::string_view word : words) {
    if (is_valid_utf8(word)) continue;  // the admin API carries text
    return report_failure({Exit::kUsage, "usage", fmt::format("argument {} is not UTF-8", word)}, false);
  }
  if (const std::size_t help = find_help(words); help != 0) {
    const auto explained = explain(app, words.subspan(help + 1));
    return explained ? static_cast<int>(Exit::kOk) : report_failure(explained.error(), false);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return report_failure({Exit::kUsage, "usage", fmt::format("{}; see: hauspost --help", error.what())},
                  options.json);
  }
  if (!chosen) return report_failure(no_verb(app), options.json);
  Context context(options);
  const auto outcome = chosen(context);
  return outcome ? static_cast<int>(Exit::kOk) : report_failure(outcome.error(), options.json);
}

}  // namespace hauspost::cli
