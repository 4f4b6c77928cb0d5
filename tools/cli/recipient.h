// What the nouns of recipients that are no mailboxes share: contact, mailuser, group.
#pragma once

#include "tools/cli/commands.h"
#include "tools/cli/password.h"

namespace hauspost::cli {

// What `create` and `set` of all three take.
struct RecipientOptions {
  std::string name;
  std::string display_name;
  std::string target;
  std::vector<std::string> aliases;       // of create
  std::vector<std::string> add_aliases;   // of set
  std::vector<std::string> drop_aliases;  // likewise
  PasswordOptions password;
  bool no_password = false;
  bool dry_run = false;
};

Json to_json(const admin::Recipient& recipient);

// The server's answer in words and as JSON.
void show_recipient(Context& context, const admin::Recipient& recipient);
void say_created(Context& context, const admin::Recipient& recipient, bool dry_run);

// Calls `use` for each of a kind, by address.
Outcome<> for_each_recipient(Context& context, const std::string& kind,
                             const std::function<void(const admin::Recipient&)>& use);

// `KIND show` and `KIND remove`.
Outcome<> show_named(Context& context, const std::string& kind, const RecipientOptions& options);
Outcome<> remove_named(Context& context, const std::string& kind, const RecipientOptions& options);

// "--alias" of create; "--add-alias" and "--remove-alias" of set.
void add_alias_option(CLI::App& verb, RecipientOptions& options);
void add_alias_changes(CLI::App& verb, RecipientOptions& options);
// What the latter say.
void set_alias_changes(const RecipientOptions& options, admin::RecipientChanges& changes);

}  // namespace hauspost::cli
