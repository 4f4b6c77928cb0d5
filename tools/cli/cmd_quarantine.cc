// quarantine: messages that a filter held back.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/text.h"
#include "server/child/filter.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct QuarantineOptions {
  std::string id;
  std::vector<std::string> ids;
  std::string sender;
  std::string recipient;
  std::string file;
  bool all = false;
  bool dry_run = false;
};

using QuarantineWire = child::wire::QuarantineEntry;

constexpr std::uint32_t kQuarantinePiece = 512 * 1024;

Json quarantine_json(const QuarantineWire& entry) {
  Json recipients = Json::array();
  for (const std::string& recipient : entry.recipients()) recipients.push_back(recipient);
  return {{"id", entry.id()},
          {"time_s", entry.time_s()},
          {"filter", entry.source()},
          {"reason", entry.reason()},
          {"sender", entry.sender()},
          {"recipients", recipients},
          {"subject", entry.subject()},
          {"bytes", entry.bytes()},
          {"connector", entry.connector()},
          {"client_address", entry.client_address()}};
}

std::string quarantine_sender(const QuarantineWire& entry) {
  return entry.sender().empty() ? "<>" : printable(entry.sender());
}

std::string quarantine_recipients(const QuarantineWire& entry, int most) {
  std::string out;
  for (int i = 0; i < entry.recipients_size() && i < most; ++i)
    out += (i == 0 ? "" : ", ") + printable(entry.recipients(i));
  if (entry.recipients_size() > most) out += fmt::format(" +{}", entry.recipients_size() - most);
  return out;
}

bool has_text(std::string_view text, std::string_view part) {
  return ascii_lower(text).contains(ascii_lower(part));
}

bool is_asked_for(const QuarantineWire& entry, const QuarantineOptions& options) {
  if (!has_text(entry.sender(), options.sender)) return false;
  if (options.recipient.empty()) return true;
  return std::ranges::any_of(entry.recipients(), [&](const std::string& recipient) {
    return has_text(recipient, options.recipient);
  });
}

// All pages of what is held back and fits the options.
Outcome<std::vector<QuarantineWire>> quarantined(Context& context,
                                                 const QuarantineOptions& options) {
  std::vector<QuarantineWire> out;
  admin::QuarantineListRequest request;
  request.mutable_query()->set_limit(500);
  for (;;) {
    TRY_ASSIGN(const auto reply, context.ask(request));
    for (const QuarantineWire& entry : reply.found().entries())
      if (is_asked_for(entry, options)) out.push_back(entry);
    const auto& page = reply.found();
    if (!page.more() || page.entries().empty()) return out;
    request.mutable_query()->set_after(page.entries(page.entries_size() - 1).id());
  }
}

Outcome<> run_quarantine_list(Context& context, QuarantineOptions& options) {
  TRY_ASSIGN(const auto entries, quarantined(context, options));
  Json all = Json::array();
  Table table({{"ID"}, {"TIME"}, {"FILTER"}, {"FROM"}, {"TO"}, {"SIZE", true}, {"SUBJECT"}});
  for (const QuarantineWire& entry : entries) {
    all.push_back(quarantine_json(entry));
    table.add({entry.id(), human_time(entry.time_s()), printable(entry.source()),
               quarantine_sender(entry), quarantine_recipients(entry, 1),
               human_bytes(entry.bytes()), printable(entry.subject())});
  }
  context.print(all);
  context.say(table.empty() ? "Nothing is in quarantine." : table.render(terminal_width()));
  return {};
}

