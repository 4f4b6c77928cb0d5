#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"
#include "server/supervisor/admin_observe_api.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::uint32_t kSessionPage = 2000;
constexpr std::size_t kShortId = 8;  // letters of an id that a table shows

struct SessionOptions {
  std::string id;
  std::string user;
  std::string service;
  std::string database;
  std::uint64_t limit = 0;
  bool dry_run = false;
};

std::string session_idle(std::uint64_t milliseconds) {
  return human_seconds(static_cast<std::int64_t>(milliseconds / 1000));
}

Json session_json(const child::wire::Session& session) {
  return {{"id", guid_text(session.id())},  {"service", session.service()},
          {"client", session.client()},     {"port", session.port()},
          {"user", session.user()},         {"database", session.database()},
          {"tls", session.tls()},           {"cipher", session.cipher()},
          {"since_s", session.since_s()},   {"idle_ms", session.idle_ms()},
          {"bytes_in", session.bytes_in()}, {"bytes_out", session.bytes_out()},
          {"command", session.command()},   {"folder", session.folder()}};
}

Table session_table() {
  return Table({{"ID"},
                {"SERVICE"},
                {"USER"},
                {"CLIENT"},
                {"DATABASE"},
                {"TLS"},
                {"SINCE"},
                {"IDLE", true},
                {"IN", true},
                {"OUT", true},
                {"COMMAND"},
                {"FOLDER"}});
}

std::string session_word(const std::string& text) { return text.empty() ? "-" : printable(text); }

void add_session_row(Table& table, const child::wire::Session& session) {
  table.add({guid_text(session.id()).substr(0, kShortId), session.service(),
             session_word(session.user()), session.client(), session_word(session.database()),
             session_word(session.tls()), human_time(session.since_s()),
             session_idle(session.idle_ms()), human_bytes(session.bytes_in()),
             human_bytes(session.bytes_out()), session_word(session.command()),
             session_word(session.folder())});
}

void fill_filter(const SessionOptions& options, child::wire::SessionFilter& filter) {
  filter.set_id(ascii_lower(options.id));
  filter.set_user(options.user);
  filter.set_service(options.service);
  filter.set_database(options.database);
}

Outcome<> run_session_list(Context& context, SessionOptions& options) {
  admin::SessionListRequest request;
  child::wire::SessionListRequest& query = *request.mutable_query();
  fill_filter(options, *query.mutable_filter());
  Json all = Json::array();
  Table table = session_table();
  std::uint64_t shown = 0;
  std::uint64_t total = 0;
  const auto left = [&] {
    return options.limit == 0 ? kSessionPage
                              : static_cast<std::uint32_t>(
                                    std::min<std::uint64_t>(options.limit - shown, kSessionPage));
  };
  bool more = true;
  while (more) {
    query.set_limit(left());
    TRY_ASSIGN(const auto reply, context.ask(request));
    for (const child::wire::Session& session : reply.found().sessions()) {
      if (context.json()) {
        all.push_back(session_json(session));
      } else {
        add_session_row(table, session);
      }
      ++shown;
    }
    total = reply.found().total();
    query.set_after(reply.found().next());
    more = reply.found().next() != 0 && (options.limit == 0 || shown < options.limit);
  }
  context.print({{"sessions", all}, {"shown", shown}, {"total", total}});
  if (!table.empty()) context.say(table.render(terminal_width()));
  context.say(fmt::format("{} of {} sessions", shown, total));
  return {};
}

Outcome<> run_session_kill(Context& context, SessionOptions& options) {
  admin::SessionKillRequest request;
  fill_filter(options, *request.mutable_what()->mutable_filter());
  request.set_dry_run(options.dry_run);
  if (options.id.empty() && options.user.empty() && options.service.empty() &&
      options.database.empty()) {
    return usage("session kill: say which: an ID, --user, --service or --database");
  }
  if (!options.dry_run && options.id.empty() && options.user.empty()) {
    TRY(context.confirm(fmt::format("End every session of {}", options.service.empty()
                                                                   ? "database " + options.database
                                                                   : options.service)));
  }
  if (!options.dry_run && !options.id.empty()) {
    request.set_dry_run(true);
    TRY_ASSIGN(const auto meant, context.ask(request));
    if (meant.ended().count() > 1) {
      return refused(ErrorCode::kInvalid,
                     fmt::format("the ids of {} sessions begin so: give more of the one that is "
                                 "meant; see: hauspost session list",
                                 meant.ended().count()));
    }
    request.set_dry_run(false);
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  const child::wire::SessionKillReply& ended = reply.ended();
  if (ended.count() == 0) {
    return refused(ErrorCode::kNotFound,
                   "no session is like that; see them with: hauspost session list");
  }
  Json all = Json::array();
  Table table = session_table();
  for (const child::wire::Session& session : ended.sessions()) {
    all.push_back(session_json(session));
    add_session_row(table, session);
  }
  context.print({{"count", ended.count()}, {"dry_run", options.dry_run}, {"sessions", all}});
  context.say(table.render(terminal_width()));
  context.say(fmt::format("{} {} {}", ended.count(), ended.count() == 1 ? "session" : "sessions",
                          options.dry_run ? "would be told to end" : "told to end"));
  return {};
}

void add_session_filter(CLI::App& verb, SessionOptions& options) {
  verb.add_option("--user", options.user, "Only those logged in to this mailbox")
      ->type_name("ADDRESS");
  verb.add_option(
          "--service", options.service,
          "Only those of a service: imap (imaps too), pop3, smtp (submission too), imaps, ...")
      ->type_name("SERVICE");
  verb.add_option("--database", options.database, "Only those of this database")->type_name("NAME");
}

}  // namespace

void add_session_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "session", "Who is connected, and how to end it");
  auto listing = std::make_shared<SessionOptions>();
  CLI::App* list = add_verb<SessionOptions>(*noun, "list", "List the sessions of clients", chosen,
                                            listing, run_session_list);
  add_session_filter(*list, *listing);
  list->add_option("--limit", listing->limit, "At most so many; default: all");
  auto killing = std::make_shared<SessionOptions>();
  CLI::App* kill = add_verb<SessionOptions>(*noun, "kill",
                                            "End sessions: clients are told, and may connect again",
                                            chosen, killing, run_session_kill);
  kill->add_option("ID", killing->id, "A session's id, or how it begins");
  add_session_filter(*kill, *killing);
  kill->add_flag("--dry-run", killing->dry_run, "Only show which");
}

}  // namespace hauspost::cli
