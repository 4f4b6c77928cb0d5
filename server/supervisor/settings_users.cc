#include "server/supervisor/settings_users.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

namespace hauspost::supervisor {

namespace {

constexpr std::size_t kFurtherGroupsMax = 16;
constexpr std::uint64_t kIdMax = 0xffff'fffeU;  // (uid_t)-1 means "as it is"

// A name or a number, as the file may have either.
Result<std::optional<std::string>> name_or_number(Section& section, std::string_view key) {
  const toml::node* node = section.find(key);
  if (node == nullptr) return std::optional<std::string>();
  if (const auto number = node->value_exact<std::int64_t>(); number && *number >= 0)
    return std::optional(std::to_string(*number));
  const auto text = node->value_exact<std::string>();
  if (!text || text->empty()) {
    return wrong(node->source(), section.full(key) + " must be a name in quotes or a number");
  }
  return std::optional(*text);
}

Result<std::string> required(Section& section, std::string_view key) {
  TRY_ASSIGN(const auto value, name_or_number(section, key));
  if (value) return *value;
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: {} is missing: every role needs a user of its own, and all of them "
                          "one group; or leave the whole section out",
                          kSettingsFile, section.full(key)));
}

Result<> read_auth_groups(Section& section, UserNames& users) {
  const toml::node* node = section.find("auth_groups");
  if (node == nullptr) return {};
  const toml::array* list = node->as_array();
  const auto bad = [&] {
    return wrong(node->source(),
                 section.full("auth_groups") + " must be a list of names such as [\"shadow\"]");
  };
  if (list == nullptr || list->size() > kFurtherGroupsMax) return bad();
  for (const toml::node& item : *list) {
    const auto name = item.value_exact<std::string>();
    if (!name || name->empty()) return bad();
    users.auth_groups.push_back(*name);
  }
  return {};
}

std::unexpected<Error> no_such(std::string_view what, std::string_view key,
                               const std::string& name) {
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: users.{}: no {} \"{}\" on this machine; make it, or name another",
                          kSettingsFile, key, what, escape_for_log(name)));
}

std::optional<std::uint32_t> as_number(const std::string& name) {
  const auto number = parse_u64(name);
  if (!number || *number > kIdMax) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

Result<uid_t> user_id(std::string_view role, const std::string& name) {
  if (const auto number = as_number(name)) return *number;
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return no_such("user", role, name);
  return entry->pw_uid;
}

Result<gid_t> group_id(std::string_view key, const std::string& name) {
  if (const auto number = as_number(name)) return *number;
  const group* const entry = ::getgrnam(name.c_str());
  if (entry == nullptr) return no_such("group", key, name);
  return entry->gr_gid;
}

}  // namespace

Result<> read_users(const toml::table& file, UserNames& users) {
  TRY_ASSIGN(Section section, Section::open(file, "users"));
  if (section.table() == nullptr) return {};
  users.switching = true;
  for (std::size_t i = 0; i < child::kRoleCount; ++i) {
    TRY_ASSIGN(users.names[i], required(section, child::kRoleWords[i]));
    for (std::size_t other = 0; other < i; ++other) {
      if (users.names[other] != users.names[i]) continue;
      return fail(
          ErrorCode::kInvalid,
          fmt::format("{}: users.{} and users.{} are both \"{}\": each role needs a user of "
                      "its own",
                      kSettingsFile, child::kRoleWords[other], child::kRoleWords[i],
                      escape_for_log(users.names[i])));
    }
  }
  TRY_ASSIGN(users.group, required(section, "group"));
  TRY(read_auth_groups(section, users));
  return section.finish();
}

std::string format_users(const UserNames& users) {
  if (!users.switching) return {};
  std::string out =
      "\n# The Unix user of each role, and the group of all of them. Without this section every\n"
      "# role runs as whoever starts hauspostd; only root can start them as others.\n[users]\n";
  for (std::size_t i = 0; i < child::kRoleCount; ++i)
    out += fmt::format("{} = \"{}\"\n", child::kRoleWords[i], users.names[i]);
  out += fmt::format("group = \"{}\"\n", users.group);
  if (users.auth_groups.empty()) return out;
  return out + fmt::format("auth_groups = [\"{}\"]\n", fmt::join(users.auth_groups, "\", \""));
}

UserNames standard_users() {
  UserNames users;
  users.switching = true;
  for (std::size_t i = 0; i < child::kRoleCount; ++i)
    users.names[i] = fmt::format("hauspost-{}", child::kRoleWords[i]);
  users.group = "hauspost";
  return users;
}

Result<child::Users> find_users(const UserNames& names) {
  child::Users users;
  if (!names.switching) return users;
  for (std::size_t i = 0; i < child::kRoleCount; ++i) {
    TRY_ASSIGN(users.ids[i], user_id(child::kRoleWords[i], names.names[i]));
    const bool root = users.ids[i] == 0;
    const bool twice = std::find(users.ids.begin(), users.ids.begin() + static_cast<long>(i),
                                 users.ids[i]) != users.ids.begin() + static_cast<long>(i);
    if (!root && !twice) continue;
    return fail(
        ErrorCode::kInvalid,
        fmt::format("{}: users.{}: \"{}\" is {}", kSettingsFile, child::kRoleWords[i],
                    escape_for_log(names.names[i]), root ? "root" : "the user of another role"));
  }
  TRY_ASSIGN(users.group, group_id("group", names.group));
  if (users.group == 0)
    return fail(ErrorCode::kInvalid, fmt::format("{}: users.group is root's", kSettingsFile));
  for (const std::string& name : names.auth_groups) {
    TRY_ASSIGN(users.auth_groups.emplace_back(), group_id("auth_groups", name));
  }
  users.switching = ::geteuid() == 0;
  if (!users.switching) log::warning("users.unused", {{"cause", "hauspostd does not run as root"}});
  return users;
}

}  // namespace hauspost::supervisor
