// The message tracking log: what happened to messages.
#include <fmt/format.h>

#include "base/clock.h"
#include "server/child/track.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/csv.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct TrackOptions {
  std::string name;
  std::string message;
  std::string message_id;
  std::string sender;
  std::string recipient;
  std::string event;
  std::string from;
  std::string to;
  std::uint32_t limit = 100;
  bool no_dialogue = false;
};

struct TrackSetOptions {
  std::string log;
  std::string enabled;
  std::string subjects;
  std::string days;
  std::string total;
  std::string file;
  bool dry_run = false;
};

// An event of the log; empty when its line is none (it was written by a later version).
Json event_of(const std::string& line) {
  Json event = Json::parse(line, nullptr, false);
  return event.is_object() ? event : Json::object();
}

std::string text_of(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string recipients_of(const Json& event, std::size_t most) {
  const auto found = event.find("recipients");
  if (found == event.end() || !found->is_array()) return {};
  std::string out;
  std::size_t shown = 0;
  for (const Json& recipient : *found) {
    if (!recipient.is_string()) continue;
    if (shown++ == most) return out + fmt::format(" +{}", found->size() - most);
    out += (out.empty() ? "" : ", ") + printable(recipient.get<std::string>());
  }
  return out;
}

// "2026-11-21T19:15:00.000000Z" as "2026-11-21 19:15:00 UTC".
std::string track_time(const Json& event) {
  std::string text = text_of(event, "t");
  if (text.size() < 19) return text;
  text.resize(19);
  text[10] = ' ';
  return text;
}

Outcome<std::int64_t> track_moment(std::string_view option, const std::string& text) {
  if (text.empty()) return 0;
  const auto now = std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
  const auto moment = parse_moment(text, now);
  if (!moment || *moment < 0) {
    return usage(fmt::format("{} {}: a time, for instance \"2026-11-21 19:00\" or 2h ago as 2h",
                             option, printable(text)));
  }
  return *moment * 1'000'000;
}

Outcome<> run_track_search(Context& context, TrackOptions& options) {
  admin::TrackSearchRequest request;
  auto& query = *request.mutable_query();
  query.set_message(options.message);
  query.set_message_id(options.message_id);
  query.set_sender(options.sender);
  query.set_recipient(options.recipient);
  query.set_event(options.event);
  query.set_limit(options.limit);
  TRY_ASSIGN(const std::int64_t from, track_moment("--from", options.from));
  TRY_ASSIGN(const std::int64_t to, track_moment("--to", options.to));
  query.set_from_us(from);
  query.set_to_us(to);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json events = Json::array();
  Table table({{"TIME (UTC)"}, {"EVENT"}, {"ID"}, {"FROM"}, {"TO"}, {"REMOTE"}, {"STATUS"}});
  for (const std::string& line : reply.found().lines()) {
    Json event = event_of(line);
    const std::string sender = printable(text_of(event, "sender"));
    table.add({track_time(event), text_of(event, "event"), text_of(event, "id"),
               sender.empty() ? "<>" : sender, recipients_of(event, 1),
               printable(text_of(event, "remote")), printable(text_of(event, "status"))});
    events.push_back(std::move(event));
  }
  context.print({{"more", reply.found().more()}, {"events", events}});
  if (table.empty()) {
    context.say("No event fits.");
    return {};
  }
  context.say(table.render(terminal_width()));
  if (reply.found().more())
    context.say("There are more, older ones; narrow the search or raise --limit.");
  return {};
}

// What the detail of an event is.
std::string_view detail_label(std::string_view event) {
  if (event == "DELIVER" || event == "DUPLICATEDELIVER") return "mailbox";
  if (event == "VERDICT") return "found";
  if (event == "RESOLVE" || event == "REDIRECT" || event == "EXPAND") return "to";
  return "because";
}

// A line of a protocol log, "time,connector,session,number,local,remote,event,text", as people read
// it: "09:04:00.040629 < MAIL FROM:<carol@example.net>".
std::string dialogue_text(std::string_view line) {
  constexpr std::size_t kFields = 8;
  constexpr std::size_t kTimeAt = 11;  // behind the day
  constexpr std::size_t kTimeSize = 15;
  const auto records = parse_csv(line);
  if (!records || records->size() != 1 || records->front().fields.size() != kFields)
    return std::string(line);
  const std::vector<std::string>& fields = records->front().fields;
  const std::string_view time = fields[0];
  return fmt::format("{} {} {}", time.substr(std::min(kTimeAt, time.size()), kTimeSize), fields[6],
                     fields[7]);
}

// One event in words, without what is empty.
void say_event(Context& context, const Json& event) {
  context.say(fmt::format("{}  {:<12} {}", track_time(event), text_of(event, "event"),
                          recipients_of(event, 5)));
  const std::string indent(21, ' ');
  const auto line = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) context.say(fmt::format("{}{} {}", indent, label, printable(text)));
  };
  line("from", text_of(event, "sender"));
  line("message-id", text_of(event, "message_id"));
  line("subject", text_of(event, "subject"));
  line("by", text_of(event, "source"));
  line("with", text_of(event, "remote"));
  line("status", text_of(event, "status"));
  line(detail_label(text_of(event, "event")), text_of(event, "detail"));
  line("about", text_of(event, "related"));
  if (const auto bytes = event.find("bytes"); bytes != event.end() && bytes->is_number_unsigned())
    line("size", human_bytes(bytes->get<std::uint64_t>()));
}

