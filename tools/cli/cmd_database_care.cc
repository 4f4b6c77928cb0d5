// The verbs of `database` that look after its files.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "server/child/jobs.pb.h"
#include "store/dump.h"
#include "tools/cli/amount.h"
#include "tools/cli/cmd_database.h"
#include "tools/cli/commands.h"
#include "tools/cli/job.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

using namespace child;

struct CareOptions {
  std::string name;
  bool background = false;
  bool dry_run = false;
  bool drop_damaged = false;
  std::uint32_t below = 0;
  std::string rate;
  bool keep_index = false;
  std::string path;
  bool keep_old = false;
  bool config_only = false;
  std::string folder;
  std::uint64_t from = 1;
  std::uint64_t to = UINT64_MAX;
};

Json as_json(const wire::CheckReport& report) {
  Json damage = Json::array();
  for (const auto& place : report.damage()) {
    Json messages = Json::array();
    for (const auto& message : place.messages()) {
      messages.push_back({{"mailbox", message.mailbox()},
                          {"mailbox_guid", guid_text(message.mailbox_guid())},
                          {"folder", message.folder()},
                          {"uid", message.uid()},
                          {"bytes", message.bytes()}});
    }
    damage.push_back({{"segment", place.segment()},
                      {"offset", place.offset()},
                      {"bytes", place.bytes()},
                      {"lsn", place.lsn()},
                      {"what", place.what()},
                      {"covered", place.covered()},
                      {"messages", messages}});
  }
  Json faults = Json::array();
  for (const auto& fault : report.faults()) faults.push_back(fault);
  return {{"whole", report.whole()},
          {"index_checked", report.index_checked()},
          {"records", report.records()},
          {"log_bytes", report.log_bytes()},
          {"mailboxes", report.mailboxes()},
          {"folders", report.folders()},
          {"messages", report.messages()},
          {"bodies", report.bodies()},
          {"faults", faults},
          {"damage", damage}};
}

std::uint64_t hurt_messages(const wire::CheckReport& report) {
  std::uint64_t count = 0;
  for (const auto& place : report.damage())
    count += static_cast<std::uint64_t>(place.messages_size());
  return count;
}

void say_findings(const Context& context, const wire::CheckReport& report) {
  for (const auto& fault : report.faults()) context.say("index: " + printable(fault));
  for (const auto& place : report.damage()) {
    context.say(fmt::format("segment {:016x}, offset {}, {} bytes: {}{}", place.segment(),
                            place.offset(), place.bytes(), printable(place.what()),
                            place.covered() ? " (an image of the index makes it unneeded)" : ""));
    for (const auto& message : place.messages()) {
      context.say(fmt::format("  damaged: message {} in {} of {} ({})", message.uid(),
                              printable(message.folder()),
                              message.mailbox().empty() ? guid_text(message.mailbox_guid())
                                                        : printable(message.mailbox()),
                              human_bytes(message.bytes())));
    }
  }
  context.say(fmt::format(
      "Looked at {} of change log with {} records{}.", human_bytes(report.log_bytes()),
      report.records(),
      report.index_checked()
          ? fmt::format(", {} mailboxes, {} folders, {} messages and {} bodies", report.mailboxes(),
                        report.folders(), report.messages(), report.bodies())
          : "; the index would first have to be recovered (mount it) and was not looked at"));
}

Failure not_whole(const std::string& name, const wire::CheckReport& report) {
  const std::uint64_t hurt = hurt_messages(report);
  std::string next;
  if (hurt != 0) {
    next = fmt::format(
        "{} messages cannot be read; restore them from a backup (hauspost mailbox "
        "restore), or drop them: hauspost database repair {} --drop-damaged",
        hurt, name);
  } else if (report.faults().empty()) {
    next = fmt::format(
        "no message is hurt, but the index could not be made anew from this log: "
        "hauspost database repair {}",
        name);
  } else {
    next = fmt::format(
        "the index can be made anew: hauspost database dismount {}, then hauspost "
        "database repair {}",
        name, name);
  }
  return {Exit::kRefused, std::string(to_string(ErrorCode::kCorrupt)),
          fmt::format("database {} is damaged: {}", printable(name), next), true};
}

