#include <fmt/format.h>

#include "base/clock.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

std::int64_t now_s() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

std::string processes_table(const admin::StatusReply& status, std::size_t width) {
  Table table(
      {{"PROCESS"}, {"STATE"}, {"PID", true}, {"UP", true}, {"CRASHES", true}, {"LAST DEATH"}});
  for (const auto& process : status.processes()) {
    const bool lives = process.pid() != 0;
    table.add({process.name(), state_word(process.state()),
               lives ? std::to_string(process.pid()) : "-",
               lives ? human_seconds(now_s() - process.started_s()) : "-",
               std::to_string(process.crashes()), process.last_death()});
  }
  return table.render(width);
}

std::string listeners_table(const admin::StatusReply& status, std::size_t width) {
  Table table({{"LISTENER"}, {"ADDRESS"}, {"PORT", true}, {"STATE"}});
  for (const auto& listener : status.listeners()) {
    table.add({listener.service(), listener.address(), std::to_string(listener.port()),
               listener.open() ? "open" : "off"});
  }
  return table.render(width);
}

std::string databases_table(const admin::StatusReply& status, std::size_t width) {
  Table table({{"DATABASE"},
               {"STATE"},
               {"MAILBOXES", true},
               {"MESSAGES", true},
               {"MAIL", true},
               {"LOG", true},
               {"INDEX", true}});
  for (const auto& database : status.databases()) {
    const bool known = database.statistics_known();
    table.add({database.name(), state_word(database.state()), std::to_string(database.mailboxes()),
               known ? std::to_string(database.messages()) : "-",
               known ? human_bytes(database.live_body_bytes()) : "-",
               known ? human_bytes(database.log_bytes()) : "-",
               known ? human_bytes(database.index_bytes()) : "-"});
  }
  return table.render(width);
}

Outcome<> run_status_status(Context& context) {
  TRY_ASSIGN(const admin::StatusReply status, context.ask(admin::StatusRequest{}));
  context.print(to_json(status));
  std::string services;
  for (const auto& service : status.services()) {
    services += fmt::format("{}{} {}", services.empty() ? "" : ", ", service.name(),
                            service.enabled() ? "on" : "off");
  }
  const std::size_t width = terminal_width();
  context.say(fmt::format("Hauspost {} on {}, up {}, pid {}, data {}\n", status.version(),
                          status.hostname(), human_seconds(now_s() - status.started_s()),
                          status.pid(), status.data_root()));
  context.say(processes_table(status, width));
  context.say(listeners_table(status, width));
  if (status.databases().empty()) {
    context.say("No database yet; make one with: hauspost database create DB1\n");
  } else {
    context.say(databases_table(status, width));
  }
  context.say("Services: " + services);
  for (const std::string& warning : status.warnings())
    context.say("Warning: " + printable(warning));
  return {};
}

}  // namespace

void add_status_command(CLI::App& app, Verb& chosen) {
  add_verb(app, "status", "Show processes, listeners, databases and services", chosen, run_status_status);
}

}  // namespace hauspost::cli