Outcome<> run_track_show(Context& context, TrackOptions& options) {
  admin::TrackShowRequest request;
  request.mutable_query()->set_name(options.name);
  request.mutable_query()->set_dialogues(!options.no_dialogue);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json events = Json::array();
  std::string message;
  for (const std::string& line : reply.story().lines()) {
    Json event = event_of(line);
    if (const std::string id = text_of(event, "id"); id != message) {
      message = id;
      context.say(fmt::format("Message {}", id));
    }
    say_event(context, event);
    events.push_back(std::move(event));
  }
  Json dialogues = Json::array();
  for (const auto& dialogue : reply.story().dialogues()) {
    context.say(fmt::format("\nDialogue of session {} ({}):", dialogue.session(), dialogue.log()));
    Json lines = Json::array();
    for (const std::string& line : dialogue.lines()) {
      lines.push_back(line);
      context.say("  " + printable(dialogue_text(line)));
    }
    dialogues.push_back(
        {{"session", dialogue.session()}, {"log", dialogue.log()}, {"lines", lines}});
  }
  context.print({{"more", reply.story().more()}, {"events", events}, {"dialogues", dialogues}});
  return {};
}

Outcome<std::optional<std::uint32_t>> mebibytes(std::string_view option, const std::string& text) {
  if (text.empty()) return std::optional<std::uint32_t>();
  const auto bytes = parse_size(text);
  constexpr std::uint64_t kMebibyte = 1 << 20;
  if (!bytes || *bytes < kMebibyte || *bytes % kMebibyte != 0 || *bytes / kMebibyte > UINT32_MAX)
    return usage(
        fmt::format("{} {}: a size in whole MiB, for instance 10M", option, printable(text)));
  return std::optional(static_cast<std::uint32_t>(*bytes / kMebibyte));
}

void show_track_settings(Context& context, const admin::TrackSetReply& reply) {
  Json logs = Json::array();
  Table table({{"LOG"}, {"ON"}, {"DAYS", true}, {"TOTAL", true}, {"FILE", true}});
  for (const admin::TrackLog& log : reply.logs()) {
    const bool by_connector = log.name() == "protocol";
    Json one = {{"name", log.name()},
                {"days", log.days()},
                {"total_mib", log.total_mib()},
                {"file_mib", log.file_mib()}};
    if (!by_connector) one["enabled"] = log.enabled();
    logs.push_back(std::move(one));
    table.add({log.name(),
               by_connector    ? "by connector"
               : log.enabled() ? "on"
                               : "off",
               std::to_string(log.days()), human_bytes(std::uint64_t{log.total_mib()} << 20),
               human_bytes(std::uint64_t{log.file_mib()} << 20)});
  }
  context.print({{"logs", logs}, {"subjects", reply.subjects()}});
  context.say(table.render(terminal_width()) +
              fmt::format("Subjects in the tracking log: {}", reply.subjects() ? "on" : "off"));
}