Outcome<> run_quarantine_show(Context& context, QuarantineOptions& options) {
  admin::QuarantineReadRequest request;
  request.mutable_query()->set_id(options.id);
  request.mutable_query()->set_length(kQuarantinePiece);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const QuarantineWire& entry = reply.piece().entry();
  const std::string_view text = reply.piece().data();
  const std::string_view header = text.substr(0, text.find("\r\n\r\n"));
  Json out = quarantine_json(entry);
  out["header"] = printable(header);
  context.print(out);
  Table table({{"MESSAGE"}, {entry.id()}});
  table.add({"held back", human_time(entry.time_s())});
  table.add({"by", printable(entry.source())});
  table.add({"because", printable(entry.reason())});
  table.add({"from", quarantine_sender(entry)});
  table.add({"to", quarantine_recipients(entry, 20)});
  table.add({"client", entry.client_address().empty() ? "-" : printable(entry.client_address())});
  table.add({"connector", entry.connector().empty() ? "-" : printable(entry.connector())});
  table.add({"size", human_bytes(entry.bytes())});
  context.say(table.render(0));
  for (std::string_view line : split(header, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::string shown(line);
    std::ranges::replace(shown, '\t', ' ');
    context.say("  " + printable(shown));
  }
  return {};
}

Outcome<> run_quarantine_export(Context& context, QuarantineOptions& options) {
  admin::QuarantineReadRequest request;
  request.mutable_query()->set_id(options.id);
  request.mutable_query()->set_length(kQuarantinePiece);
  std::string whole;
  for (;;) {
    request.mutable_query()->set_offset(whole.size());
    TRY_ASSIGN(const auto reply, context.ask(request));
    whole += reply.piece().data();
    if (reply.piece().data().empty() || whole.size() >= reply.piece().entry().bytes()) break;
  }
  if (options.file == "-") {
    std::fwrite(whole.data(), 1, whole.size(), stdout);
    return {};
  }
  std::ofstream file(options.file, std::ios::binary | std::ios::trunc);
  file.write(whole.data(), static_cast<std::streamsize>(whole.size()));
  if (!file.flush())
    return refused(ErrorCode::kUnavailable,
                   fmt::format("{}: cannot be written", printable(options.file)));
  context.print({{"id", options.id}, {"file", options.file}, {"bytes", whole.size()}});
  context.say(fmt::format("{} written, {}", printable(options.file), human_bytes(whole.size())));
  return {};
}

// The messages that were named, or all that fit.
Outcome<std::vector<std::string>> chosen_messages(Context& context,
                                                  const QuarantineOptions& options) {
  const bool filtered = options.all || !options.sender.empty() || !options.recipient.empty();
  if (filtered == !options.ids.empty())
    return usage("name messages by their ids, or say --sender, --recipient or --all");
  if (!filtered) return options.ids;
  TRY_ASSIGN(const auto entries, quarantined(context, options));
  std::vector<std::string> ids;
  for (const QuarantineWire& entry : entries) ids.push_back(entry.id());
  return ids;
}

// Does one after the other; what could not be done is listed and the exit status says so.
template <class Work>
Outcome<> for_each_message(Context& context, const std::vector<std::string>& ids,
                           std::string_view done_word, Work work) {
  Json done = Json::array();
  Json failed = Json::array();
  for (const std::string& id : ids) {
    const Outcome<> one = work(id);
    if (one) {
      done.push_back(id);
      context.say(fmt::format("{} {}", printable(id), done_word));
      continue;
    }
    if (ids.size() == 1) return one;
    failed.push_back({{"id", id}, {"error", one.error().text}});
    context.say(fmt::format("{}: {}", printable(id), one.error().text));
  }
  context.print({{"done", done}, {"failed", failed}});
  if (!failed.empty())
    return partial(fmt::format("{} of {} messages could not be done", failed.size(), ids.size()));
  return {};
}

Outcome<> run_quarantine_release(Context& context, QuarantineOptions& options) {
  TRY_ASSIGN(const auto ids, chosen_messages(context, options));
  return for_each_message(context, ids, "released", [&](const std::string& id) -> Outcome<> {
    admin::QuarantineReleaseRequest request;
    request.mutable_work()->set_id(id);
    TRY(context.ask(request));
    return {};
  });
}

Outcome<> run_quarantine_remove(Context& context, QuarantineOptions& options) {
  TRY_ASSIGN(const auto ids, chosen_messages(context, options));
  if (!options.dry_run && !ids.empty())
    TRY(context.confirm(fmt::format("Remove {} message{} from quarantine for good? Nobody is told.",
                                    ids.size(), ids.size() == 1 ? "" : "s")));
  return for_each_message(context, ids, options.dry_run ? "would be removed" : "removed",
                          [&](const std::string& id) -> Outcome<> {
                            admin::QuarantineRemoveRequest request;
                            request.mutable_work()->set_id(id);
                            request.set_dry_run(options.dry_run);
                            TRY(context.ask(request));
                            return {};
                          });
}

void add_quarantine_filter(CLI::App& verb, const std::shared_ptr<QuarantineOptions>& options) {
  verb.add_option("--sender", options->sender, "Only senders that contain this")->type_name("TEXT");
  verb.add_option("--recipient", options->recipient, "Only with a recipient that contains this")
      ->type_name("TEXT");
}

}  // namespace

void add_quarantine_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "quarantine", "Messages that a filter held back");
  const auto verb = [&](const std::string& name, const std::string& help,
                        VerbFunction<QuarantineOptions> run) {
    auto options = std::make_shared<QuarantineOptions>();
    return std::pair(add_verb<QuarantineOptions>(*noun, name, help, chosen, options, run), options);
  };
  const auto [list, to_list] = verb("list", "List them, the oldest first", run_quarantine_list);
  add_quarantine_filter(*list, to_list);
  const auto one_id = [](CLI::App* of, const std::shared_ptr<QuarantineOptions>& options) {
    of->add_option("ID", options->id, "As list shows it")->required();
  };
  const auto [show, to_show] =
      verb("show", "Show why one was held back, and its header", run_quarantine_show);
  one_id(show, to_show);
  const auto [save, to_save] = verb("export", "Write one to a file", run_quarantine_export);
  one_id(save, to_save);
  save->add_option("FILE", to_save->file, "Where to; - is standard output")->required();
  const auto several = [](CLI::App* of, const std::shared_ptr<QuarantineOptions>& options) {
    of->add_option("ID", options->ids, "Messages, as list shows them");
    add_quarantine_filter(*of, options);
    of->add_flag("--all", options->all, "All that fit, or all there are");
  };
  const auto [release, to_release] =
      verb("release", "Let messages go to their recipients", run_quarantine_release);
  several(release, to_release);
  const auto [remove, to_remove] =
      verb("remove", "Remove messages for good", run_quarantine_remove);
  several(remove, to_remove);
  remove->add_flag("--dry-run", to_remove->dry_run, "Only say which would go");
}

}  // namespace hauspost::cli
