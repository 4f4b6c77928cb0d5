// `database backup`, and the verbs that read a backup's folder; those need no server.
#include <unistd.h>

#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "server/child/job_backup.pb.h"
#include "store/backup/restore.h"
#include "tools/cli/amount.h"
#include "tools/cli/backup_point.h"
#include "tools/cli/commands.h"
#include "tools/cli/job.h"
#include "tools/cli/progress.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct BackupOptions {
  std::string database;
  std::string folder;
  std::string rate;
  std::uint64_t keep = 0;
  std::uint64_t set = 0;
  std::string scratch;
  bool full = false;
  bool background = false;
};

Json as_json(const child::wire::BackupReport& report) {
  return {{"set", report.set()},
          {"set_path", report.set_path()},
          {"generation", report.generation()},
          {"full", report.full()},
          {"begun_us", report.begun_us()},
          {"ended_us", report.ended_us()},
          {"lsn", report.lsn()},
          {"mailboxes", report.mailboxes()},
          {"messages", report.messages()},
          {"copied_bytes", report.copied_bytes()},
          {"set_bytes", report.set_bytes()},
          {"segments", report.segments()},
          {"sets_removed", report.sets_removed()}};
}

Outcome<> run_backup(Context& context, BackupOptions& options) {
  child::wire::BackupRequest request;
  request.set_folder(absolute_path(options.folder));
  request.set_full(options.full);
  request.set_keep_sets(options.keep);
  if (!options.rate.empty()) {
    const auto rate = parse_size(options.rate);
    if (!rate) return usage("--rate " + printable(options.rate) + ": not a size");
    request.set_bytes_per_second(*rate);
  }
  TRY_ASSIGN(const auto report, run_job_for<child::wire::BackupReport>(
                                    context, {.database = options.database,
                                              .kind = "backup",
                                              .request = request.SerializeAsString(),
                                              .background = options.background}));
  if (!report) return {};
  Json out = as_json(*report);
  out["name"] = options.database;
  context.print(out);
  context.say(fmt::format(
      "{} backup of {}: {} messages in {} mailboxes, up to record {}; {} copied in {:.1f} s.",
      report->full() ? "Full" : "Incremental", printable(options.database), report->messages(),
      report->mailboxes(), report->lsn(), human_bytes(report->copied_bytes()),
      static_cast<double>(report->ended_us() - report->begun_us()) / 1e6));
  context.say(fmt::format("{} now holds {}.", printable(report->set_path()),
                          human_bytes(report->set_bytes())));
  if (report->sets_removed() != 0)
    context.say(fmt::format("{} older sets are removed.", report->sets_removed()));
  return {};
}

std::uint64_t bytes_of(const store::BackupManifest& manifest) {
  std::uint64_t bytes = 0;
  for (const auto& segment : manifest.segments) bytes += segment.bytes;
  for (const auto& image : manifest.images) bytes += image.bytes;
  return bytes;
}

std::string reach(const store::BackupManifest& manifest) {
  std::string out;
  for (const store::LsnSpan& span : store::restorable(manifest))
    out += fmt::format("{}{}-{}", out.empty() ? "" : ", ", span.first.value, span.last.value);
  return out;
}

Json as_json(const store::BackupSet& set) {
  Json generations = Json::array();
  for (const auto& each : set.manifest.generations) {
    generations.push_back({{"generation", each.number},
                           {"full", each.full},
                           {"begun_us", each.begun_us},
                           {"ended_us", each.ended_us},
                           {"lsn", each.lsn.value},
                           {"mailboxes", each.mailboxes},
                           {"messages", each.messages},
                           {"copied_bytes", each.copied_bytes}});
  }
  Json spans = Json::array();
  for (const store::LsnSpan& span : store::restorable(set.manifest))
    spans.push_back({{"first_lsn", span.first.value}, {"last_lsn", span.last.value}});
  return {{"set", set.number},
          {"path", set.path},
          {"database", set.manifest.name},
          {"database_guid", set.manifest.database.to_string()},
          {"bytes", bytes_of(set.manifest)},
          {"segments", set.manifest.segments.size()},
          {"images", set.manifest.images.size()},
          {"restorable", spans},
          {"backups", generations}};
}

