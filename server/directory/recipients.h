// Recipients that are no mailboxes: contacts, mail users and groups; and who may send as whom.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

namespace hauspost::directory {

enum class RecipientKind : std::uint8_t {
  kContact,   // an address of ours for somebody outside
  kMailUser,  // the same, who may log in to send
  kGroup,     // its members
};

// Who hears that a copy for a member could not be delivered.
enum class GroupReports : std::uint8_t { kSender, kOwner, kNobody };

inline constexpr std::size_t kGroupMembersMax = 100'000;
inline constexpr std::size_t kAllowedSendersMax = 200;  // of a group

struct RecipientEntry {
  Guid guid;
  RecipientKind kind = RecipientKind::kContact;
  std::string address;  // primary, lower-case domain
  std::vector<std::string> aliases;
  std::string display_name;
  std::int64_t created_s = 0;
  std::string target;  // of contacts and mail users: the address outside
  // Of groups:
  std::string owner;  // an address of ours; empty: none
  GroupReports reports = GroupReports::kSender;
  bool anyone = false;         // takes mail from those who did not authenticate
  bool members_only = false;   // and from members only
  std::vector<Guid> allowed;   // and from these only, when there are any
  bool is_restricted() const { return !anyone || members_only || !allowed.empty(); }
};

struct RecipientOrder {
  Guid guid = Guid::random();
  RecipientKind kind = RecipientKind::kContact;
  std::string address;
  std::vector<std::string> aliases = {};
  std::string display_name = {};
  std::string target = {};
};

// What is not set stays.
struct RecipientChanges {
  std::optional<std::string> display_name;
  std::optional<std::string> target;
  std::optional<std::string> owner;  // empty: nobody any more
  std::optional<GroupReports> reports;
  std::optional<bool> anyone;
  std::optional<bool> members_only;
  std::vector<std::string> add_allowed;  // addresses of mailboxes, mail users and groups
  std::vector<std::string> remove_allowed;
  std::vector<std::string> add_aliases;
  std::vector<std::string> remove_aliases;
};

struct GroupMember {
  enum class Kind : std::uint8_t { kMailbox, kContact, kMailUser, kGroup, kOutside };
  Kind kind = Kind::kOutside;
  Guid guid;            // nil: an address outside
  std::string address;  // primary
};

struct GroupPage {
  std::vector<GroupMember> members;
  std::string next;  // where the next page begins; empty: there is none
};

enum class SendGrant : std::uint8_t { kAs = 1, kOnBehalf = 2 };

}  // namespace hauspost::directory
