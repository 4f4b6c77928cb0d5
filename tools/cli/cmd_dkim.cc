// The keys that sign mail which leaves.
#include <fmt/format.h>

#include "base/text.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::size_t kTxtStringMax = 255;  // octets of one string of a record, RFC 1035

struct DkimOptions {
  std::string domain;
  std::string selector;
  std::string algorithm;
  std::uint32_t bits = 0;
  bool force = false;
  bool dry_run = false;
};

Json dkim_key_json(const admin::DkimKey& key) {
  Json out{{"domain", key.domain()},       {"selector", key.selector()},
           {"algorithm", key.algorithm()}, {"bits", key.bits()},
           {"state", key.state()},         {"created_s", key.created_s()},
           {"changed_s", key.changed_s()}, {"record_name", key.record_name()},
           {"record", key.record()}};
  if (key.published().empty()) return out;
  out["published"] = key.published();
  out["found"] = Json::array();
  for (const std::string& text : key.found()) out["found"].push_back(text);
  return out;
}

template <class Keys>
Json dkim_keys_json(const Keys& keys) {
  Json out = Json::array();
  for (const admin::DkimKey& key : keys) out.push_back(dkim_key_json(key));
  return out;
}

// As a zone file wants it: strings of at most 255 octets.
std::string zone_line(const admin::DkimKey& key) {
  std::string out = key.record_name() + ". IN TXT (";
  const std::string& record = key.record();
  for (std::size_t at = 0; at < record.size(); at += kTxtStringMax)
    out += fmt::format("\n    \"{}\"", record.substr(at, kTxtStringMax));
  return out + " )";
}

std::string dkim_words(const admin::DkimKey& key) {
  return fmt::format("{} {} of {}: {}, {}", key.algorithm(),
                     key.algorithm() == "rsa" ? fmt::format("{} bits", key.bits()) : "key",
                     key.domain(), key.selector(), key.state());
}

void say_dkim_table(Context& context,
                    const google::protobuf::RepeatedPtrField<admin::DkimKey>& keys) {
  Table table({{"DOMAIN"}, {"SELECTOR"}, {"ALGORITHM"}, {"BITS", true}, {"STATE"}, {"SINCE"}});
  for (const admin::DkimKey& key : keys)
    table.add({key.domain(), key.selector(), key.algorithm(), std::to_string(key.bits()),
               key.state(), human_time(key.changed_s())});
  context.say(table.render(terminal_width()));
}

Outcome<> create_keys(Context& context, const DkimOptions& options, bool rotate) {
  admin::DkimCreateRequest request;
  request.set_name(options.domain);
  request.set_selector(options.selector);
  request.set_algorithm(options.algorithm);
  request.set_bits(options.bits);
  request.set_rotate(rotate);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"dry_run", options.dry_run}, {"keys", dkim_keys_json(reply.keys())}});
  if (options.dry_run) {
    for (const admin::DkimKey& key : reply.keys())
      context.say("Would make " + dkim_words(key) + ". Nothing was changed.");
    return {};
  }
  context.say(reply.keys_size() == 1 ? "Publish this record in the DNS:"
                                     : "Publish these records in the DNS:");
  for (const admin::DkimKey& key : reply.keys()) context.say("\n" + zone_line(key));
  context.say("\nOnce it is there:");
  for (const admin::DkimKey& key : reply.keys())
    context.say(fmt::format("  hauspost dkim activate {} {}", key.domain(), key.selector()));
  return {};
}

Outcome<> run_dkim_create(Context& context, DkimOptions& options) {
  return create_keys(context, options, false);
}

Outcome<> run_dkim_rotate(Context& context, DkimOptions& options) {
  return create_keys(context, options, true);
}

Outcome<> run_dkim_list(Context& context, DkimOptions& options) {
  admin::DkimListRequest request;
  request.set_name(options.domain);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json faults = Json::array();
  for (const std::string& fault : reply.faults()) faults.push_back(fault);
  context.print({{"keys", dkim_keys_json(reply.keys())}, {"faults", faults}});
  if (reply.keys().empty())
    context.say("No domain has a DKIM key; see: hauspost dkim create");
  else
    say_dkim_table(context, reply.keys());
  for (const std::string& fault : reply.faults())
    context.say("Cannot be read: " + printable(fault));
  return {};
}

Outcome<> run_dkim_show(Context& context, DkimOptions& options) {
  admin::DkimListRequest request;
  request.set_name(options.domain);
  request.set_selector(options.selector);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"keys", dkim_keys_json(reply.keys())}});
  bool first = true;
  for (const admin::DkimKey& key : reply.keys()) {
    context.say(fmt::format("{}{}, made {}", first ? "" : "\n", dkim_words(key),
                            human_time(key.created_s())));
    context.say(zone_line(key));
    first = false;
  }
  return {};
}

std::string published_words(const std::string& outcome) {
  if (outcome == "good") return "is published";
  if (outcome == "missing") return "is not in the DNS";
  if (outcome == "different") return "another key is published";
  if (outcome == "revoked") return "is published as revoked (p= is empty)";
  if (outcome == "broken") return "what is published is no key record for mail";
  return "the DNS does not answer";
}