Outcome<store::BackupSets> read(const std::string& folder) {
  auto sets = store::read_sets(absolute_path(folder));
  if (!sets) return refused(std::move(sets).error());
  return *std::move(sets);
}

// What could not be read is told, and makes the answer a partial one.
Outcome<> end_of(const store::BackupSets& sets) {
  if (sets.faults.empty()) return {};
  return partial(sets.faults.front());
}

Outcome<> run_backup_list(Context& context, BackupOptions& options) {
  TRY_ASSIGN(const store::BackupSets sets, read(options.folder));
  Json out = Json::array();
  for (const store::BackupSet& set : sets.sets) out.push_back(as_json(set));
  context.print(out);
  Table table({{"SET", true},
               {"BACKUP", true},
               {"KIND"},
               {"DATABASE"},
               {"ENDED"},
               {"RECORD", true},
               {"MESSAGES", true},
               {"COPIED", true}});
  for (const store::BackupSet& set : sets.sets) {
    for (const auto& each : set.manifest.generations) {
      table.add({std::to_string(set.number), std::to_string(each.number),
                 each.full ? "full" : "incremental", set.manifest.name, exact_time(each.ended_us),
                 std::to_string(each.lsn.value), std::to_string(each.messages),
                 human_bytes(each.copied_bytes)});
    }
  }
  context.say(table.render(terminal_width()));
  return end_of(sets);
}

Outcome<> run_backup_show(Context& context, BackupOptions& options) {
  TRY_ASSIGN(const store::BackupSets sets, read(options.folder));
  const auto wanted = std::ranges::find_if(sets.sets, [&](const store::BackupSet& set) {
    return options.set == 0 ? &set == &sets.sets.back() : set.number == options.set;
  });
  if (wanted == sets.sets.end()) {
    if (!sets.faults.empty()) return refused(ErrorCode::kCorrupt, sets.faults.front());
    return refused(ErrorCode::kNotFound, fmt::format("{} has no set {}; see: hauspost backup list",
                                                     printable(options.folder), options.set));
  }
  const store::BackupManifest& manifest = wanted->manifest;
  const store::BackupGeneration& newest = manifest.generations.back();
  context.print(as_json(*wanted));
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"set", std::to_string(wanted->number)});
  table.add({"path", wanted->path});
  table.add({"database", manifest.name});
  table.add({"guid", manifest.database.to_string()});
  table.add({"backups", std::to_string(manifest.generations.size())});
  table.add({"begun", exact_time(manifest.generations.front().begun_us)});
  table.add({"ended", exact_time(newest.ended_us)});
  table.add({"last record", std::to_string(newest.lsn.value)});
  table.add({"restorable records", reach(manifest)});
  if (!manifest.segments.empty()) {
    table.add({"first record's time", exact_time(manifest.segments.front().oldest_us)});
    table.add({"last record's time", exact_time(manifest.segments.back().newest_us)});
  }
  table.add({"mailboxes", std::to_string(newest.mailboxes)});
  table.add({"messages", std::to_string(newest.messages)});
  table.add({"segments", std::to_string(manifest.segments.size())});
  table.add({"index images", std::to_string(manifest.images.size())});
  table.add({"size", human_bytes(bytes_of(manifest))});
  context.say(table.render(terminal_width()));
  return end_of(sets);
}

