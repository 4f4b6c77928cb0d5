// A directory for tests of who gets a message: mailboxes, groups, contacts and forwards in maps.
#pragma once

#include <map>
#include <set>

#include "transport/directory.h"

namespace hauspost::transport::test {

// Domain example.org is ours, relay.example goes on. Addresses in lower case.
class Organisation final : public Directory {
 public:
  Guid mailbox(const std::string& address, const std::string& forward_to = {},
               bool keep_copy = true) {
    Resolved entry{.kind = Resolved::Kind::kMailbox,
                   .mailbox = Guid::random(),
                   .label = address,
                   .database = "DB1",
                   .socket = socket,
                   .target = forward_to,
                   .keep_copy = keep_copy};
    entries[address] = entry;
    return entry.mailbox;
  }
  void alias(const std::string& address, const std::string& of) { entries[address] = entries[of]; }
  void contact(const std::string& address, const std::string& target) {
    entries[address] = {.kind = Resolved::Kind::kExternal,
                        .mailbox = Guid::random(),
                        .label = address,
                        .target = target};
  }
  Guid group(const std::string& address, std::vector<std::string> members, GroupRules rules = {}) {
    Resolved& entry = entries[address];
    if (entry.mailbox.is_nil()) entry.mailbox = Guid::random();
    entry.kind = Resolved::Kind::kGroup;
    entry.label = address;
    groups[entry.mailbox] = {std::move(members), std::move(rules)};
    return entry.mailbox;
  }
  void restrict(const std::string& address, std::set<Guid> posters) {
    entries[address].restricted = true;
    may[entries[address].mailbox] = std::move(posters);
  }

  Resolved resolve(std::string_view address) const override {
    if (down) return {};
    const auto found = entries.find(ascii_lower(address));
    if (found != entries.end()) return found->second;
    const std::string domain = domain_of(address);
    if (domain == "relay.example") return {.kind = Resolved::Kind::kRelay};
    return {.kind = domain == "example.org" ? Resolved::Kind::kUnknown : Resolved::Kind::kForeign};
  }
  Result<bool> is_accepted_domain(std::string_view domain) const override {
    return iequals(domain, "example.org");
  }
  Result<bool> owns_address(const Guid& mailbox, std::string_view address) const override {
    return resolve(address).mailbox == mailbox;
  }
  Result<bool> may_post(const Guid& group, const Guid& user) const override {
    return may.at(group).contains(user);
  }
  Result<GroupRules> group_rules(const Guid& group) const override {
    return groups.at(group).second;
  }
  Result<MemberPage> members(const Guid& group, std::string_view from,
                             std::size_t limit) const override {
    const auto& all = groups.at(group).first;
    const std::size_t begin = from.empty() ? 0 : std::stoul(std::string(from));
    MemberPage page;
    for (std::size_t i = begin; i < std::min(begin + limit, all.size()); ++i)
      page.members.push_back({all[i], resolve(all[i])});
    if (begin + limit < all.size()) page.next = std::to_string(begin + limit);
    return page;
  }
  std::string forwarding_domain(std::string_view address) const override {
    return srs && domain_of(address) == "example.org" ? "example.org" : "";
  }

  static std::string domain_of(std::string_view address) {
    return ascii_lower(address.substr(address.rfind('@') + 1));
  }

  std::map<std::string, Resolved, std::less<>> entries;
  std::map<Guid, std::pair<std::vector<std::string>, GroupRules>> groups;
  std::map<Guid, std::set<Guid>> may;
  std::string socket = "/nowhere";
  bool srs = true;
  bool down = false;
};

}  // namespace hauspost::transport::test
