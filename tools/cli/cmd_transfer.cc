// `mailbox import` and `mailbox export`: mail in from files, mail out into files.
#include <fmt/format.h>

#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "server/supervisor/admin_transfer_api.h"
#include "tools/cli/amount.h"
#include "tools/cli/backup_point.h"
#include "tools/cli/cmd_mailbox.h"
#include "tools/cli/context.h"
#include "tools/cli/progress.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct TransferOptions {
  bool is_export = false;
  std::string name;  // of verbs on one: ADDRESS/NAME
  std::string mailbox;
  std::string file;
  std::string request_name;
  std::string format;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string source_root;
  std::string target_root;
  std::string bad_items;
  std::string large_items;
  std::string priority;
  std::string keep_completed;
  std::string after;
  std::string before;
  std::string from;
  std::string subject;
  std::string state;
  bool ignore_quota = false;
  bool exclude_dumpster = false;
  bool dry_run = false;
  bool suspended = false;
  bool wait = false;
};

constexpr std::string_view kKeepCompleted = "30d";
constexpr auto kTransferLookEvery = std::chrono::milliseconds(250);

std::string_view noun_of(const TransferOptions& options) {
  return options.is_export ? "export" : "import";
}

Json transfer_json(const admin::Transfer& transfer) {
  Json include = Json::array();
  for (const std::string& pattern : transfer.include()) include.push_back(pattern);
  Json exclude = Json::array();
  for (const std::string& pattern : transfer.exclude()) exclude.push_back(pattern);
  Json out = {{"id", guid_text(transfer.id())},
              {"mailbox", transfer.mailbox()},
              {"name", transfer.name()},
              {"database", transfer.database()},
              {"state", transfer.state()},
              {"detail", transfer.detail()},
              {"file", transfer.file()},
              {"format", transfer.format()},
              {"include", include},
              {"exclude", exclude},
              {"source_root", transfer.source_root()},
              {"target_root", transfer.target_root()},
              {"priority", transfer.priority()},
              {"keep_completed_s", transfer.keep_completed_s()},
              {"dry_run", transfer.dry_run()},
              {"created_s", transfer.created_s()},
              {"started_s", transfer.started_s()},
              {"ended_s", transfer.ended_s()},
              {"worked_s", transfer.worked_s()},
              {"messages", transfer.messages()},
              {"bytes", transfer.bytes()},
              {"bad_items", transfer.bad()},
              {"large_items", transfer.large()},
              {"odd_items", transfer.odd()},
              {"skipped", transfer.skipped()},
              {"folders", transfer.folders()},
              {"done", transfer.done()},
              {"total", transfer.total()}};
  if (transfer.is_export()) {
    out["exclude_dumpster"] = transfer.exclude_dumpster();
    out["after_s"] = transfer.after_s();
    out["before_s"] = transfer.before_s();
    out["from"] = transfer.from();
    out["subject"] = transfer.subject();
  } else {
    out["folders_made"] = transfer.folders_made();
    out["ignore_quota"] = transfer.ignore_quota();
    out["bad_items_max"] =
        transfer.has_bad_items_max() ? Json(transfer.bad_items_max()) : Json(nullptr);
    out["large_items_max"] =
        transfer.has_large_items_max() ? Json(transfer.large_items_max()) : Json(nullptr);
  }
  return out;
}

std::string percent_text(const admin::Transfer& transfer) {
  if (transfer.state().starts_with("Completed")) return "100%";
  if (transfer.total() == 0) return "-";
  return fmt::format("{}%", std::min<std::uint64_t>(99, transfer.done() * 100 / transfer.total()));
}

std::string counts_text(const admin::Transfer& transfer) {
  std::string out =
      fmt::format("{} ({})", messages_text(transfer.messages()), human_bytes(transfer.bytes()));
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count != 0) out += fmt::format(", {} {}", count, what);
  };
  add(transfer.bad(), "bad");
  add(transfer.large(), "too large");
  add(transfer.odd(), "odd");
  add(transfer.skipped(), "left out");
  return out;
}