Outcome<> run_check(Context& context, CareOptions& options) {
  TRY_ASSIGN(const auto report,
             run_job_for<wire::CheckReport>(context, {.database = options.name,
                                                      .kind = "check",
                                                      .request = {},
                                                      .background = options.background}));
  if (!report) return {};
  context.print(as_json(*report));
  say_findings(context, *report);
  if (!report->whole()) return std::unexpected(not_whole(options.name, *report));
  context.say(fmt::format("Database {} is whole.", printable(options.name)));
  return {};
}

void say_repaired(const Context& context, const CareOptions& options,
                  const wire::RepairReport& report) {
  const std::string_view would = options.dry_run ? "would be " : "";
  if (report.index_rebuilt())
    context.say(fmt::format("The index {}{}made anew from the change log.",
                            options.dry_run ? "" : "was ", would));
  if (report.messages_dropped() != 0) {
    context.say(fmt::format(
        "{} damaged messages {}{}dropped{}.", report.messages_dropped(),
        options.dry_run ? "" : "were ", would,
        options.dry_run ? std::string() : "; what is left of them is in " + report.salvage()));
  }
  if (report.image_written())
    context.say("An image of the index was written: the damaged records are not needed any more.");
}

bool any_uncovered(const wire::CheckReport& report) {
  return std::ranges::any_of(report.damage(), [](const auto& place) { return !place.covered(); });
}

// What the repair found and could not mend the way the database was; nullopt: nothing.
std::optional<std::string> next_step(const std::string& name, const wire::RepairReport& report) {
  const wire::CheckReport& found = report.found();
  const std::uint64_t hurt = hurt_messages(found);
  if (hurt > report.messages_dropped()) {
    return fmt::format(
        "{} messages of database {} stay damaged; restore them from a backup (hauspost mailbox "
        "restore), or add --drop-damaged",
        hurt - report.messages_dropped(), printable(name));
  }
  if (!found.faults().empty() && !report.index_rebuilt()) {
    return fmt::format(
        "the index of database {0} is still faulty: dismount it (hauspost database dismount {0}), "
        "then repair again",
        printable(name));
  }
  if (any_uncovered(found) && !report.image_written()) {
    return fmt::format(
        "damaged records of database {0} are still needed: mount it (hauspost database mount {0}), "
        "then repair again",
        printable(name));
  }
  return std::nullopt;
}

Outcome<> run_repair(Context& context, CareOptions& options) {
  wire::RepairRequest request;
  request.set_dry_run(options.dry_run);
  request.set_drop_damaged(options.drop_damaged);
  if (options.drop_damaged && !options.dry_run) {
    TRY(context.confirm(
        fmt::format("Drop the damaged messages of database {}", printable(options.name))));
  }
  TRY_ASSIGN(const auto report,
             run_job_for<wire::RepairReport>(context, {.database = options.name,
                                                       .kind = "repair",
                                                       .request = request.SerializeAsString(),
                                                       .background = options.background}));
  if (!report) return {};
  context.print({{"found", as_json(report->found())},
                 {"dry_run", options.dry_run},
                 {"index_rebuilt", report->index_rebuilt()},
                 {"messages_dropped", report->messages_dropped()},
                 {"image_written", report->image_written()},
                 {"salvage", report->salvage()}});
  say_findings(context, report->found());
  say_repaired(context, options, *report);
  if (report->found().whole()) {
    context.say(fmt::format("Database {} is whole; nothing to repair.", printable(options.name)));
    return {};
  }
  if (options.dry_run) return {};
  const auto next = next_step(options.name, *report);
  if (next) return partial(*next);
  return {};
}