Outcome<> run_track_set(Context& context, TrackSetOptions& options) {
  admin::TrackSetRequest request;
  request.set_dry_run(options.dry_run);
  admin::TrackLog log;
  log.set_name(options.log);
  if (!options.days.empty()) {
    const auto seconds = parse_duration(options.days);
    constexpr std::int64_t kDay = 86'400;
    if (!seconds || *seconds < kDay || *seconds % kDay != 0 || *seconds / kDay > UINT32_MAX)
      return usage(fmt::format("--keep {}: whole days, for instance 30d", printable(options.days)));
    log.set_days(static_cast<std::uint32_t>(*seconds / kDay));
  }
  TRY_ASSIGN(const auto total, mebibytes("--total", options.total));
  TRY_ASSIGN(const auto file, mebibytes("--file", options.file));
  if (total) log.set_total_mib(*total);
  if (file) log.set_file_mib(*file);
  if (!options.enabled.empty()) {
    if (options.log == "protocol")
      return usage(
          "the protocol log is switched on for each connector: hauspost connector "
          "receive set NAME --protocol-log on");
    log.set_enabled(options.enabled == "on");
  }
  *request.add_logs() = log;
  if (!options.subjects.empty()) request.set_subjects(options.subjects == "on");
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_track_settings(context, reply);
  return {};
}

void add_track_set(CLI::App& noun, Verb& chosen) {
  auto options = std::make_shared<TrackSetOptions>();
  options->log = "tracking";
  CLI::App* set = add_verb<TrackSetOptions>(
      noun, "set", "Change how the logs of transport are kept; without options: show it", chosen,
      options, run_track_set);
  set->add_option("LOG", options->log, "tracking (as without it), protocol or connectivity")
      ->check(CLI::IsMember({"tracking", "protocol", "connectivity"}));
  set->add_option("--enabled", options->enabled, "on or off (tracking and connectivity)")
      ->check(CLI::IsMember({"on", "off"}));
  set->add_option("--subjects", options->subjects, "Subjects in the tracking log: on or off")
      ->check(CLI::IsMember({"on", "off"}));
  set->add_option("--keep", options->days, "Older files go (default: 30d)")->type_name("TIME");
  set->add_option("--total", options->total,
                  "What all its files may take (default: 1000M; "
                  "protocol: 250M)")
      ->type_name("SIZE");
  set->add_option("--file", options->file, "A file is full at this size (default: 10M)")
      ->type_name("SIZE");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace

void add_track_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "track", "What happened to messages");
  auto options = std::make_shared<TrackOptions>();
  CLI::App* search = add_verb<TrackOptions>(*noun, "search", "List events, the latest first",
                                            chosen, options, run_track_search);
  search->add_option("--sender", options->sender, "Only senders that contain this")
      ->type_name("TEXT");
  search->add_option("--recipient", options->recipient, "Only with a recipient that contains this")
      ->type_name("TEXT");
  search->add_option("--message-id", options->message_id, "Only Message-IDs that contain this")
      ->type_name("TEXT");
  search->add_option("--id", options->message, "Only of this message, by its id")->type_name("ID");
  search->add_option("--event", options->event, "Only events of this name, for instance deliver")
      ->type_name("NAME");
  search->add_option("--from", options->from, "Only since then, for instance 2h or 2026-11-21")
      ->type_name("TIME");
  search->add_option("--to", options->to, "Only until then")->type_name("TIME");
  search->add_option("--limit", options->limit, "At most so many, 1 to 10000 (default: 100)")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  CLI::App* show = add_verb<TrackOptions>(*noun, "show", "Tell one message's whole story", chosen,
                                          options, run_track_show);
  show->add_option("ID", options->name,
                   "Its id as search shows it or the sender was told it, or "
                   "its Message-ID")
      ->required();
  show->add_flag("--no-dialogue", options->no_dialogue, "Without what was said over SMTP");
  add_track_set(*noun, chosen);
}

}  // namespace hauspost::cli