// -1 is any number; "any" says so.
Outcome<std::int64_t> items_limit(const std::string& text, std::string_view option) {
  if (text == "any") return -1;
  const auto number = parse_u64(text);
  if (!number || *number > INT32_MAX)
    return usage(fmt::format("{} {}: not a number, and not \"any\"", option, printable(text)));
  return static_cast<std::int64_t>(*number);
}

Outcome<std::int64_t> keep_time(const std::string& text) {
  if (text == "forever") return 0;
  const auto time = parse_duration(text);
  if (!time || *time == 0) {
    return usage("--keep-completed " + printable(text) +
                 ": not a time like 30d or 12h, and not \"forever\"");
  }
  return *time;
}

Outcome<std::int64_t> moment_option(const std::string& text, std::string_view option) {
  if (text.empty()) return 0;
  const auto now = std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch());
  const auto moment = parse_moment(text, now.count());
  if (!moment) return usage(fmt::format("{} {}: not a moment", option, printable(text)));
  return *moment;
}

Outcome<admin::TransferNewRequest> new_request(const TransferOptions& options) {
  admin::TransferNewRequest request;
  request.set_name(options.mailbox);
  request.set_suspended(options.suspended);
  admin::Transfer& wish = *request.mutable_wish();
  wish.set_is_export(options.is_export);
  wish.set_name(options.request_name);
  wish.set_file(absolute_path(options.file));
  wish.set_format(options.format.empty() ? (options.is_export ? "mbox" : "auto") : options.format);
  for (const std::string& pattern : options.include) wish.add_include(pattern);
  for (const std::string& pattern : options.exclude) wish.add_exclude(pattern);
  wish.set_source_root(options.source_root);
  wish.set_target_root(options.target_root);
  if (!options.bad_items.empty()) {
    TRY_ASSIGN(const std::int64_t most, items_limit(options.bad_items, "--bad-items"));
    if (most >= 0) wish.set_bad_items_max(static_cast<std::uint64_t>(most));
  }
  if (!options.large_items.empty()) {
    TRY_ASSIGN(const std::int64_t most, items_limit(options.large_items, "--large-items"));
    if (most >= 0) wish.set_large_items_max(static_cast<std::uint64_t>(most));
  }
  wish.set_ignore_quota(options.ignore_quota);
  wish.set_exclude_dumpster(options.exclude_dumpster);
  wish.set_dry_run(options.dry_run && !options.is_export);
  wish.set_priority(options.priority);
  wish.set_from(options.from);
  wish.set_subject(options.subject);
  TRY_ASSIGN(const std::int64_t after, moment_option(options.after, "--after"));
  TRY_ASSIGN(const std::int64_t before, moment_option(options.before, "--before"));
  wish.set_after_s(after);
  wish.set_before_s(before);
  TRY_ASSIGN(const std::int64_t keep,
             keep_time(options.keep_completed.empty() ? std::string(kKeepCompleted)
                                                      : options.keep_completed));
  wish.set_keep_completed_s(keep);
  return request;
}

std::string full_name(const admin::Transfer& transfer) {
  return printable(transfer.mailbox()) + "/" + printable(transfer.name());
}

Outcome<admin::Transfer> find_one(Context& context, const TransferOptions& options) {
  admin::TransferListRequest request;
  request.set_is_export(options.is_export);
  const std::size_t slash = options.name.rfind('/');
  request.set_mailbox(options.name.substr(0, slash));
  if (slash != std::string::npos) request.set_name(options.name.substr(slash + 1));
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (reply.transfers_size() == 1) return reply.transfers(0);
  if (reply.transfers_size() == 0) {
    return refused(ErrorCode::kNotFound,
                   fmt::format("no {} is {}; see: hauspost mailbox {} list", noun_of(options),
                               printable(options.name), noun_of(options)));
  }
  std::string names;
  for (const auto& each : reply.transfers()) names += " " + full_name(each);
  return refused(ErrorCode::kInvalid, fmt::format("{} has several {}s:{}", printable(options.name),
                                                  noun_of(options), names));
}