Outcome<> run_compact(Context& context, CareOptions& options) {
  wire::CompactRequest request;
  request.set_below_percent(options.below);
  request.set_dry_run(options.dry_run);
  request.set_keep_index(options.keep_index);
  if (!options.rate.empty()) {
    const auto rate = parse_size(options.rate);
    if (!rate) return usage(fmt::format("--rate {}: a size, for instance 20M", options.rate));
    request.set_bytes_per_second(*rate);
  }
  TRY_ASSIGN(const auto report,
             run_job_for<wire::CompactReport>(context, {.database = options.name,
                                                        .kind = "compact",
                                                        .request = request.SerializeAsString(),
                                                        .background = options.background}));
  if (!report) return {};
  Json faults = Json::array();
  for (const auto& fault : report->faults()) faults.push_back(fault);
  context.print({{"dry_run", options.dry_run},
                 {"segments", report->segments()},
                 {"segments_dropped", report->segments_dropped()},
                 {"segments_waiting", report->segments_waiting()},
                 {"segments_young", report->segments_young()},
                 {"bodies_moved", report->bodies_moved()},
                 {"bytes_moved", report->bytes_moved()},
                 {"bytes_freed", report->bytes_freed()},
                 {"index_shrunk", report->index_shrunk()},
                 {"index_bytes_before", report->index_bytes_before()},
                 {"index_bytes_after", report->index_bytes_after()},
                 {"faults", faults}});
  const std::string_view would = options.dry_run ? "would be " : "";
  context.say(fmt::format(
      "{} of {} segments {}dropped, {} {}given back; {} messages' bodies ({}) {}moved.",
      report->segments_dropped(), report->segments(), would, human_bytes(report->bytes_freed()),
      would, report->bodies_moved(), human_bytes(report->bytes_moved()), would));
  if (report->segments_young() != 0)
    context.say(fmt::format("{} segments are kept for their age (database set --keep-log).",
                            report->segments_young()));
  if (report->segments_waiting() != 0)
    context.say(fmt::format("{} segments go once whoever reads them has ended.",
                            report->segments_waiting()));
  if (report->index_shrunk())
    context.say(fmt::format("The index shrank from {} to {}.",
                            human_bytes(report->index_bytes_before()),
                            human_bytes(report->index_bytes_after())));
  if (report->faults().empty()) return {};
  for (const auto& fault : report->faults()) context.say(printable(fault));
  return partial(
      fmt::format("{} bodies of database {} cannot be read, their segments stay; see: "
                  "hauspost database check {}",
                  report->faults_size(), printable(options.name), options.name));
}

Outcome<> run_rebuild_index(Context& context, CareOptions& options) {
  wire::RebuildIndexRequest request;
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto report,
             run_job_for<wire::RebuildIndexReport>(context, {.database = options.name,
                                                             .kind = "rebuild-index",
                                                             .request = request.SerializeAsString(),
                                                             .background = options.background}));
  if (!report) return {};
  context.print({{"dry_run", options.dry_run},
                 {"records", report->records()},
                 {"messages", report->messages()},
                 {"index_bytes", report->index_bytes()}});
  if (options.dry_run) {
    context.say(
        fmt::format("The change log of database {} is whole ({} records): its index can be "
                    "made anew.",
                    printable(options.name), report->records()));
  } else {
    context.say(
        fmt::format("The index of database {} is made anew from {} records: {} messages, "
                    "{}.",
                    printable(options.name), report->records(), report->messages(),
                    human_bytes(report->index_bytes())));
  }
  return {};
}

Outcome<> run_move_path(Context& context, CareOptions& options) {
  admin::DatabaseMovePathRequest request;
  request.set_name(options.name);
  std::error_code code;
  request.set_path(std::filesystem::absolute(options.path, code).lexically_normal().string());
  request.set_keep_old(options.keep_old);
  request.set_config_only(options.config_only);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  wire::CopyFilesReport copied;
  if (reply.has_job()) {
    if (options.background) {
      context.print(to_json(reply.job()));
      context.say(fmt::format("Job {} is under way; watch it with: hauspost job show {}",
                              reply.job().id(), reply.job().id()));
      return {};
    }
    TRY_ASSIGN(const std::string bytes, watch_job(context, reply.job().id()));
    if (!copied.ParseFromString(bytes))
      return refused(ErrorCode::kCorrupt, "the job's report does not parse");
  }
  context.print({{"name", options.name},
                 {"from", reply.from()},
                 {"to", reply.to()},
                 {"dry_run", options.dry_run},
                 {"files", copied.files()},
                 {"bytes", options.dry_run ? reply.bytes() : copied.bytes()}});
  if (options.dry_run) {
    context.say(fmt::format("Database {} would move from {} to {} ({}).", printable(options.name),
                            reply.from(), reply.to(), human_bytes(reply.bytes())));
  } else if (options.config_only) {
    context.say(
        fmt::format("Database {} is now expected in {}.", printable(options.name), reply.to()));
  } else {
    context.say(fmt::format(
        "Database {} is now in {}: {} files, {}, compared byte by byte; the old "
        "ones {}.",
        printable(options.name), reply.to(), copied.files(), human_bytes(copied.bytes()),
        options.keep_old ? "stay in " + reply.from() : "are deleted"));
  }
  return {};
}

