// How passwords are kept and remembered, and by which mechanisms they may be shown.
#include <fmt/format.h>

#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct AuthSet {
  std::string hash_memory;
  std::optional<std::uint64_t> hash_passes;
  std::string scram_sha_256;
  std::string scram_sha_1;
  std::optional<std::uint64_t> scram_iterations;
  std::string cache;
  bool dry_run = false;
};

std::string on_off(bool on) { return on ? "on" : "off"; }

void show_auth_settings(Context& context, const admin::AuthSettings& settings) {
  context.print({{"hash_memory_bytes", settings.hash_memory_bytes()},
                 {"hash_passes", settings.hash_passes()},
                 {"scram_sha_256", settings.scram_sha_256()},
                 {"scram_sha_1", settings.scram_sha_1()},
                 {"scram_iterations", settings.scram_iterations()},
                 {"cache_s", settings.cache_s()}});
  Table table({{"SETTING"}, {"VALUE"}});
  table.add({"hash-memory", human_bytes(settings.hash_memory_bytes())});
  table.add({"hash-passes", std::to_string(settings.hash_passes())});
  table.add({"scram-sha-256", on_off(settings.scram_sha_256())});
  table.add({"scram-sha-1", on_off(settings.scram_sha_1())});
  table.add({"scram-iterations", std::to_string(settings.scram_iterations())});
  table.add({"cache", duration_text(static_cast<std::int64_t>(settings.cache_s()))});
  context.say(table.render(terminal_width()));
}

Outcome<> run_auth_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::AuthSettingsShowRequest{}));
  show_auth_settings(context, reply.settings());
  return {};
}

Outcome<> run_auth_set(Context& context, AuthSet& options) {
  admin::AuthSettingsSetRequest request;
  bool any = false;
  if (!options.hash_memory.empty()) {
    const auto bytes = parse_size(options.hash_memory);
    if (!bytes)
      return usage(fmt::format("--hash-memory {}: a size, for instance 64M",
                               printable(options.hash_memory)));
    request.set_hash_memory_bytes(*bytes);
    any = true;
  }
  if (options.hash_passes) request.set_hash_passes(*options.hash_passes);
  if (!options.scram_sha_256.empty()) request.set_scram_sha_256(options.scram_sha_256 == "on");
  if (!options.scram_sha_1.empty()) request.set_scram_sha_1(options.scram_sha_1 == "on");
  if (options.scram_iterations) request.set_scram_iterations(*options.scram_iterations);
  if (!options.cache.empty()) {
    const auto seconds = parse_duration(options.cache);
    if (!seconds || *seconds < 0)
      return usage(fmt::format("--cache {}: a time, for instance 10m", printable(options.cache)));
    request.set_cache_s(static_cast<std::uint64_t>(*seconds));
  }
  any = any || request.has_hash_passes() || request.has_scram_sha_256() ||
        request.has_scram_sha_1() || request.has_scram_iterations() || request.has_cache_s();
  if (!any) return usage("nothing to set; see: hauspost auth set --help");
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_auth_settings(context, reply.settings());
  return {};
}

}  // namespace

void add_auth_settings_commands(CLI::App& app, Verb& chosen) {
  const auto there =
      app.get_subcommands([](const CLI::App* sub) { return sub->get_name() == "auth"; });
  CLI::App* noun =
      there.empty() ? add_noun(app, "auth", "How clients prove who they are") : there.front();
  add_verb(*noun, "show", "Show how passwords are kept, and the mechanisms offered", chosen,
           run_auth_show);
  auto options = std::make_shared<AuthSet>();
  CLI::App* set = add_verb<AuthSet>(*noun, "set", "Change that, from the next login on", chosen,
                                    options, run_auth_set);
  set->add_option("--hash-memory", options->hash_memory,
                  "Memory of an argon2id hash, 8M to 1G; passwords are hashed anew at their next "
                  "login")
      ->type_name("SIZE");
  set->add_option("--hash-passes", options->hash_passes, "Passes over that memory, 1 to 20")
      ->type_name("N");
  set->add_option("--scram-sha-256", options->scram_sha_256,
                  "Offer SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, and keep their keys")
      ->check(CLI::IsMember({"on", "off"}));
  set->add_option("--scram-sha-1", options->scram_sha_1, "The same for old clients' SCRAM-SHA-1")
      ->check(CLI::IsMember({"on", "off"}));
  set->add_option("--scram-iterations", options->scram_iterations,
                  "Iterations of new SCRAM keys, 4096 to 1000000")
      ->type_name("N");
  set->add_option("--cache", options->cache,
                  "How long a good login is remembered, at most 1h; 0: not at all")
      ->type_name("TIME");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace hauspost::cli