Outcome<> run_dkim_check(Context& context, DkimOptions& options) {
  admin::DkimCheckRequest request;
  request.set_name(options.domain);
  request.set_selector(options.selector);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"keys", dkim_keys_json(reply.keys())}});
  const admin::DkimKey* bad = nullptr;
  bool any_active = false;
  for (const admin::DkimKey& key : reply.keys()) {
    context.say(fmt::format("{} ({}): {}", key.record_name(), key.state(),
                            published_words(key.published())));
    for (const std::string& text : key.found())
      if (key.published() != "good") context.say("  found: " + printable(text));
    any_active |= key.state() == "active";
    if (key.state() == "active" && key.published() != "good" && bad == nullptr) bad = &key;
  }
  if (bad != nullptr) {
    Failure failure{
        Exit::kRefused, "unavailable",
        fmt::format("{} signs, and its record {}; see: hauspost dkim show {} {}", bad->selector(),
                    published_words(bad->published()), bad->domain(), bad->selector())};
    failure.answered = true;
    return std::unexpected(std::move(failure));
  }
  if (!any_active) context.say("No key of this domain signs; see: hauspost dkim activate");
  return {};
}

Outcome<> run_dkim_activate(Context& context, DkimOptions& options) {
  admin::DkimActivateRequest request;
  request.set_name(options.domain);
  request.set_selector(options.selector);
  request.set_force(options.force);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"dry_run", options.dry_run}, {"keys", dkim_keys_json(reply.keys())}});
  for (const admin::DkimKey& key : reply.keys()) {
    context.say(fmt::format(
        "{}: {}", key.selector(),
        key.state() == "active"
            ? "signs mail from " + key.domain()
            : "signs no more; leave its record in the DNS for a week, then: hauspost dkim remove " +
                  key.domain() + " " + key.selector()));
  }
  if (options.dry_run) context.say("Nothing was changed.");
  return {};
}

Outcome<> run_dkim_remove(Context& context, DkimOptions& options) {
  if (!options.dry_run)
    TRY(context.confirm(fmt::format("Remove the DKIM key {} of {}? It cannot be had back",
                                    printable(options.selector), printable(options.domain))));
  admin::DkimRemoveRequest request;
  request.set_name(options.domain);
  request.set_selector(options.selector);
  request.set_force(options.force);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"dry_run", options.dry_run}, {"key", dkim_key_json(reply.key())}});
  context.say(fmt::format(
      "{} {}.{}", options.dry_run ? "Would remove" : "Removed", dkim_words(reply.key()),
      options.dry_run ? " Nothing was changed." : " Its record may go from the DNS too."));
  return {};
}

void add_dkim_domain(CLI::App& verb, DkimOptions& options) {
  verb.add_option("DOMAIN", options.domain, "The domain that signs")->required();
}

void add_dkim_making(CLI::App& verb, DkimOptions& options) {
  add_dkim_domain(verb, options);
  verb.add_option("--selector", options.selector,
                  "Name of the key in the DNS (default: made of the day)")
      ->type_name("NAME");
  verb.add_option("--bits", options.bits, "Of an RSA key, 2048 to 4096")->type_name("N");
  verb.add_flag("--dry-run", options.dry_run, "Say what would be made, change nothing");
}

}  // namespace

void add_dkim_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "dkim", "Keys that sign mail which leaves");
  const auto options = std::make_shared<DkimOptions>();
  CLI::App* create = add_verb<DkimOptions>(*noun, "create",
                                           "Make a key, and show the record to "
                                           "publish; it signs once it is activated",
                                           chosen, options, run_dkim_create);
  add_dkim_making(*create, *options);
  create->add_option("--algorithm", options->algorithm, "rsa (as without it), ed25519 or both")
      ->check(CLI::IsMember({"rsa", "ed25519", "both"}));
  CLI::App* list =
      add_verb<DkimOptions>(*noun, "list", "List keys", chosen, options, run_dkim_list);
  list->add_option("DOMAIN", options->domain, "Only of this domain");
  CLI::App* show = add_verb<DkimOptions>(*noun, "show", "Show keys with the records to publish",
                                         chosen, options, run_dkim_show);
  CLI::App* check = add_verb<DkimOptions>(*noun, "check",
                                          "Ask the DNS whether the records are "
                                          "published as they should be",
                                          chosen, options, run_dkim_check);
  for (CLI::App* verb : {show, check}) {
    add_dkim_domain(*verb, *options);
    verb->add_option("SELECTOR", options->selector, "Only this key");
  }
  CLI::App* activate = add_verb<DkimOptions>(
      *noun, "activate", "Sign with a key from now on, and no more with the one before it", chosen,
      options, run_dkim_activate);
  activate->add_flag("--force", options->force, "Although the DNS does not have its record");
  CLI::App* rotate = add_verb<DkimOptions>(
      *noun, "rotate", "Make the successor of each key that signs; it signs once it is activated",
      chosen, options, run_dkim_rotate);
  add_dkim_making(*rotate, *options);
  CLI::App* remove =
      add_verb<DkimOptions>(*noun, "remove", "Destroy a key", chosen, options, run_dkim_remove);
  remove->add_flag("--force", options->force, "Although it signs");
  for (CLI::App* verb : {activate, remove}) {
    add_dkim_domain(*verb, *options);
    verb->add_option("SELECTOR", options->selector, "The key's name in the DNS")->required();
    verb->add_flag("--dry-run", options->dry_run, "Say what would happen, change nothing");
  }
}

}  // namespace hauspost::cli