Outcome<> outcome_of(Context& context, const admin::Transfer& transfer) {
  context.print(transfer_json(transfer));
  const std::string noun = transfer.is_export() ? "export" : "import";
  if (transfer.state() == "Failed" || transfer.state() == "Suspended") {
    return std::unexpected(Failure{.exit = Exit::kRefused,
                                   .code = std::string(to_string(ErrorCode::kUnavailable)),
                                   .text = fmt::format("{} {} is {}: {}", noun, full_name(transfer),
                                                       transfer.state(), transfer.detail()),
                                   .answered = true});
  }
  context.say(fmt::format("{} {} is {}: {} in {} folders.",
                          transfer.is_export() ? "Export" : "Import", full_name(transfer),
                          transfer.state(), counts_text(transfer), transfer.folders()));
  if (transfer.state() != "CompletedWithWarning") return {};
  return partial(
      fmt::format("{} items were bad, {} too large, {} odd; each is told by: hauspost "
                  "mailbox {} report {}",
                  transfer.bad(), transfer.large(), transfer.odd(), noun, full_name(transfer)));
}

Outcome<> wait_for_end(Context& context, TransferOptions options) {
  JobProgress bar(system_clock());
  for (;;) {
    TRY_ASSIGN(const admin::Transfer transfer, find_one(context, options));
    const bool going = transfer.state() == "Queued" || transfer.state() == "InProgress";
    if (!going) return outcome_of(context, transfer);
    bar.update(fmt::format("{} {}: {}", noun_of(options), transfer.name(),
                           messages_text(transfer.messages())),
               transfer.done(), transfer.total());
    std::this_thread::sleep_for(kTransferLookEvery);
  }
}

Outcome<> run_transfer_new(Context& context, TransferOptions& options) {
  TRY_ASSIGN(admin::TransferNewRequest request, new_request(options));
  TRY_ASSIGN(const auto reply, context.ask(request));
  const admin::Transfer& made = reply.transfer();
  if (options.wait && !options.suspended) {
    options.name = made.mailbox() + "/" + made.name();
    return wait_for_end(context, options);
  }
  context.print(transfer_json(made));
  context.say(fmt::format("{} {} is {}; watch it with: hauspost mailbox {} stats {}",
                          options.is_export ? "Export" : "Import", full_name(made), made.state(),
                          noun_of(options), full_name(made)));
  return {};
}

