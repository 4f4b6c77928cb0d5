#include <fmt/format.h>

#include <cstdio>
#include <deque>

#include "base/clock.h"
#include "server/supervisor/log_file_target.h"
#include "server/supervisor/settings.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/log_reader.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::size_t kLogLinesShown = 200;

struct LogShowOptions {
  bool follow = false;
  std::string role;
  std::string event;
  std::string since;
  std::string level;
  std::optional<std::size_t> lines;
};

Json log_line_json(std::string_view text) {
  const auto line = log::parse_line(text);
  if (!line) return {{"text", printable(text)}};
  Json fields = Json::object();
  for (const auto& [key, value] : line->fields) fields[std::string(key)] = value;
  return {{"time", line->time}, {"level", line->level}, {"role", line->role},
          {"pid", line->pid},   {"event", line->event}, {"fields", fields}};
}

Outcome<std::int64_t> log_since(const std::string& text) {
  const std::int64_t now =
      std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
  if (const auto moment = parse_moment(text, now)) return *moment;
  return usage(
      fmt::format("--since {}: a time ago such as 10m or 2h, or a time such as "
                  "\"2026-01-31 14:00\"",
                  printable(text)));
}

Outcome<LogFilter> log_filter_of(const LogShowOptions& options) {
  LogFilter filter{options.role, options.event, std::nullopt, 0};
  if (!options.level.empty()) {
    filter.least = log::level_of(options.level);
    if (!filter.least)
      return usage(
          fmt::format("--level {}: debug, info, warning or error", printable(options.level)));
  }
  if (!options.since.empty()) {
    TRY_ASSIGN(filter.since_s, log_since(options.since));
  }
  return filter;
}

std::string where_lines_are(const supervisor::LogSettings& settings, const std::string& file) {
  using Target = supervisor::LogSettings::Target;
  if (settings.target == Target::kFile)
    return fmt::format("{}: nothing was written there yet", file);
  return "the log goes to systemd's journal or to standard error, not to a file: read it with "
         "journalctl -t hauspost or journalctl -u hauspost, or set log.target = \"file\" in "
         "hauspost.toml";
}

Outcome<std::string> file_of_log(Context& context) {
  TRY_ASSIGN(const std::string root, context.data_root());
  auto settings = supervisor::load_settings(root);
  if (!settings) return refused(std::move(settings).error());
  const std::string file = supervisor::log_file(settings->log, root);
  if (supervisor::log_files(file).empty())
    return refused(ErrorCode::kNotFound, where_lines_are(settings->log, file));
  return file;
}

Outcome<> show_past_log(Context& context, const std::string& file, const LogFilter& filter,
                        std::size_t most) {
  std::deque<std::string> lines;
  for (const std::string& one : supervisor::log_files(file)) {
    const auto read = read_log_file(one, [&](std::string_view line) {
      if (!filter.fits(line)) return true;
      if (most != 0 && lines.size() == most) lines.pop_front();
      lines.emplace_back(line);
      return true;
    });
    if (!read) return refused(read.error());
  }
  if (context.json()) {
    Json all = Json::array();
    for (const std::string& line : lines) all.push_back(log_line_json(line));
    context.print({{"file", file}, {"lines", all}});
  }
  for (const std::string& line : lines) context.say(printable(line));
  return {};
}

Outcome<> run_log_show(Context& context, LogShowOptions& options) {
  TRY_ASSIGN(const LogFilter filter, log_filter_of(options));
  TRY_ASSIGN(const std::string file, file_of_log(context));
  const std::size_t most = options.lines.value_or(options.since.empty() ? kLogLinesShown : 0);
  // With --follow: unless none of them is wanted.
  if (!options.follow || (options.lines != 0U && !context.json()))
    TRY(show_past_log(context, file, filter, most));
  if (!options.follow) return {};
  std::fflush(stdout);
  const auto followed = follow_log_file(file, [&](std::string_view line) {
    if (!filter.fits(line)) return true;
    const std::string text =
        context.json() ? log_line_json(line).dump(-1, ' ', false, Json::error_handler_t::replace)
                       : printable(line);
    fmt::print("{}\n", text);
    return std::fflush(stdout) == 0;
  });
  if (!followed) return refused(followed.error());
  return {};
}

}  // namespace

void add_log_show_command(CLI::App& noun, Verb& chosen) {
  auto options = std::make_shared<LogShowOptions>();
  CLI::App* verb = add_verb<LogShowOptions>(
      noun, "show", "Show log lines from the server's own files (log.target = \"file\")", chosen,
      options, run_log_show);
  verb->add_flag("--follow,-f", options->follow, "Go on with what is written from now on");
  verb->add_option("--role", options->role,
                   "Only lines of this process: transport, \"store DB1\", store, hauspostd, ...");
  verb->add_option("--event", options->event,
                   "Only this event, or those below it: session.accepted, session");
  verb->add_option("--since", options->since,
                   "Only lines from then on: 10m, 2h, \"2026-01-31 14:00\"")
      ->type_name("TIME");
  verb->add_option("--level", options->level, "Only lines of at least this level");
  verb->add_option("--lines,-n", options->lines,
                   "The last so many; 0: all (default: 200, or all with --since)");
}

}  // namespace hauspost::cli
