// `database restore` and `mailbox restore`.
#include <fmt/format.h>

#include "server/child/job_backup.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/backup_point.h"
#include "tools/cli/commands.h"
#include "tools/cli/job.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct RestoreOptions {
  PointOptions point;
  std::string name;
  std::string path;
  std::string rate;
  std::string attach_from;
  bool recovery = false;
  bool leave_dismounted = false;
  bool background = false;
};

Json as_json(const child::wire::RestoreReport& report) {
  return {{"set_path", report.set_path()}, {"lsn", report.lsn()},
          {"time_us", report.time_us()},   {"mailboxes", report.mailboxes()},
          {"messages", report.messages()}, {"log_bytes", report.log_bytes()}};
}

Outcome<admin::DatabaseRestoreRequest> to_request(const RestoreOptions& options) {
  TRY_ASSIGN(const child::wire::BackupPoint point, to_point(options.point));
  admin::DatabaseRestoreRequest request;
  request.set_name(options.name);
  if (!options.path.empty()) request.set_path(absolute_path(options.path));
  request.set_folder(point.folder());
  request.set_set(point.set());
  if (point.has_lsn()) request.set_lsn(point.lsn());
  if (point.has_time_us()) request.set_time_us(point.time_us());
  request.set_recovery(options.recovery);
  request.set_leave_dismounted(options.leave_dismounted);
  request.set_attach_from(options.attach_from);
  if (!options.rate.empty()) {
    const auto rate = parse_size(options.rate);
    if (!rate) return usage("--rate " + printable(options.rate) + ": not a size");
    request.set_bytes_per_second(*rate);
  }
  return request;
}

Outcome<> run_database_restore(Context& context, RestoreOptions& options) {
  TRY_ASSIGN(const admin::DatabaseRestoreRequest request, to_request(options));
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (options.background) {
    context.print(to_json(reply.job()));
    context.say(fmt::format("Job {} is under way; watch it with: hauspost job show {}",
                            reply.job().id(), reply.job().id()));
    return {};
  }
  TRY_ASSIGN(const std::string bytes, watch_job(context, reply.job().id()));
  child::wire::RestoreReport report;
  if (!report.ParseFromString(bytes))
    return refused(ErrorCode::kCorrupt, "the job's report does not parse");
  Json out = as_json(report);
  out["name"] = options.name;
  out["recovery"] = options.recovery;
  context.print(out);
  const std::string moment =
      report.time_us() == 0 ? "" : fmt::format(" of {}", exact_time(report.time_us()));
  context.say(fmt::format("Database {} holds {} messages in {} mailboxes, as of record {}{}.",
                          printable(options.name), report.messages(), report.mailboxes(),
                          report.lsn(), moment));
  if (options.recovery) {
    context.say(
        fmt::format("It is a recovery database: bring mail out of it with: hauspost "
                    "mailbox restore {} --mailbox ADDRESS",
                    printable(options.name)));
  } else if (!options.attach_from.empty()) {
    context.say(fmt::format("The mailboxes of {} live in it now.", printable(options.attach_from)));
  }
  return {};
}

struct MailboxRestoreOptions {
  PointOptions point;  // its folder is the source, whatever it is
  std::string mailbox;
  std::string folder;
  std::string to;
  std::string root;
  bool all = false;
  bool background = false;
};

// A recovery database is named by its name, a backup by a path, which has a slash in it.
Outcome<> name_source(Context& context, const MailboxRestoreOptions& options,
                      child::wire::RestoreMailboxRequest& request) {
  const std::string& source = options.point.folder;
  if (source.find('/') == std::string::npos && source != "." && source != "..") {
    admin::DatabaseShowRequest show;
    show.set_name(source);
    const auto reply = context.ask(show);
    if (reply && reply->database().state() != admin::DATABASE_STATE_DISMOUNTED) {
      return refused(ErrorCode::kDenied,
                     fmt::format("database {} is mounted; mail is brought out of recovery "
                                 "databases and backups only",
                                 printable(source)));
    }
    if (reply && (!options.point.at.empty() || options.point.lsn || options.point.set != 0))
      return usage("--at, --lsn and --set are for backups: a database has one moment");
    if (reply) {
      request.set_from_database(reply->database().path());
      return {};
    }
  }
  TRY_ASSIGN(*request.mutable_from(), to_point(options.point));
  return {};
}