// Runs `work` on a thread of its own and draws its progress meanwhile.
template <class Work>
auto with_bar(Work work) {
  store::Progress progress;
  std::atomic<bool> done = false;
  decltype(work(progress)) outcome;
  std::thread worker([&] {
    outcome = work(progress);
    done = true;
    done.notify_all();
  });
  {
    JobProgress bar(system_clock());
    while (!done) {
      bar.update(progress.step(), progress.done(), progress.total());
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  worker.join();
  return outcome;
}

Json as_json(const store::VerifiedSet& set) {
  Json faults = Json::array();
  for (const std::string& fault : set.faults) faults.push_back(fault);
  return {{"set", set.number},          {"path", set.path},     {"good", set.faults.empty()},
          {"backups", set.generations}, {"lsn", set.lsn.value}, {"segments", set.segments},
          {"records", set.records},     {"images", set.images}, {"mailboxes", set.mailboxes},
          {"messages", set.messages},   {"bytes", set.bytes},   {"faults", faults}};
}

// Beside the backup when that can be written to: there is room for an index.
std::string scratch_folder(const BackupOptions& options) {
  if (!options.scratch.empty()) return absolute_path(options.scratch);
  const std::string folder = absolute_path(options.folder);
  if (::access(folder.c_str(), W_OK) == 0) return folder;
  std::error_code code;
  return std::filesystem::temp_directory_path(code).string();
}

Outcome<> run_verify(Context& context, BackupOptions& options) {
  const std::string folder = absolute_path(options.folder);
  const std::string scratch = scratch_folder(options);
  auto verified = with_bar([&](store::Progress& progress) {
    return store::verify_backup(store::Platform::real(), folder, options.set, scratch, progress);
  });
  if (!verified) return refused(std::move(verified).error());
  Json out = Json::array();
  std::size_t bad = 0;
  for (const store::VerifiedSet& set : *verified) {
    out.push_back(as_json(set));
    if (set.faults.empty()) {
      context.say(
          fmt::format("Set {} is good: {} records in {} segments, {} index images; it opens "
                      "with {} messages in {} mailboxes, as of record {}.",
                      set.number, set.records, set.segments, set.images, set.messages,
                      set.mailboxes, set.lsn.value));
      continue;
    }
    ++bad;
    context.say(fmt::format("Set {} is damaged:", set.number));
    for (const std::string& fault : set.faults) context.say("  " + printable(fault));
  }
  context.print(out);
  if (bad == 0) return {};
  return refused(ErrorCode::kCorrupt,
                 fmt::format("{} of {} sets in {} are damaged; make a new one with: hauspost "
                             "database backup NAME {} --full",
                             bad, verified->size(), printable(folder), printable(folder)));
}

}  // namespace

void add_backup_commands(CLI::App& app, Verb& chosen) {
  auto options = std::make_shared<BackupOptions>();
  CLI::App* backup =
      add_verb<BackupOptions>(*app.get_subcommand("database"), "backup",
                              "Back up a database while it is in use", chosen, options, run_backup);
  backup->add_option("NAME", options->database, "The database")->required();
  backup->add_option("DIR", options->folder, "Folder for its backups")->required();
  backup->add_flag("--full", options->full,
                   "Begin a new set (default: add what is new to the last one)");
  backup->add_option("--keep", options->keep, "Afterwards remove all but the newest N sets")
      ->type_name("N");
  backup->add_option("--rate", options->rate, "Copy at most so much a second: 50M")
      ->type_name("SIZE");
  backup->add_flag("--background", options->background, "Return at once");

  CLI::App* noun = add_noun(app, "backup", "Backups: what their folders hold");
  const auto add = [&](const char* name, const char* description, VerbFunction<BackupOptions> run) {
    CLI::App* verb = add_verb<BackupOptions>(*noun, name, description, chosen, options, run);
    verb->add_option("DIR", options->folder, "The backups' folder")->required();
    return verb;
  };
  add("list", "List the backups in a folder", run_backup_list);
  add("show", "Show one set of them", run_backup_show)
      ->add_option("--set", options->set, "This one (default: the newest)")
      ->type_name("N");
  CLI::App* verify = add("verify", "Prove that they are whole and open", run_verify);
  verify->add_option("--set", options->set, "Only this set")->type_name("N");
  verify->add_option("--scratch", options->scratch, "Folder with room for an index (default: DIR)")
      ->type_name("DIR");
}

}  // namespace hauspost::cli
