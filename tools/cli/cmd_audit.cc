// What administrators did.
#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct AuditOptions {
  std::string verb;
  std::string object;
  std::uint32_t limit = 100;
};

std::string who(const admin::AuditEntry& entry) {
  return entry.user().empty() ? std::to_string(entry.uid()) : entry.user();
}

Outcome<> run_audit_list(Context& context, AuditOptions& options) {
  admin::AuditListRequest request;
  request.set_verb(options.verb);
  request.set_object(options.object);
  request.set_limit(options.limit);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json all = Json::array();
  Table table({{"TIME"}, {"WHO"}, {"VERB"}, {"OBJECT"}, {"OUTCOME"}});
  for (const admin::AuditEntry& entry : reply.entries()) {
    all.push_back({{"time_s", entry.time_s()},
                   {"uid", entry.uid()},
                   {"user", entry.user()},
                   {"pid", entry.pid()},
                   {"verb", entry.verb()},
                   {"object", entry.object()},
                   {"dry_run", entry.dry_run()},
                   {"outcome", entry.outcome()}});
    table.add(
        {human_time(entry.time_s()), who(entry), entry.verb(), printable(entry.object()),
         entry.dry_run() ? "dry run: " + printable(entry.outcome()) : printable(entry.outcome())});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

}  // namespace

void add_audit_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "audit", "What administrators did");
  auto options = std::make_shared<AuditOptions>();
  CLI::App* list = add_verb<AuditOptions>(*noun, "list", "List changes, the latest first", chosen,
                                          options, run_audit_list);
  list->add_option("--verb", options->verb, "Only verbs that begin so, for instance mailbox")
      ->type_name("TEXT");
  list->add_option("--object", options->object, "Only objects that contain this")
      ->type_name("TEXT");
  list->add_option("--limit", options->limit, "At most so many, 1 to 10000 (default: 100)")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
}

}  // namespace hauspost::cli
