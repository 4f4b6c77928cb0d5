#include "tools/cli/limit_options.h"

#include <fmt/format.h>

#include "server/directory/limits.h"
#include "tools/cli/amount.h"

namespace hauspost::cli {

namespace {

using directory::kUnlimited;

// What an Exchange database has when it is new.
constexpr std::uint64_t kExchangeWarn = 2'039'480'320;
constexpr std::uint64_t kExchangeProhibitSend = 2'147'483'648;
constexpr std::uint64_t kExchangeProhibitReceive = 2'469'396'480;

constexpr std::string_view kUnlimitedWord = "unlimited";
constexpr std::string_view kDefaultWord = "default";

// Reads one option: "default" marks it in `unset`, anything else is read into `set`.
template <class Value, class Read>
Outcome<> take(const std::string& text, std::string_view option, std::string_view form, Read read,
               admin::LimitChanges& changes, void (admin::Limits::*setter)(Value)) {
  if (text.empty()) return {};
  if (text == kDefaultWord) {
    (changes.mutable_unset()->*setter)(Value{});
    return {};
  }
  const auto value = read(text);
  if (!value) {
    return usage(fmt::format("{}: \"{}\" is not {} or \"default\"", option, printable(text), form));
  }
  (changes.mutable_set()->*setter)(static_cast<Value>(*value));
  return {};
}

std::optional<std::uint64_t> read_size(std::string_view text) {
  return text == kUnlimitedWord ? kUnlimited : parse_size(text);
}

std::optional<std::uint32_t> read_count(std::string_view text) {
  const auto number = parse_size(text);
  if (!number || *number == 0 || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

void unset_everything(admin::Limits& unset) {
  unset.set_warn_bytes(0);
  unset.set_prohibit_send_bytes(0);
  unset.set_prohibit_receive_bytes(0);
  unset.set_recoverable_bytes(0);
  unset.set_keep_deleted_s(0);
  unset.set_keep_disconnected_s(0);
  unset.set_message_bytes_max(0);
  unset.set_sessions_max(0);
}

std::string size_text(std::uint64_t bytes) {
  return bytes == kUnlimited ? std::string(kUnlimitedWord) : human_bytes(bytes);
}

}  // namespace

void add_limit_options(CLI::App& verb, LimitOptions& options, LimitScope scope) {
  const bool database = scope == LimitScope::kDatabase;
  const char* above = database ? "the built-in value" : "the database's value";
  const auto add = [&](const char* name, std::string& value, const char* type, const char* what) {
    verb.add_option(name, value, fmt::format("{}; \"default\": {}", what, above))->type_name(type);
  };
  add("--warn", options.warn, "SIZE", "From this size on the user is warned by mail");
  add("--prohibit-send", options.prohibit_send, "SIZE", "From this size on the user cannot send");
  add("--prohibit-receive", options.prohibit_receive, "SIZE",
      "Beyond this size nothing more gets in");
  add("--recoverable", options.recoverable, "SIZE",
      "Deleted messages above this size go early, the oldest first");
  add("--keep-deleted", options.keep_deleted, "TIME",
      "How long deleted messages can be recovered; 0: not at all");
  if (database)
    add("--keep-disconnected", options.keep_disconnected, "TIME",
        "How long the mail of a disabled mailbox is kept");
  add("--max-message", options.message_size, "SIZE", "The largest message to send or to get");
  add("--sessions", options.sessions, "NUMBER", "Sessions of one user and protocol at once");
  verb.add_flag("--exchange-quotas", options.exchange_quotas,
                "Warn at 1.9 GiB, no sending from 2 GiB, nothing more in beyond 2.3 GiB");
  if (!database)
    verb.add_flag("--use-database-defaults", options.use_defaults,
                  "Everything as the database says");
}

bool any_given(const LimitOptions& options) {
  for (const std::string* given :
       {&options.warn, &options.prohibit_send, &options.prohibit_receive, &options.recoverable,
        &options.keep_deleted, &options.keep_disconnected, &options.message_size,
        &options.sessions}) {
    if (!given->empty()) return true;
  }
  return options.exchange_quotas || options.use_defaults;
}

Outcome<admin::LimitChanges> to_changes(const LimitOptions& options) {
  using admin::Limits;
  constexpr std::string_view kSize = "a size like 500M or 2G, \"unlimited\"";
  constexpr std::string_view kTime = "a time like 12h or 14d";
  admin::LimitChanges changes;
  if (options.use_defaults && options.exchange_quotas)
    return usage("--use-database-defaults and --exchange-quotas exclude each other");
  if (options.use_defaults) unset_everything(*changes.mutable_unset());
  if (options.exchange_quotas) {
    changes.mutable_set()->set_warn_bytes(kExchangeWarn);
    changes.mutable_set()->set_prohibit_send_bytes(kExchangeProhibitSend);
    changes.mutable_set()->set_prohibit_receive_bytes(kExchangeProhibitReceive);
  }
  TRY(take(options.warn, "--warn", kSize, read_size, changes, &Limits::set_warn_bytes));
  TRY(take(options.prohibit_send, "--prohibit-send", kSize, read_size, changes,
           &Limits::set_prohibit_send_bytes));
  TRY(take(options.prohibit_receive, "--prohibit-receive", kSize, read_size, changes,
           &Limits::set_prohibit_receive_bytes));
  TRY(take(options.recoverable, "--recoverable", kSize, read_size, changes,
           &Limits::set_recoverable_bytes));
  TRY(take(options.keep_deleted, "--keep-deleted", kTime, parse_duration, changes,
           &Limits::set_keep_deleted_s));
  TRY(take(options.keep_disconnected, "--keep-disconnected", kTime, parse_duration, changes,
           &Limits::set_keep_disconnected_s));
  TRY(take(options.message_size, "--max-message", kSize, read_size, changes,
           &Limits::set_message_bytes_max));
  TRY(take(options.sessions, "--sessions", "a number from 1 on", read_count, changes,
           &Limits::set_sessions_max));
  // What is set in the same breath is not taken back: changes are set first and unset then.
  if (options.use_defaults && changes.has_set())
    return usage("--use-database-defaults stands alone");
  return changes;
}

void add_limit_rows(Table& table, const admin::Limits& effective, const admin::Limits& own,
                    LimitScope scope) {
  const std::string_view above =
      scope == LimitScope::kDatabase ? " (built in)" : " (as the database says)";
  const auto row = [&](const char* name, const std::string& value, bool ours) {
    table.add({name, value + std::string(ours ? "" : above)});
  };
  row("warn", size_text(effective.warn_bytes()), own.has_warn_bytes());
  row("prohibit send", size_text(effective.prohibit_send_bytes()), own.has_prohibit_send_bytes());
  row("prohibit receive", size_text(effective.prohibit_receive_bytes()),
      own.has_prohibit_receive_bytes());
  row("recoverable", size_text(effective.recoverable_bytes()), own.has_recoverable_bytes());
  row("keep deleted", duration_text(effective.keep_deleted_s()), own.has_keep_deleted_s());
  if (scope == LimitScope::kDatabase)
    row("keep disconnected", duration_text(effective.keep_disconnected_s()),
        own.has_keep_disconnected_s());
  row("max message", size_text(effective.message_bytes_max()), own.has_message_bytes_max());
  row("sessions", std::to_string(effective.sessions_max()), own.has_sessions_max());
}

Json to_json(const admin::Limits& limits) {
  Json out = Json::object();
  const auto size = [&](const char* name, bool set, std::uint64_t value) {
    if (set) out[name] = value == kUnlimited ? Json() : Json(value);
  };
  size("warn_bytes", limits.has_warn_bytes(), limits.warn_bytes());
  size("prohibit_send_bytes", limits.has_prohibit_send_bytes(), limits.prohibit_send_bytes());
  size("prohibit_receive_bytes", limits.has_prohibit_receive_bytes(),
       limits.prohibit_receive_bytes());
  size("recoverable_bytes", limits.has_recoverable_bytes(), limits.recoverable_bytes());
  if (limits.has_keep_deleted_s()) out["keep_deleted_s"] = limits.keep_deleted_s();
  if (limits.has_keep_disconnected_s()) out["keep_disconnected_s"] = limits.keep_disconnected_s();
  size("message_bytes_max", limits.has_message_bytes_max(), limits.message_bytes_max());
  if (limits.has_sessions_max()) out["sessions_max"] = limits.sessions_max();
  return out;
}

}  // namespace hauspost::cli
