// The verbs. Each function adds one noun with its verbs to `app`; parsing a verb stores what it
// does in `chosen`, which runs after the whole command line is known to be right.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <span>
#include <string>
#include <type_traits>

#include "tools/cli/context.h"

namespace hauspost::cli {

void add_init_command(CLI::App& app, Verb& chosen);
void add_status_command(CLI::App& app, Verb& chosen);
void add_database_commands(CLI::App& app, Verb& chosen);
void add_domain_commands(CLI::App& app, Verb& chosen);
void add_mailbox_commands(CLI::App& app, Verb& chosen);
// cmd_contact.cc
void add_contact_commands(CLI::App& app, Verb& chosen);
void add_mail_user_commands(CLI::App& app, Verb& chosen);
void add_group_commands(CLI::App& app, Verb& chosen);
void add_service_commands(CLI::App& app, Verb& chosen);
void add_imap_commands(CLI::App& app, Verb& chosen);
void add_auth_commands(CLI::App& app, Verb& chosen);
void add_pop3_commands(CLI::App& app, Verb& chosen);
void add_web_commands(CLI::App& app, Verb& chosen);
void add_certificate_commands(CLI::App& app, Verb& chosen);
void add_listener_commands(CLI::App& app, Verb& chosen);
void add_receive_connector_commands(CLI::App& app, Verb& chosen);
void add_component_commands(CLI::App& app, Verb& chosen);
void add_track_commands(CLI::App& app, Verb& chosen);
void add_dkim_commands(CLI::App& app, Verb& chosen);
void add_mailauth_commands(CLI::App& app, Verb& chosen);
// The nouns "filter" and "milter".
void add_filter_commands(CLI::App& app, Verb& chosen);
void add_quarantine_commands(CLI::App& app, Verb& chosen);
void add_dns_commands(CLI::App& app, Verb& chosen);
// Gives the noun "dns" a verb.
void add_dns_record_commands(CLI::App& app, Verb& chosen);
void add_setup_command(CLI::App& app, Verb& chosen);
void add_doctor_command(CLI::App& app, Verb& chosen);
void add_tls_report_commands(CLI::App& app, Verb& chosen);
void add_send_connector_commands(CLI::App& app, Verb& chosen);
void add_block_commands(CLI::App& app, Verb& chosen);
// Both give the noun "auth" verbs.
void add_auth_settings_commands(CLI::App& app, Verb& chosen);
void add_audit_commands(CLI::App& app, Verb& chosen);
void add_queue_commands(CLI::App& app, Verb& chosen);
void add_safety_net_commands(CLI::App& app, Verb& chosen);
void add_server_commands(CLI::App& app, Verb& chosen);
void add_server_backup_commands(CLI::App& app, Verb& chosen);  // of the noun "server"
void add_job_commands(CLI::App& app, Verb& chosen);
// The nouns "health" and "test".
void add_health_commands(CLI::App& app, Verb& chosen);
void add_test_commands(CLI::App& app, Verb& chosen);
void add_session_commands(CLI::App& app, Verb& chosen);
void add_metrics_command(CLI::App& app, Verb& chosen);
void add_log_commands(CLI::App& app, Verb& chosen);
void add_log_show_command(CLI::App& noun, Verb& chosen);
void add_top_command(CLI::App& app, Verb& chosen);
// After the nouns "database" and "mailbox", which get verbs of theirs.
void add_backup_commands(CLI::App& app, Verb& chosen);
void add_restore_commands(CLI::App& app, Verb& chosen);
void add_search_commands(CLI::App& app, Verb& chosen);
void add_completion_command(CLI::App& app, Verb& chosen);
void add_help_command(CLI::App& app);

// Prints the help of the command that `words` name; with --json among them what it and all below it
// take (command_tree.h). Other options are passed over.
Outcome<> explain(CLI::App& app, std::span<const char* const> words);

// A noun: nothing by itself, it needs one of its verbs.
CLI::App* add_noun(CLI::App& app, const std::string& name, const std::string& description);

// What a verb does with its own options, which live as long as the application.
template <class Options>
using VerbFunction = Outcome<> (*)(Context&, Options&);

template <class Options>
CLI::App* add_verb(CLI::App& noun, const std::string& name, const std::string& description,
                   Verb& chosen, const std::shared_ptr<Options>& options,
                   std::type_identity_t<VerbFunction<Options>> run) {
  CLI::App* verb = noun.add_subcommand(name, description);
  verb->callback([&chosen, run, options] {
    chosen = [run, options](Context& context) { return run(context, *options); };
  });
  return verb;
}

CLI::App* add_verb(CLI::App& noun, const std::string& name, const std::string& description,
                   Verb& chosen, Outcome<> (*run)(Context&));

}  // namespace hauspost::cli