Outcome<> run_transfer_list(Context& context, TransferOptions& options) {
  admin::TransferListRequest request;
  request.set_is_export(options.is_export);
  request.set_mailbox(options.mailbox);
  request.set_state(options.state);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json all = Json::array();
  Table table({{"REQUEST"},
               {"STATE"},
               {"DONE", true},
               {"MESSAGES", true},
               {"BAD", true},
               {"CREATED"},
               {"FILE"}});
  for (const auto& each : reply.transfers()) {
    if (context.json()) all.push_back(transfer_json(each));
    table.add({full_name(each), each.state(), percent_text(each), std::to_string(each.messages()),
               std::to_string(each.bad() + each.large()), human_time(each.created_s()),
               each.file()});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_transfer_show(Context& context, TransferOptions& options) {
  TRY_ASSIGN(const admin::Transfer transfer, find_one(context, options));
  context.print(transfer_json(transfer));
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"request", full_name(transfer)});
  table.add({"state", transfer.state()});
  if (!transfer.detail().empty()) table.add({"because", transfer.detail()});
  table.add({"file", transfer.file()});
  table.add({"format", transfer.format()});
  for (const auto& pattern : transfer.include()) table.add({"include", pattern});
  for (const auto& pattern : transfer.exclude()) table.add({"exclude", pattern});
  if (!transfer.source_root().empty()) table.add({"source root", transfer.source_root()});
  if (!transfer.target_root().empty()) table.add({"target root", transfer.target_root()});
  if (transfer.after_s() != 0) table.add({"received after", human_time(transfer.after_s())});
  if (transfer.before_s() != 0) table.add({"received before", human_time(transfer.before_s())});
  if (!transfer.from().empty()) table.add({"from", transfer.from()});
  if (!transfer.subject().empty()) table.add({"subject", transfer.subject()});
  if (transfer.is_export())
    table.add({"deleted messages", transfer.exclude_dumpster() ? "left out" : "exported too"});
  if (transfer.has_bad_items_max())
    table.add({"bad items", fmt::format("at most {}", transfer.bad_items_max())});
  if (transfer.has_large_items_max())
    table.add({"large items", fmt::format("at most {}", transfer.large_items_max())});
  if (transfer.ignore_quota()) table.add({"quota", "not minded"});
  if (transfer.dry_run()) table.add({"dry run", "yes"});
  table.add({"priority", transfer.priority()});
  table.add(
      {"kept", transfer.keep_completed_s() == 0
                   ? "until it is removed"
                   : "for " + human_seconds(transfer.keep_completed_s()) + " once completed"});
  table.add({"created", human_time(transfer.created_s())});
  table.add({"started", human_time(transfer.started_s())});
  table.add({"ended", human_time(transfer.ended_s())});
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_transfer_stats(Context& context, TransferOptions& options) {
  if (options.wait) return wait_for_end(context, options);
  TRY_ASSIGN(const admin::Transfer transfer, find_one(context, options));
  const auto now = std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch());
  const bool going = transfer.state() == "InProgress";
  const std::int64_t begun = transfer.started_s();
  const std::int64_t seconds =
      going ? std::max<std::int64_t>(now.count() - begun, 1) : transfer.worked_s();
  const std::uint64_t rate =
      seconds > 0 ? transfer.bytes() / static_cast<std::uint64_t>(seconds) : 0;
  std::int64_t left_s = -1;
  if (going && transfer.done() > 0 && transfer.total() >= transfer.done()) {
    const double share = static_cast<double>(transfer.total() - transfer.done()) /
                         static_cast<double>(transfer.done());
    left_s = static_cast<std::int64_t>(static_cast<double>(seconds) * share);
  }
  Json out = transfer_json(transfer);
  out["bytes_per_second"] = rate;
  out["left_s"] = left_s < 0 ? Json(nullptr) : Json(left_s);
  context.print(out);
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"request", full_name(transfer)});
  table.add({"state", transfer.state()});
  if (!transfer.detail().empty()) table.add({"because", transfer.detail()});
  table.add({"done", percent_text(transfer)});
  table.add({"messages", std::to_string(transfer.messages())});
  table.add({"bytes", human_bytes(transfer.bytes())});
  table.add({"folders", std::to_string(transfer.folders())});
  if (!transfer.is_export()) table.add({"folders made", std::to_string(transfer.folders_made())});
  table.add({"left out", std::to_string(transfer.skipped())});
  table.add({"bad items", std::to_string(transfer.bad())});
  table.add({"large items", std::to_string(transfer.large())});
  table.add({"odd items", std::to_string(transfer.odd())});
  table.add({"time", human_seconds(seconds)});
  if (rate != 0) table.add({"rate", human_bytes(rate) + "/s"});
  if (left_s >= 0) table.add({"time left", human_seconds(left_s)});
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_transfer_report(Context& context, TransferOptions& options) {
  admin::TransferReportRequest request;
  request.set_name(options.name);
  request.set_is_export(options.is_export);
  std::string text;
  for (;;) {
    TRY_ASSIGN(const auto reply, context.ask(request));
    if (reply.text().empty()) break;
    request.set_offset(request.offset() + reply.text().size());
    text += reply.text();
  }
  Json lines = Json::array();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = printable(std::string_view(text).substr(at, end - at));
    lines.push_back(line);
    context.say(line);
    at = end + 1;
  }
  context.print(lines);
  if (lines.empty()) context.say("Nothing was bad, too large or odd.");
  return {};
}

using TransferAction = admin::TransferWorkRequest::Action;