Json as_json(const child::wire::RestoreMailboxReport& report) {
  Json damaged = Json::array();
  for (const std::string& each : report.damaged()) damaged.push_back(each);
  return {{"lsn", report.lsn()},
          {"folders", report.folders()},
          {"folders_made", report.folders_made()},
          {"messages", report.messages()},
          {"copied", report.copied()},
          {"existing", report.existing()},
          {"bytes", report.bytes()},
          {"damaged", damaged}};
}

Outcome<> run_mailbox_restore(Context& context, MailboxRestoreOptions& options) {
  child::wire::RestoreMailboxRequest request;
  TRY(name_source(context, options, request));
  admin::MailboxShowRequest show;
  show.set_name(options.to.empty() ? options.mailbox : options.to);
  TRY_ASSIGN(const auto target, context.ask(show));
  const admin::Mailbox& to = target.mailbox();
  request.set_mailbox(options.mailbox);
  show.set_name(options.mailbox);
  if (options.to.empty()) {
    request.set_mailbox(to.address());
    request.set_mailbox_guid(to.guid());
  } else if (const auto source = context.ask(show)) {  // it may be gone since
    request.set_mailbox(source->mailbox().address());
    request.set_mailbox_guid(source->mailbox().guid());
  }
  request.set_folder(options.folder);
  request.set_to_guid(to.guid());
  request.set_to_label(to.address());
  request.set_root(options.root);
  request.set_copy_again(options.all);
  TRY_ASSIGN(const auto report, run_job_for<child::wire::RestoreMailboxReport>(
                                    context, {.database = to.database(),
                                              .kind = "restore-mailbox",
                                              .request = request.SerializeAsString(),
                                              .background = options.background}));
  if (!report) return {};
  Json out = as_json(*report);
  out["mailbox"] = request.mailbox();
  out["to"] = to.address();
  context.print(out);
  context.say(fmt::format("{} of {} messages in {} folders copied to {}; {} were there already.",
                          report->copied(), report->messages(), report->folders(),
                          printable(to.address()), report->existing()));
  if (report->damaged_size() == 0) return {};
  for (const std::string& each : report->damaged()) context.say("damaged: " + printable(each));
  return partial(fmt::format("{} messages are damaged in the source and were left out",
                             report->damaged_size()));
}

}  // namespace

void add_restore_commands(CLI::App& app, Verb& chosen) {
  auto database = std::make_shared<RestoreOptions>();
  CLI::App* verb = add_verb<RestoreOptions>(*app.get_subcommand("database"), "restore",
                                            "Make a new database of a backup", chosen, database,
                                            run_database_restore);
  verb->add_option("DIR", database->point.folder, "The backup's folder")
      ->required()
      ->type_name("DIR");
  verb->add_option("--name", database->name, "Name of the new database")->required();
  verb->add_option("--path", database->path, "Folder of its files (default: DATA/databases/NAME)")
      ->type_name("DIR");
  add_point_options(*verb, database->point);
  CLI::Option* recovery =
      verb->add_flag("--recovery", database->recovery,
                     "A recovery database: never mounted, a source for `mailbox restore`");
  verb->add_option("--attach", database->attach_from,
                   "Let the mailboxes of this dismounted database live in the new one")
      ->type_name("DATABASE")
      ->excludes(recovery);
  verb->add_flag("--leave-dismounted", database->leave_dismounted, "Do not mount it");
  verb->add_option("--rate", database->rate, "Copy at most so much a second: 50M")
      ->type_name("SIZE");
  verb->add_flag("--background", database->background, "Return at once");

  auto mailbox = std::make_shared<MailboxRestoreOptions>();
  verb = add_verb<MailboxRestoreOptions>(*app.get_subcommand("mailbox"), "restore",
                                         "Bring back mail out of a backup or recovery database",
                                         chosen, mailbox, run_mailbox_restore);
  verb->add_option("SOURCE", mailbox->point.folder,
                   "A backup's folder, or the name of a recovery database")
      ->required();
  verb->add_option("--mailbox", mailbox->mailbox, "Whose mail")->required()->type_name("ADDRESS");
  verb->add_option("--folder", mailbox->folder, "Only this folder and those below it")
      ->type_name("PATH");
  verb->add_option("--to", mailbox->to, "Into this mailbox (default: the same)")
      ->type_name("ADDRESS");
  verb->add_option("--target-root", mailbox->root,
                   "Put all folders below this one (default: where they were)")
      ->type_name("PATH");
  add_point_options(*verb, mailbox->point);
  verb->add_flag("--all", mailbox->all, "Also messages that are there already");
  verb->add_flag("--background", mailbox->background, "Return at once");
}

}  // namespace hauspost::cli