Json as_json(const store::DumpedRecord& record) {
  Json operations = Json::array();
  for (const std::string& operation : record.operations) operations.push_back(operation);
  return {{"lsn", record.header.lsn.value},
          {"epoch", record.header.epoch},
          {"time", store::utc_text(record.header.time_us)},
          {"time_us", record.header.time_us},
          {"segment", record.segment.value},
          {"offset", record.offset},
          {"bytes", record.bytes},
          {"bodies", record.bodies},
          {"session", record.header.actor.session.to_string()},
          {"user", record.header.actor.user.to_string()},
          {"device", record.header.actor.device},
          {"operations", operations}};
}

// Read by this command itself, so that a log of any length streams by, and also without a server.
Outcome<> run_dump_log(Context& context, CareOptions& options) {
  std::string folder = options.folder;
  if (folder.empty() == options.name.empty())
    return usage("dump-log needs either a database or --folder DIR");
  if (folder.empty()) {
    admin::DatabaseShowRequest request;
    request.set_name(options.name);
    TRY_ASSIGN(const auto reply, context.ask(request));
    folder = reply.database().path();
  }
  const store::Lsn first(options.from);
  const store::Lsn last(options.to);
  const auto dumped =
      context.json() ? store::dump_records(folder, first, last,
                                           [](const store::DumpedRecord& record) {
                                             const std::string line = as_json(record).dump(
                                                 -1, ' ', false, Json::error_handler_t::replace);
                                             fmt::print("{}\n", line);
                                           })
                     : store::dump_log(folder, first, last, [](std::string_view line) {
                         fmt::print("{}\n", printable(line));
                       });
  std::fflush(stdout);
  if (!dumped) return refused(dumped.error());
  return {};
}

CLI::App* add_care(CLI::App& noun, const std::string& name, const std::string& description,
                   Verb& chosen, VerbFunction<CareOptions> run,
                   const std::shared_ptr<CareOptions>& options) {
  CLI::App* verb = add_verb<CareOptions>(noun, name, description, chosen, options, run);
  verb->add_option("NAME", options->name, "The database")->required();
  verb->add_flag("--background", options->background, "Return at once; see: hauspost job list");
  return verb;
}

void add_dry_run(CLI::App& verb, CareOptions& options) {
  verb.add_flag("--dry-run", options.dry_run, "Only say what would be done");
}

}  // namespace

void add_database_care(CLI::App& noun, Verb& chosen) {
  auto options = std::make_shared<CareOptions>();
  add_care(noun, "check", "Look at every record, every message and the index", chosen, run_check,
           options);
  CLI::App* repair =
      add_care(noun, "repair", "Mend what check has found", chosen, run_repair, options);
  repair->add_flag("--drop-damaged", options->drop_damaged,
                   "Expunge messages that cannot be read; what is left of them is put aside");
  add_dry_run(*repair, *options);
  CLI::App* compact = add_care(noun, "compact", "Give the space of expunged mail back", chosen,
                               run_compact, options);
  compact
      ->add_option("--below", options->below,
                   "Rewrite segments whose live share is below this percentage (default: 50)")
      ->check(CLI::Range(1, 100));
  compact->add_option("--rate", options->rate, "Bytes a second at most, for instance 20M")
      ->type_name("SIZE");
  compact->add_flag("--keep-index", options->keep_index, "Leave the index as it is");
  add_dry_run(*compact, *options);
  add_dry_run(
      *add_care(noun, "rebuild-index", "Make a dismounted database's index anew from its log",
                chosen, run_rebuild_index, options),
      *options);
  CLI::App* move = add_care(noun, "move-path", "Move a database's files to another folder", chosen,
                            run_move_path, options);
  move->add_option("--path", options->path, "The new folder")->required()->type_name("DIR");
  move->add_flag("--keep-old", options->keep_old, "Leave the old files where they are");
  move->add_flag("--config-only", options->config_only,
                 "The files of the dismounted database are there already");
  add_dry_run(*move, *options);
  CLI::App* dump = add_verb<CareOptions>(noun, "dump-log", "Print the change log's records", chosen,
                                         options, run_dump_log);
  dump->add_option("NAME", options->name, "The database");
  dump->add_option("--from", options->from, "First record (default: 1)")->type_name("LSN");
  dump->add_option("--to", options->to, "Last record (default: the last one)")->type_name("LSN");
  dump->add_option("--folder", options->folder, "A database's folder instead of its name")
      ->type_name("DIR");
}

}  // namespace hauspost::cli
