// Keys and values of the tables of groups and grants. Included from this folder only.
#pragma once

#include "server/directory/data.h"

namespace hauspost::directory {

inline constexpr std::string_view kMemberById = "g";
inline constexpr std::string_view kMemberByAddress = "a";

// `member`: what stands behind the group's GUID.
inline std::string member_key(const Guid& group, std::string_view member) {
  return std::string(group.as_bytes()).append(member);
}
inline std::string membership_key(const Guid& member, const Guid& group) {
  return grant_key(member, group);
}
inline std::string group_count_key(const Guid& group) { return "group/" + group.to_string(); }

inline std::string_view stored_grant(SendGrant grant) {
  return grant == SendGrant::kAs ? "as" : "on-behalf";
}
inline std::optional<SendGrant> send_grant_from(std::string_view stored) {
  if (stored == "as") return SendGrant::kAs;
  if (stored == "on-behalf") return SendGrant::kOnBehalf;
  return std::nullopt;
}

}  // namespace hauspost::directory