Outcome<admin::Transfer> act(Context& context, const TransferOptions& options,
                             TransferAction action) {
  admin::TransferWorkRequest request;
  request.set_name(options.name);
  request.set_is_export(options.is_export);
  request.set_action(action);
  request.set_dry_run(options.dry_run);
  if (action == admin::TransferWorkRequest::SET) {
    if (!options.priority.empty()) request.set_priority(options.priority);
    if (!options.bad_items.empty()) {
      TRY_ASSIGN(const std::int64_t most, items_limit(options.bad_items, "--bad-items"));
      request.set_bad_items_max(most);
    }
    if (!options.large_items.empty()) {
      TRY_ASSIGN(const std::int64_t most, items_limit(options.large_items, "--large-items"));
      request.set_large_items_max(most);
    }
    if (!options.keep_completed.empty()) {
      TRY_ASSIGN(const std::int64_t keep, keep_time(options.keep_completed));
      request.set_keep_completed_s(keep);
    }
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(transfer_json(reply.transfer()));
  return reply.transfer();
}

Outcome<> run_transfer_suspend(Context& context, TransferOptions& options) {
  TRY_ASSIGN(const auto one, act(context, options, admin::TransferWorkRequest::SUSPEND));
  context.say(full_name(one) +
              (one.state() == "Suspended" ? " is suspended." : " stops where it is, soon."));
  return {};
}

Outcome<> run_transfer_resume(Context& context, TransferOptions& options) {
  TRY_ASSIGN(const auto one, act(context, options, admin::TransferWorkRequest::RESUME));
  context.say(full_name(one) + " goes on where it stood.");
  return {};
}

Outcome<> run_transfer_remove(Context& context, TransferOptions& options) {
  TRY_ASSIGN(const auto one, act(context, options, admin::TransferWorkRequest::REMOVE));
  context.say(full_name(one) + (options.dry_run ? " would be removed." : " is removed.") +
              (one.is_export() ? "" : " What it has imported stays."));
  return {};
}

Outcome<> run_transfer_set(Context& context, TransferOptions& options) {
  if (options.priority.empty() && options.bad_items.empty() && options.large_items.empty() &&
      options.keep_completed.empty())
    return usage(fmt::format("mailbox {} set: nothing is to be changed", noun_of(options)));
  TRY_ASSIGN(const auto one, act(context, options, admin::TransferWorkRequest::SET));
  context.say(full_name(one) + " is changed.");
  return {};
}

void add_limits(CLI::App& verb, TransferOptions& options) {
  verb.add_option("--priority", options.priority,
                  "lowest, lower, low, normal (default), high, higher or emergency");
  verb.add_option("--keep-completed", options.keep_completed,
                  "Forget the request so long after it has completed (default 30d), or \"forever\"")
      ->type_name("TIME");
  if (options.is_export) return;
  verb.add_option("--bad-items", options.bad_items,
                  "Fail above so many bad items (default: any number)")
      ->type_name("N");
  verb.add_option("--large-items", options.large_items,
                  "Fail above so many messages over the server's limit (default: any number)")
      ->type_name("N");
}

void add_transfer_new(CLI::App& noun, Verb& chosen,
                      const std::shared_ptr<TransferOptions>& options) {
  CLI::App* verb = add_verb<TransferOptions>(noun, "new",
                                             options->is_export
                                                 ? "Export a mailbox in the background"
                                                 : "Import files into a mailbox in the background",
                                             chosen, options, run_transfer_new);
  verb->add_option("--mailbox", options->mailbox, "The mailbox")->required()->type_name("ADDRESS");
  verb->add_option("--file", options->file,
                   options->is_export ? "What is written; must not exist yet"
                                      : "The file or folder that is read, on the server")
      ->required()
      ->type_name("PATH");
  verb->add_option("--name", options->request_name,
                   options->is_export ? "The request's name (default: export0 to export9)"
                                      : "The request's name (default: import0 to import9)");
  verb->add_option("--format", options->format,
                   options->is_export ? "mbox (default), maildir, eml or zip"
                                      : "auto (default), mbox, maildir, eml or zip");
  verb->add_option("--include", options->include,
                   "Only this folder; Name/* with those below; #Inbox#, #SentItems#, "
                   "#DeletedItems#, #Drafts#, #JunkEmail#, #Archive# in any language")
      ->allow_extra_args(false)
      ->type_name("FOLDER");
  verb->add_option("--exclude", options->exclude, "Not this folder; likewise")
      ->allow_extra_args(false)
      ->type_name("FOLDER");
  verb->add_option("--source-root", options->source_root,
                   "Only what is at or below this folder, without its name")
      ->type_name("FOLDER");
  verb->add_option("--target-root", options->target_root, "Put everything below this folder")
      ->type_name("FOLDER");
  add_limits(*verb, *options);
  verb->add_flag("--suspended", options->suspended, "Do not begin before `resume`");
  verb->add_flag("--wait", options->wait, "Wait for the end, with a progress bar");
  if (!options->is_export) {
    verb->add_flag("--ignore-quota", options->ignore_quota, "Also into a full mailbox");
    verb->add_flag("--dry-run", options->dry_run, "Read and count; import nothing");
    return;
  }
  verb->add_flag("--exclude-dumpster", options->exclude_dumpster,
                 "Without deleted messages that are still kept (folder Deletions)");
  verb->add_option("--after", options->after, "Only messages received from then on")
      ->type_name("TIME");
  verb->add_option("--before", options->before, "Only messages received before")->type_name("TIME");
  verb->add_option("--from", options->from, "Only messages whose From holds this")
      ->type_name("TEXT");
  verb->add_option("--subject", options->subject, "Only messages whose Subject holds this")
      ->type_name("TEXT");
}

CLI::App* add_one(CLI::App& noun, const std::string& name, const std::string& description,
                  Verb& chosen, const std::shared_ptr<TransferOptions>& options,
                  VerbFunction<TransferOptions> run) {
  CLI::App* verb = add_verb<TransferOptions>(noun, name, description, chosen, options, run);
  verb->add_option("REQUEST", options->name,
                   "ADDRESS/NAME; ADDRESS alone when the mailbox has only one")
      ->required();
  return verb;
}

void add_transfer_noun(CLI::App& above, Verb& chosen, bool is_export) {
  CLI::App* noun = add_noun(above, is_export ? "export" : "import",
                            is_export ? "Mail out into files: requests worked at in the background"
                                      : "Mail in from files: requests worked at in the background");
  auto options = std::make_shared<TransferOptions>();
  options->is_export = is_export;
  add_transfer_new(*noun, chosen, options);
  CLI::App* list = add_verb<TransferOptions>(*noun, "list", "List the requests", chosen, options,
                                             run_transfer_list);
  list->add_option("--mailbox", options->mailbox, "Only those of this mailbox")
      ->type_name("ADDRESS");
  list->add_option("--state", options->state,
                   "Only those that are Queued, InProgress, Suspended, Failed, Completed or "
                   "CompletedWithWarning");
  add_one(*noun, "show", "Show what a request is to do", chosen, options, run_transfer_show);
  add_one(*noun, "stats", "Show how far a request has come", chosen, options, run_transfer_stats)
      ->add_flag("--wait", options->wait, "Wait for its end, with a progress bar");
  add_one(*noun, "report", "List what was bad, too large or odd", chosen, options,
          run_transfer_report);
  CLI::App* set = add_one(*noun, "set", "Change a request", chosen, options, run_transfer_set);
  add_limits(*set, *options);
  add_one(*noun, "suspend", "Stop a request where it is", chosen, options, run_transfer_suspend);
  add_one(*noun, "resume", "Go on with a request that is suspended or failed", chosen, options,
          run_transfer_resume);
  add_one(*noun, "remove", "Forget a request; what was imported stays", chosen, options,
          run_transfer_remove)
      ->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace

void add_mailbox_transfer_commands(CLI::App& noun, Verb& chosen) {
  add_transfer_noun(noun, chosen, false);
  add_transfer_noun(noun, chosen, true);
}

}  // namespace hauspost::cli
